"""A decision that comes in and can go out at once: accepted, claimed and attempted in one step of the ledger."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import suppress
from typing import Any

import pytest

from sendwhen.v1 import email_pb2
from services.sender.dispatch import TakenIn
from services.sender.ledger import State
from services.sender.ledger_port import LedgerLost, NewEmail, Settle, Submit
from services.sender.ports import DispatchRequest, TemplateText
from tests.services.sender.emails import ADDRESSES, NOW_MS, a_new_email, an_intent
from tests.services.sender.world import RULES, Crash, World

AT_LEAST_ONCE = email_pb2.IN_DOUBT_POLICY_AT_LEAST_ONCE
HOUR_MS = 3_600_000


def steps_of(
    world: World, *emails: NewEmail, worker: str, attempts_max: int
) -> Generator[DispatchRequest, Any, TakenIn]:
    """All that becomes of a submission, as one generator."""
    taken_in = yield from world.dispatch.take_in(emails, worker=worker, claim_max=10, attempts_max=attempts_max)
    for attempt in taken_in.attempts:
        yield from attempt
    for claimed in taken_in.answer.claimed:
        yield from world.dispatch.emails(claimed)
    return taken_in


def take_in(world: World, *emails: NewEmail, worker: str = "w/1", attempts_max: int = 10, **drive: Any) -> TakenIn:
    return world.drive(steps_of(world, *emails, worker=worker, attempts_max=attempts_max), **drive)


def run_rounds(world: World, *, until_ms: int, step_ms: int = 30_000) -> None:
    while world.clock.ms < until_ms:
        world.clock.ms += step_ms
        world.drive(world.dispatch.round("later", emails_max=100))


def asked(world: World, *emails: NewEmail) -> list[str]:
    """Names of the requests, in order."""
    names: list[str] = []

    def note(request: DispatchRequest) -> bool:
        names.append(type(request).__name__)
        return False

    take_in(world, *emails, loses=note)
    return names


def test_one_step_of_the_ledger_comes_before_the_call() -> None:
    world = World()

    assert asked(world, a_new_email()) == ["GetTemplate", "Submit", "Call", "Settle", "Report"]

    assert [message.attempt for message in world.calls] == [1]
    assert world.states() == {State.ACCEPTED: 1}
    (report,) = world.reports
    assert report.stamps is not None
    assert (report.stamps.submitted_at_us, report.stamps.claimed_at_us) == (NOW_MS * 1_000, NOW_MS * 1_000)


@pytest.mark.parametrize("crash_before", range(8))
@pytest.mark.parametrize("policy", [email_pb2.IN_DOUBT_POLICY_AT_MOST_ONCE, AT_LEAST_ONCE])
def test_wherever_the_process_ends_the_relay_comes_again_and_only_a_doubt_allows_a_second_call(
    crash_before: int, policy: int
) -> None:
    """Kills the mutant that begins an attempt after the call."""
    world = World()
    emails = (a_new_email("a", in_doubt=policy), a_new_email("b", ordinal=2, in_doubt=policy))
    with suppress(Crash):
        take_in(world, *emails, crash_before=crash_before)
    take_in(world, *emails, worker="w/2")
    run_rounds(world, until_ms=NOW_MS + 2 * HOUR_MS)

    for row in world.ledger.rows.values():
        calls = sum(message.send_id == row.send_id for message in world.calls)
        assert row.state in (State.ACCEPTED, State.GAVE_UP)
        assert calls <= 1 + row.doubts
        if policy != AT_LEAST_ONCE:
            assert calls <= 1
    assert len(world.ledger.rows) == 2


def test_a_lost_answer_is_asked_for_again_and_the_provider_is_called_once() -> None:
    world = World()
    seen: list[object] = []

    def loses(request: DispatchRequest) -> bool:
        seen.append(request)
        return isinstance(request, Submit) and sum(isinstance(one, Submit) for one in seen) < 3

    take_in(world, a_new_email(), loses=loses)
    take_in(world, a_new_email(), worker="w/2")

    assert (len(world.calls), world.states(), world.pauses) == (1, {State.ACCEPTED: 1}, 2)


def test_a_ledger_that_never_answers_is_told_to_the_relay_and_nobody_is_called() -> None:
    world = World()

    with pytest.raises(LedgerLost):
        take_in(world, a_new_email(), loses=lambda request: isinstance(request, Submit))

    assert world.calls == []


def test_a_suppressed_address_is_not_called() -> None:
    world = World()
    world.ledger.suppressed[ADDRESSES.hash_of("ada@example.invalid")] = "asked"

    take_in(world, a_new_email())

    assert (world.calls, world.states()) == ([], {State.SUPPRESSED: 1})


def test_values_that_are_no_longer_young_are_asked_for_after_the_decision_is_durable() -> None:
    world = World()
    world.profile = {"name": "Ada"}
    world.clock.ms += RULES.captured_max_age_ms + 1

    names = asked(world, a_new_email())

    assert names.index("Submit") < names.index("GetProfile") < names.index("BeginAttempt") < names.index("Call")
    assert world.states() == {State.ACCEPTED: 1}


@pytest.mark.parametrize(("consent", "state"), [(True, State.ACCEPTED), (False, State.SUPPRESSED)])
def test_marketing_is_durable_before_profile_is_asked_and_not_called_without_consent(
    consent: bool, state: State
) -> None:
    world = World()
    world.profile = {"consent": consent}

    names = asked(world, a_new_email(category=email_pb2.CATEGORY_MARKETING))

    assert names.index("Submit") < names.index("GetProfile")
    assert (world.states(), len(world.calls)) == ({state: 1}, int(consent))


def test_what_cannot_be_rendered_is_durable_and_then_rejected_by_name() -> None:
    world = World()
    world.template = TemplateText(subject="s", text="needs a name", html="")

    take_in(world, a_new_email())

    (row,) = world.ledger.rows.values()
    assert (row.state, row.attempts, row.detail) == (State.REJECTED, 0, "missing value: customer.name is absent.")


def test_a_decision_on_which_rendering_breaks_holds_up_nobody() -> None:
    world = World()
    world.renderer.breaks_at = NOW_MS - 1
    emails = (a_new_email("a", decided_at_ms=NOW_MS - 1), a_new_email("b", ordinal=2, address="b@example.invalid"))

    taken_in = world.drive(world.dispatch.take_in(emails, worker="w/1", claim_max=10, attempts_max=10))

    assert [claimed.send_id for claimed in taken_in.answer.claimed] == [an_intent("a").send_id]
    assert [begun.send_id for begun in taken_in.answer.begun] == [an_intent("b").send_id]


def test_no_more_attempts_begin_than_there_are_places_and_the_rest_is_claimed() -> None:
    world = World()
    emails = [a_new_email(f"e{n}", ordinal=n, address=f"c{n}@example.invalid") for n in range(1, 5)]

    taken_in = take_in(world, *emails, attempts_max=2)

    answer = taken_in.answer
    assert [begun.send_id for begun in answer.begun] == [an_intent("e1").send_id, an_intent("e2").send_id]
    assert len(answer.claimed) == 2
    assert world.states() == {State.ACCEPTED: 4}


def test_the_next_email_to_the_address_follows_the_attempt() -> None:
    world = World()
    emails = [a_new_email(f"e{n}", ordinal=n) for n in range(1, 4)]

    taken_in = take_in(world, *emails)

    assert len(taken_in.attempts) == 1
    assert [message.send_id for message in world.calls] == [email.intent.send_id for email in emails]
    assert world.states() == {State.ACCEPTED: 3}


def test_a_process_that_stood_still_after_the_step_does_not_call() -> None:
    world = World()
    steps = steps_of(world, a_new_email(), worker="w/1", attempts_max=1)
    request = next(steps)
    while not isinstance(request, Submit):
        request = steps.send(world.carry_out(request))
    granted = world.carry_out(request)
    world.clock.ms += RULES.attempt_lease_ms + 1
    world.drive(world.dispatch.round("other", emails_max=10))
    assert world.states() == {State.IN_DOUBT: 1}

    request = steps.send(granted)

    assert isinstance(request, Settle)
    world.carry_out(request)
    assert (world.calls, world.states()) == ([], {State.RETRY_AT: 1})
