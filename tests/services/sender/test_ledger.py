"""The table of the effect ledger, and the back-off."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendwhen.v1 import email_pb2
from services.sender.ledger import FINAL_NO, HOLDS_PLACE, NEXT, TERMINAL, Signal, State, next_state
from services.sender.retry import Backoff


@pytest.mark.parametrize(("state", "signal"), list(product(State, Signal)))
def test_every_pair_of_state_and_signal_leads_where_the_table_says(state: State, signal: Signal) -> None:
    assert next_state(state, signal) is NEXT.get((state, signal), state)


@pytest.mark.parametrize(("state", "signal"), list(product(State, Signal)))
def test_with_an_open_doubt_nothing_ends_as_if_no_email_had_gone_out(state: State, signal: Signal) -> None:
    after = next_state(state, signal, open_doubts=1)

    if after is not state and after in TERMINAL:
        assert after in (State.ACCEPTED, State.GAVE_UP)


def test_what_is_over_stays_over_but_evidence_corrects_what_was_given_up() -> None:
    moves = {(state, signal): to for (state, signal), to in NEXT.items() if state in TERMINAL}

    assert moves == {(State.GAVE_UP, Signal.EVIDENCE): State.ACCEPTED}


def test_the_provider_is_only_called_from_a_noted_attempt() -> None:
    for signal in (Signal.ACCEPT, Signal.REJECT, Signal.NOT_PROCESSED, Signal.DOUBT):
        sources = {state for state, said in NEXT if said is signal}
        assert sources
        assert sources <= {State.ATTEMPTED, State.IN_DOUBT}


def test_every_state_that_is_not_over_can_be_left_for_one_that_is() -> None:
    reach = {state: {to for (source, _), to in NEXT.items() if source is state} for state in State}
    for state in set(State) - TERMINAL:
        seen, frontier = {state}, [state]
        while frontier:
            fresh = reach[frontier.pop()] - seen
            seen |= fresh
            frontier += fresh
        assert seen & TERMINAL
    assert not HOLDS_PLACE & TERMINAL
    assert Signal.GIVE_UP not in FINAL_NO


def test_states_are_those_of_the_protocol() -> None:
    assert {state.name: state.value for state in State} == {
        name.removeprefix("EMAIL_STATE_"): value for name, value in email_pb2.EmailState.items() if value
    }


@given(attempts=st.integers(1, 11), now_ms=st.integers(0, 10**13), not_before=st.integers(0, 10**13))
def test_a_retry_waits_between_three_quarters_and_the_whole_of_the_doubled_time(
    attempts: int, now_ms: int, not_before: int
) -> None:
    """Kills the mutant that forgets the cap, and the one that comes before the provider's own time."""
    backoff = Backoff()

    at_ms = backoff.next_at_ms(send_id="x", attempts=attempts, now_ms=now_ms, submitted_at_ms=now_ms)
    asked = backoff.next_at_ms(
        send_id="x", attempts=attempts, now_ms=now_ms, submitted_at_ms=now_ms, not_before_ms=not_before
    )

    whole_ms = min(1_000 * 2 ** (attempts - 1), 300_000)
    assert at_ms is not None
    assert now_ms + whole_ms * 3 // 4 <= at_ms <= now_ms + whole_ms
    assert asked is None or asked >= not_before


def test_a_retry_ends_by_attempts_and_by_time() -> None:
    backoff = Backoff(attempts_max=3, total_ms=5_000)

    assert backoff.next_at_ms(send_id="x", attempts=2, now_ms=0, submitted_at_ms=0) is not None
    assert backoff.next_at_ms(send_id="x", attempts=3, now_ms=0, submitted_at_ms=0) is None
    assert backoff.next_at_ms(send_id="x", attempts=1, now_ms=4_500, submitted_at_ms=0) is None
