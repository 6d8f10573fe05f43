"""Where an email can stand, and what may happen to it there: the table of the effect ledger, to be read aloud.

Every implementation of the ledger follows this one table; the store's functions have it built in when they are loaded.
A pair that is absent changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Final

from sendwhen.v1 import email_pb2


class State(IntEnum):
    """Where an email stands; the numbers of sendwhen.v1.EmailState."""

    PENDING = email_pb2.EMAIL_STATE_PENDING
    CLAIMED = email_pb2.EMAIL_STATE_CLAIMED
    ATTEMPTED = email_pb2.EMAIL_STATE_ATTEMPTED
    ACCEPTED = email_pb2.EMAIL_STATE_ACCEPTED
    REJECTED = email_pb2.EMAIL_STATE_REJECTED
    RETRY_AT = email_pb2.EMAIL_STATE_RETRY_AT
    IN_DOUBT = email_pb2.EMAIL_STATE_IN_DOUBT
    GAVE_UP = email_pb2.EMAIL_STATE_GAVE_UP
    SUPPRESSED = email_pb2.EMAIL_STATE_SUPPRESSED
    EXPIRED = email_pb2.EMAIL_STATE_EXPIRED
    HELD = email_pb2.EMAIL_STATE_HELD
    DISCARDED = email_pb2.EMAIL_STATE_DISCARDED
    CANCELLED = email_pb2.EMAIL_STATE_CANCELLED


class Signal(IntEnum):
    """What can happen to an email. The numbers are spoken between this process and the store's functions only."""

    CLAIM = 1
    """A worker takes it."""
    LEASE_OVER = 2
    """Its worker has not been heard of until the end of its lease."""
    ATTEMPT = 3
    """An attempt begins; durable before its first byte."""
    SUPPRESS = 4
    """Its address was on the suppression list at the last look."""
    EXPIRE = 5
    """Its time was over at the last look."""
    REFUSE = 6
    """It cannot be rendered."""
    POSTPONE = 7
    """What it needs is away for the moment; nothing was attempted."""
    ACCEPT = 8
    """The provider said yes."""
    REJECT = 9
    """The provider said no, finally."""
    NOT_PROCESSED = 10
    """Proven not processed; to be tried again."""
    EXHAUST = 11
    """Proven not processed, and tried for long enough."""
    DOUBT = 12
    """Nobody can say whether the provider took it."""
    GIVE_UP = 13
    """No evidence came, and the policy allows no further attempt."""
    EVIDENCE = 14
    """It turned out that the provider took an earlier attempt."""
    RELEASE = 15
    """An operator lets it go though its campaign's volume for the day was exceeded."""
    DISCARD = 16
    """An operator decides that it is not to be sent."""
    FORGET = 17
    """Its customer was deleted, and it is certain that this attempt of it, or any, was not made."""


NEXT: Final[Mapping[tuple[State, Signal], State]] = {
    (State.PENDING, Signal.CLAIM): State.CLAIMED,
    (State.RETRY_AT, Signal.CLAIM): State.CLAIMED,
    (State.IN_DOUBT, Signal.CLAIM): State.CLAIMED,
    (State.CLAIMED, Signal.LEASE_OVER): State.PENDING,
    (State.CLAIMED, Signal.ATTEMPT): State.ATTEMPTED,
    (State.CLAIMED, Signal.SUPPRESS): State.SUPPRESSED,
    (State.CLAIMED, Signal.EXPIRE): State.EXPIRED,
    (State.CLAIMED, Signal.REFUSE): State.REJECTED,
    (State.CLAIMED, Signal.POSTPONE): State.RETRY_AT,
    (State.CLAIMED, Signal.EXHAUST): State.REJECTED,
    (State.CLAIMED, Signal.GIVE_UP): State.GAVE_UP,
    (State.ATTEMPTED, Signal.LEASE_OVER): State.IN_DOUBT,
    # The attempt is on disk but was not carried out: its worker asked again because the first answer was lost.
    (State.ATTEMPTED, Signal.SUPPRESS): State.SUPPRESSED,
    (State.ATTEMPTED, Signal.ACCEPT): State.ACCEPTED,
    (State.ATTEMPTED, Signal.REJECT): State.REJECTED,
    (State.ATTEMPTED, Signal.NOT_PROCESSED): State.RETRY_AT,
    (State.ATTEMPTED, Signal.EXHAUST): State.REJECTED,
    (State.ATTEMPTED, Signal.DOUBT): State.IN_DOUBT,
    (State.ATTEMPTED, Signal.GIVE_UP): State.GAVE_UP,
    # An answer that arrives after the lease was thought over is the best evidence there is.
    (State.IN_DOUBT, Signal.ACCEPT): State.ACCEPTED,
    (State.IN_DOUBT, Signal.REJECT): State.REJECTED,
    (State.IN_DOUBT, Signal.NOT_PROCESSED): State.RETRY_AT,
    (State.IN_DOUBT, Signal.EXHAUST): State.REJECTED,
    (State.IN_DOUBT, Signal.GIVE_UP): State.GAVE_UP,
    (State.PENDING, Signal.EVIDENCE): State.ACCEPTED,
    (State.CLAIMED, Signal.EVIDENCE): State.ACCEPTED,
    (State.RETRY_AT, Signal.EVIDENCE): State.ACCEPTED,
    (State.IN_DOUBT, Signal.EVIDENCE): State.ACCEPTED,
    (State.GAVE_UP, Signal.EVIDENCE): State.ACCEPTED,
    (State.HELD, Signal.RELEASE): State.PENDING,
    (State.HELD, Signal.DISCARD): State.DISCARDED,
    (State.HELD, Signal.FORGET): State.CANCELLED,
    (State.PENDING, Signal.FORGET): State.CANCELLED,
    (State.CLAIMED, Signal.FORGET): State.CANCELLED,
    (State.RETRY_AT, Signal.FORGET): State.CANCELLED,
    # Proven not processed; or on disk and not carried out, as with SUPPRESS.
    (State.ATTEMPTED, Signal.FORGET): State.CANCELLED,
    (State.IN_DOUBT, Signal.FORGET): State.CANCELLED,
    (State.PENDING, Signal.GIVE_UP): State.GAVE_UP,
    (State.RETRY_AT, Signal.GIVE_UP): State.GAVE_UP,
}

TERMINAL: Final = frozenset(
    {
        State.ACCEPTED,
        State.REJECTED,
        State.GAVE_UP,
        State.SUPPRESSED,
        State.EXPIRED,
        State.DISCARDED,
        State.CANCELLED,
    }
)
"""Nothing is done with these any more; only evidence can still correct GAVE_UP."""

HOLDS_PLACE: Final = frozenset({State.PENDING, State.CLAIMED, State.ATTEMPTED, State.RETRY_AT})
"""Later emails to the same address wait for one of these; they do not wait for one in doubt, or held."""

FINAL_NO: Final = frozenset(
    {Signal.SUPPRESS, Signal.EXPIRE, Signal.REFUSE, Signal.REJECT, Signal.EXHAUST, Signal.DISCARD, Signal.FORGET}
)

MAY_HAVE_GONE: Final = frozenset({State.ATTEMPTED, State.IN_DOUBT})
"""Of a deleted customer these wait for evidence, without what they say; everything else that is open is cancelled."""

DELETED: Final = "The customer was deleted."

DOUBTS_MAX: Final = 1
"""How many attempts may end in doubt and still be followed by another, under the policy at_least_once."""


def next_state(state: State, signal: Signal, *, open_doubts: int = 0) -> State:
    """The state after a signal.

    Args:
        state: Where it stands.
        signal: What happened.
        open_doubts: Attempts before the present one of which nobody can say whether the provider took them. With any, a
            final "no" to the present attempt does not mean that no email went out: it is given up, not rejected.
    """
    if open_doubts and signal in FINAL_NO:
        signal = Signal.GIVE_UP
    return NEXT.get((state, signal), state)
