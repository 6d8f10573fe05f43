"""Twenty rounds of killed and paused processes, and that the audit behind them would notice what must not be."""

from __future__ import annotations

import dataclasses
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from sendwhen.client import Position
from sendwhen.domain.changes import DeadLetter
from tests.e2e.kills import logs
from tests.e2e.kills.audit import Evidence, Row, complaints
from tests.e2e.kills.expectation import Email, Logged, expected_emails
from tests.e2e.kills.rounds import plan, run
from tests.e2e.kills.shop import Shop
from tests.e2e.kills.victims import APART, TOGETHER
from tests.fakes.fake_sendgrid import Taken

ROUNDS, ROUNDS_APART = 16, 6
SEED = 1


@pytest.mark.integration
@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_nothing_acknowledged_is_lost_and_no_email_doubled_whoever_dies_or_hangs(tmp_path: Path) -> None:
    said: list[str] = []

    outcome = await run(tmp_path / "data", rounds=ROUNDS, seed=SEED, tell=said.append)

    story = "\n".join([*said, outcome.summary, f"repeat with: make kills ROUNDS={ROUNDS} SEED={SEED}"])
    assert outcome.complaints == [], story
    assert set(outcome.happened) >= {(victim, how) for victim in TOGETHER for how in ("killed", "paused")}
    # Else nobody died with an attempt under way, and the interesting half of the ledger was not tried.
    assert outcome.doubts > 0, story


@pytest.mark.integration
@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_the_same_where_ingest_and_trigger_die_or_hang_each_by_itself(tmp_path: Path) -> None:
    said: list[str] = []

    outcome = await run(tmp_path / "data", rounds=ROUNDS_APART, seed=SEED, tell=said.append, apart=True)

    story = "\n".join([*said, outcome.summary, f"repeat with: make kills ROUNDS={ROUNDS_APART} SEED={SEED} APART=1"])
    assert outcome.complaints == [], story
    assert set(outcome.happened) >= {(victim, how) for victim in ("trigger", "ingest") for how in ("killed", "paused")}


@pytest.mark.parametrize(("apart", "victims"), [(False, TOGETHER), (True, APART)], ids=["together", "apart"])
def test_every_victim_is_killed_and_paused_and_the_rest_is_chance_that_a_seed_repeats(
    apart: bool, victims: Sequence[str]
) -> None:
    rounds, in_turn = plan(40, random.Random(7), apart=apart), 2 * len(victims)

    assert rounds == plan(40, random.Random(7), apart=apart)
    assert rounds != plan(40, random.Random(8), apart=apart)
    assert {(fault.victim, fault.pause_s > 0) for round_ in rounds[:in_turn] for fault in round_.faults} == {
        (victim, paused) for victim in victims for paused in (False, True)
    }
    assert {len(round_.faults) for round_ in rounds[in_turn:]} == {1, 2, len(victims) + 1}


def test_a_cart_is_reminded_of_unless_bought_before_its_deadline() -> None:
    def emails(*events: tuple[str, int]) -> list[tuple[str, int]]:
        logged = [Logged(str(n), name, "u", at_ms, {"total": 10}) for n, (name, at_ms) in enumerate(events)]
        return [(email.campaign, email.due_at_ms) for email in expected_emails(logged).elements()]

    added, ordered = "Product Added", "Order Completed"
    assert emails((added, 1_000)) == [("abandoned", 3_000), ("abandoned", 4_000)]
    assert emails((added, 1_000), (ordered, 2_999)) == []
    assert emails((added, 1_000), (ordered, 3_000)) == [("abandoned", 3_000)]
    assert emails((added, 1_000), (added, 2_000), (ordered, 4_000)) == [("abandoned", 4_000)]


class Sound:
    """A run in which all is well, to be spoilt."""

    def __init__(self) -> None:
        self.shop = Shop(1)
        event = self.shop.customers[0].does("Seat Freed")
        self.shop.acknowledged[event.event_id] = Position(partition=3, seq=1)
        logged = Logged(event.event_id, "Seat Freed", event.user_id, 77, {})
        self.row = Row(
            send_id="s", email=Email("seat-freed", event.user_id, 77), state="ACCEPTED", attempts=1, doubts=0,
            may_be_double=False,
        )  # fmt: skip
        self.evidence = Evidence(events={3: [(1, 0, logged)]}, dead=[], counters=Counter(applied=1), rows=[self.row])
        self.taken = [self.take(1)]

    @staticmethod
    def take(attempt: int) -> Taken:
        return Taken(send_id="s", attempt=str(attempt), first_byte_at_us=0, body={})

    def rows(self, *rows: Row) -> Evidence:
        return dataclasses.replace(self.evidence, rows=list(rows))

    def says(self, evidence: Evidence | None = None, taken: Sequence[Taken] | None = None) -> str:
        found = complaints(evidence or self.evidence, self.shop, self.taken if taken is None else taken)
        return "\n".join(found)


def test_a_customers_data_and_unforeseen_errors_in_the_logs_are_noticed(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    workers = tmp_path / "ray" / "session_2026" / "logs"
    workers.mkdir(parents=True)
    (tmp_path / "logs" / "sender.log").write_text('{"event": "process.refused", "level": "error"}\nall is well\n')
    assert logs.complaints(tmp_path) == []

    (tmp_path / "logs" / "sender.log").write_text('{"event": "sent", "to": "customer-7@example.com"}\n')
    (workers / "worker-1.err").write_text("Traceback (most recent call last):\n  File x\nKeyError: 7\n")

    assert logs.complaints(tmp_path) == [
        "sender.log has 1 lines with a customer's data",
        "worker-1.err: Traceback (most recent call last): KeyError: # (1 times)",
    ]


def test_a_sound_run_has_no_complaints() -> None:
    assert Sound().says() == ""


def test_a_lost_event_is_noticed() -> None:
    sound = Sound()

    gone = dataclasses.replace(sound.evidence, events={3: []})
    elsewhere = dataclasses.replace(sound.evidence, events={3: [(2, 0, sound.evidence.events[3][0][2])]})

    assert "acknowledged events are not where" in sound.says(gone)
    assert "acknowledged events are not where" in sound.says(elsewhere)


def test_an_event_applied_twice_or_not_at_all_is_noticed() -> None:
    sound = Sound()

    for counters in (Counter(applied=2), Counter(applied=0), Counter(applied=1, duplicates=1)):
        assert "the shards counted" in sound.says(dataclasses.replace(sound.evidence, counters=counters))


def test_an_event_set_aside_is_noticed_unless_its_owners_died_of_it() -> None:
    sound = Sound()
    letter = DeadLetter(seq=1, index=0, event_id="e", reason="quarantined", detail="", at_ms=0)

    def set_aside(letter: DeadLetter) -> Evidence:
        return dataclasses.replace(sound.evidence, dead=[(3, letter)], counters=Counter(dead=1), rows=[])

    assert sound.says(set_aside(letter), []) == ""
    failed = DeadLetter(seq=1, index=0, event_id="e", reason="failed", detail="", at_ms=0)
    assert "dead letters" in sound.says(set_aside(failed), [])


def test_a_missing_and_a_surplus_email_are_noticed() -> None:
    sound = Sound()
    surplus = dataclasses.replace(sound.row, send_id="s2", email=Email("seat-freed", "nobody", 77))

    assert "1 emails were not decided" in sound.says(sound.rows(), [])
    assert "1 emails were decided for no reason" in sound.says(sound.rows(sound.row, surplus))


def test_an_email_is_accepted_only_where_the_provider_took_it() -> None:
    assert "was taken 0 times" in Sound().says(taken=[])


def test_a_doubled_email_is_noticed_unless_doubt_and_policy_explain_it() -> None:
    sound = Sound()
    twice = [sound.take(1), sound.take(2)]
    explained = dataclasses.replace(sound.row, attempts=2, doubts=1, may_be_double=True)
    at_most_once = dataclasses.replace(explained, email=Email("receipt", "customer-0", 77))

    assert "was doubled" in sound.says(taken=twice)
    assert sound.says(sound.rows(explained), twice) == ""
    assert "was doubled" in sound.says(sound.rows(at_most_once), twice)
    assert "attempts reached the provider twice" in sound.says(sound.rows(explained), [sound.take(1), sound.take(1)])


def test_an_email_given_up_without_doubt_is_noticed() -> None:
    sound = Sound()

    assert "was taken 0 times" in sound.says(sound.rows(dataclasses.replace(sound.row, state="GAVE_UP")), [])
    doubted = dataclasses.replace(sound.row, state="GAVE_UP", doubts=1)
    assert sound.says(sound.rows(doubted), []) == ""
