"""The way of one email, and what is left of it wherever the process ends."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from sendwhen.v1 import email_pb2
from services.sender.ledger import State
from services.sender.ledger_port import BeginAttempt, Claimed, Settle
from services.sender.ports import Answer, TemplateText, Verdict
from services.sender.retry import Backoff
from services.sender.rules import Rules
from tests.services.sender.emails import LEASE_MS, NOW_MS, a_new_email, submit
from tests.services.sender.world import RULES, Crash, World, finish

AT_LEAST_ONCE = email_pb2.IN_DOUBT_POLICY_AT_LEAST_ONCE
DAY_MS = 86_400_000


def submitted(world: World, **fields: object) -> Claimed:
    (claimed,) = finish(world.ledger.submit(submit(a_new_email(**fields), at_ms=world.clock.ms))).claimed  # type: ignore[arg-type]  # by name
    return claimed


def run_rounds(world: World, *, until_ms: int, step_ms: int = 5_000) -> None:
    while world.clock.ms < until_ms:
        world.clock.ms += step_ms
        world.drive(world.dispatch.round("later", emails_max=100))


def answer(verdict: Verdict, **fields: object) -> Answer:
    return Answer(verdict=verdict, first_byte_at_us=1, **fields)  # type: ignore[arg-type]  # fields by name


def test_an_email_is_rendered_attempted_and_accepted() -> None:
    world = World()

    world.drive(world.dispatch.emails(submitted(world)))

    assert [message.attempt for message in world.calls] == [1]
    assert world.states() == {State.ACCEPTED: 1}
    (report,) = world.reports
    assert report.stamps is not None
    assert (report.state, report.stamps.outcome) == (State.ACCEPTED, "accepted")


@pytest.mark.parametrize("crash_before", range(6))
@pytest.mark.parametrize("policy", [email_pb2.IN_DOUBT_POLICY_AT_MOST_ONCE, AT_LEAST_ONCE])
def test_wherever_the_process_ends_the_email_ends_and_is_called_twice_only_if_in_doubt(
    crash_before: int, policy: int
) -> None:
    """Kills the mutant that notes the attempt after the call."""
    world = World()
    claimed = submitted(world, in_doubt=policy)
    with suppress(Crash):
        world.drive(world.dispatch.emails(claimed), crash_before=crash_before)
    run_rounds(world, until_ms=NOW_MS + 3_600_000, step_ms=30_000)

    (row,) = world.ledger.rows.values()
    assert row.state in (State.ACCEPTED, State.GAVE_UP)
    assert len(world.calls) <= 1 + row.doubts
    if policy != AT_LEAST_ONCE:
        assert len(world.calls) <= 1
    elif row.state is State.GAVE_UP:
        assert row.doubts == 2


def test_a_refusal_by_the_provider_is_final_and_what_was_not_processed_is_tried_again() -> None:
    world = World()
    world.answers = [answer(Verdict.REJECTED, detail="no")]
    world.drive(world.dispatch.emails(submitted(world)))
    world.answers = [answer(Verdict.NOT_PROCESSED, retry_at_ms=NOW_MS + 60_000)]
    world.drive(world.dispatch.emails(submitted(world, name="b", ordinal=2, address="b@x.invalid")))

    run_rounds(world, until_ms=NOW_MS + 54_000)
    assert world.states() == {State.REJECTED: 1, State.RETRY_AT: 1}
    run_rounds(world, until_ms=NOW_MS + 70_000)

    assert world.states() == {State.REJECTED: 1, State.ACCEPTED: 1}
    assert [message.attempt for message in world.calls] == [1, 1, 2]


def test_retries_end_after_the_last_attempt() -> None:
    world = World(backoff=Backoff(attempts_max=3))
    world.answers = [answer(Verdict.NOT_PROCESSED)] * 9

    world.drive(world.dispatch.emails(submitted(world)))
    run_rounds(world, until_ms=NOW_MS + 3_600_000, step_ms=30_000)

    assert len(world.calls) == 3
    assert world.states() == {State.REJECTED: 1}


def test_an_answer_that_tells_nothing_waits_for_evidence_and_then_the_policy_decides() -> None:
    for policy, calls, state, duplicates in ((0, 1, State.GAVE_UP, 0), (AT_LEAST_ONCE, 2, State.ACCEPTED, 1)):
        world = World()
        world.answers = [answer(Verdict.UNKNOWN)]
        world.drive(world.dispatch.emails(submitted(world, in_doubt=policy)))

        run_rounds(world, until_ms=NOW_MS + RULES.evidence_wait_ms - 60_000, step_ms=30_000)
        assert world.states() == {State.IN_DOUBT: 1}
        run_rounds(world, until_ms=NOW_MS + RULES.evidence_wait_ms + 60_000, step_ms=30_000)

        assert (len(world.calls), world.states()) == (calls, {state: 1})
        assert world.ledger.possible_duplicates == duplicates


def test_what_cannot_be_rendered_is_rejected_by_name_without_an_attempt() -> None:
    world = World()
    world.template = TemplateText(subject="s", text="needs a name", html="")

    world.drive(world.dispatch.emails(submitted(world)))

    (row,) = world.ledger.rows.values()
    assert (row.state, row.attempts, row.detail) == (State.REJECTED, 0, "missing value: customer.name is absent.")
    assert world.calls == []


def test_an_address_that_is_none_is_rejected_by_name() -> None:
    world = World()

    world.drive(world.dispatch.emails(submitted(world, address="nobody")))

    (row,) = world.ledger.rows.values()
    assert (row.state, row.attempts) == (State.REJECTED, 0)


TOO_LONG = "ada@" + "\u00fc" * 80 + ".invalid"


@pytest.mark.parametrize(
    ("address", "to"),
    [
        ("ada+shop@example.invalid", "ada+shop@example.invalid"),
        ("ada@b\u00fccher.invalid", "ada@xn--bcher-kva.invalid"),
        (TOO_LONG, TOO_LONG),
    ],
)
def test_a_domain_of_other_letters_is_written_as_mail_systems_take_it(address: str, to: str) -> None:
    world = World()

    world.drive(world.dispatch.emails(submitted(world, address=address)))

    assert [message.to_address for message in world.calls] == [to]


def test_a_template_that_is_not_there_is_waited_for() -> None:
    world = World()
    world.template = None
    world.drive(world.dispatch.emails(submitted(world)))
    assert world.states() == {State.RETRY_AT: 1}
    world.template = TemplateText(subject="s", text="t", html="")

    run_rounds(world, until_ms=NOW_MS + 10_000)

    assert world.states() == {State.ACCEPTED: 1}


def test_young_values_are_used_as_captured_and_older_ones_are_asked_for() -> None:
    world = World()
    world.profile = {"name": "Ada"}

    world.drive(world.dispatch.emails(submitted(world)))
    assert world.asked_profile == []
    world.clock.ms += RULES.captured_max_age_ms + 1
    world.drive(world.dispatch.emails(submitted(world, name="b", ordinal=2)))

    assert [message.text for message in world.calls] == ["text", "Ada"]
    assert [request.at_least_seq for request in world.asked_profile] == [7]


@pytest.mark.parametrize("age_ms", [0, RULES.captured_max_age_ms + 1])
@pytest.mark.parametrize(
    ("consent", "state"), [(True, State.ACCEPTED), (False, State.SUPPRESSED), (None, State.SUPPRESSED)]
)
def test_marketing_whose_consent_was_withdrawn_meanwhile_is_not_sent(
    consent: bool | None, state: State, age_ms: int
) -> None:
    """Kills the mutant that trusts the consent captured with a young decision."""
    world = World()
    world.profile = {"name": "Ada", "consent": consent}
    world.clock.ms += age_ms

    world.drive(world.dispatch.emails(submitted(world, category=email_pb2.CATEGORY_MARKETING)))

    assert world.states() == {state: 1}
    assert len(world.calls) == (state is State.ACCEPTED)
    assert [request.at_least_seq for request in world.asked_profile] == [7]


def test_a_category_that_is_not_said_needs_consent() -> None:
    world = World()
    world.profile = {"name": "Ada"}

    world.drive(world.dispatch.emails(submitted(world, category=email_pb2.CATEGORY_UNSPECIFIED)))

    assert world.states() == {State.SUPPRESSED: 1}


def test_marketing_waits_while_profile_cannot_say_and_is_sent_when_it_says_yes() -> None:
    world = World()
    world.drive(world.dispatch.emails(submitted(world, category=email_pb2.CATEGORY_MARKETING)))
    assert world.states() == {State.RETRY_AT: 1}
    world.profile = {"consent": True}

    run_rounds(world, until_ms=NOW_MS + 10_000)

    assert world.states() == {State.ACCEPTED: 1}


def test_marketing_of_which_profile_says_nothing_until_its_end_expires_and_is_never_sent() -> None:
    world = World()
    expires_at_ms = NOW_MS + 600_000
    marketing = submitted(world, category=email_pb2.CATEGORY_MARKETING, expires_at_ms=expires_at_ms)
    world.drive(world.dispatch.emails(marketing))

    run_rounds(world, until_ms=expires_at_ms - 5_000)
    assert world.states() == {State.RETRY_AT: 1}
    run_rounds(world, until_ms=expires_at_ms)

    (row,) = world.ledger.rows.values()
    assert (row.state, row.detail) == (State.EXPIRED, "Profile cannot say whether the customer still consents.")
    assert world.calls == []


def test_marketing_without_an_end_of_which_profile_says_nothing_is_rejected_after_the_last_try() -> None:
    world = World(backoff=Backoff(total_ms=600_000))
    world.drive(world.dispatch.emails(submitted(world, category=email_pb2.CATEGORY_MARKETING)))

    run_rounds(world, until_ms=NOW_MS + 1_200_000)

    assert world.states() == {State.REJECTED: 1}
    assert world.calls == []


def test_without_profile_captured_values_serve_for_a_day_and_then_the_email_waits() -> None:
    world = World()

    world.clock.ms += DAY_MS
    world.drive(world.dispatch.emails(submitted(world)))
    world.clock.ms += 1
    world.drive(world.dispatch.emails(submitted(world, name="b", ordinal=2)))

    assert world.states() == {State.ACCEPTED: 1, State.RETRY_AT: 1}


def test_on_the_events_own_time_neither_age_nor_expiry_counts() -> None:
    world = World(rules=Rules(events_clock=True))
    world.clock.ms += 400 * DAY_MS

    world.drive(world.dispatch.emails(submitted(world, expires_at_ms=NOW_MS + 1)))

    assert world.states() == {State.ACCEPTED: 1}
    assert world.asked_profile == []


def test_a_process_that_stood_still_before_the_call_does_not_call() -> None:
    world = World()
    steps = world.dispatch.emails(submitted(world))
    request = next(steps)
    while not isinstance(request, BeginAttempt):
        request = steps.send(world.carry_out(request))
    granted = world.carry_out(request)
    world.clock.ms += RULES.attempt_lease_ms + 1
    world.drive(world.dispatch.round("other", emails_max=10))
    assert world.states() == {State.IN_DOUBT: 1}

    request = steps.send(granted)

    assert isinstance(request, Settle)
    world.carry_out(request)
    assert world.states() == {State.RETRY_AT: 1}
    assert world.calls == []


def test_a_lost_answer_of_the_ledger_is_asked_for_again() -> None:
    world = World()
    seen: list[type[object]] = []

    def loses(request: object) -> bool:
        seen.append(type(request))
        return type(request) in (BeginAttempt, Settle) and seen.count(type(request)) == 1

    world.drive(world.dispatch.emails(submitted(world)), loses=loses)

    assert (len(world.calls), world.states(), world.pauses) == (1, {State.ACCEPTED: 1}, 2)


def test_a_ledger_that_stays_away_is_left_alone_and_the_provider_is_not_called() -> None:
    world = World()

    world.drive(world.dispatch.emails(submitted(world)), loses=lambda request: isinstance(request, BeginAttempt))

    assert world.calls == []


@settings(max_examples=40, phases=[Phase.explicit, Phase.generate])
@given(data=st.data())
def test_emails_to_one_address_are_called_in_order_whatever_happens(data: st.DataObject) -> None:
    """Kills the mutant that claims a later email while the first waits for its retry."""
    world = World()
    emails = [a_new_email(f"e{n}", ordinal=n) for n in range(1, 6)]
    verdicts = st.sampled_from([Verdict.ACCEPTED, Verdict.NOT_PROCESSED, Verdict.REJECTED, Verdict.UNKNOWN])
    world.answers = [answer(data.draw(verdicts)) for _ in range(8)]
    given_answers = list(world.answers)
    finish(world.ledger.submit(submit(*emails, claim_max=data.draw(st.integers(0, 1)))))
    for _ in range(30):
        world.clock.ms += data.draw(st.sampled_from([0, 1, 800, LEASE_MS]))
        crash = data.draw(st.one_of(st.none(), st.integers(0, 9)))
        with suppress(Crash):
            world.drive(world.dispatch.round(f"w{crash}", emails_max=10), crash_before=crash)

    names = [email.intent.send_id for email in emails]
    firsts = list(dict.fromkeys(names.index(message.send_id) for message in world.calls))
    assert firsts == sorted(firsts)
    unproven = [
        message.send_id
        for message, said in zip(world.calls, given_answers, strict=False)
        if said.verdict is not Verdict.NOT_PROCESSED
    ]
    assert len(unproven) == len(set(unproven))
