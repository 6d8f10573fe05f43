"""The effect ledger as dispatch and the servicer use it: requests, answers, and what every implementation promises."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from sendwhen.errors import Unavailable
from sendwhen.v1 import email_pb2
from services.sender.ledger import Signal, State
from services.sender.volume_port import Release, Released, Reserve, Reserved


class LedgerLost(Unavailable):
    """The connection broke or the store is away; whether the last step was carried out is unknown."""


class NewEmail(msgspec.Struct, frozen=True, kw_only=True):
    """A decision to be taken into the ledger.

    Attributes:
        ordinal, lineage: Its place in the outbox of ``partition``.
        address_hash: Keyed hash of the normalised address; decides the slot.
        intent: The decision; kept, serialised, until a terminal state.
        attempt: Its first attempt may begin with its acceptance.
        held: It is beyond its campaign's volume for the day, and is made HELD.
    """

    partition: int
    ordinal: int
    lineage: str
    address_hash: str
    intent: email_pb2.SendIntent
    attempt: bool = False
    held: bool = False


class Submit(msgspec.Struct, frozen=True, kw_only=True):
    """Make emails durable as PENDING; those of the first ``claim_max`` that wait for no other are CLAIMED at once.

    Those that are ``held`` are made HELD; nobody waits for them.

    Of these, one with ``attempt`` is ATTEMPTED by the same atomic step, if the last look at suppression (and expiry)
    allows it. Idempotent by send_id, and by ordinal within (partition, lineage). Asked again under the same worker's
    name, because the answer was lost, it answers those with ``attempt`` as claimed, and BeginAttempt looks again.
    Answer: SubmitAnswer.

    Attributes:
        worker: Where any email has ``attempt``: a name that no other Submit has.
        attempt_lease_ms, look_at_expiry: As in BeginAttempt.
    """

    emails: tuple[NewEmail, ...]
    worker: str
    claim_max: int
    now_ms: int
    lease_ms: int
    attempt_lease_ms: int = 0
    look_at_expiry: bool = True


class Claimed(msgspec.Struct, frozen=True, kw_only=True):
    """An email that is this worker's until its lease ends.

    Attributes:
        claim: Number of the claim; steps under an older one are refused.
        attempts, doubts: Before this claim.
        submitted_at_ms: When sender took it. claimed_at_us: for traces.
    """

    slot: int
    intent: email_pb2.SendIntent
    worker: str
    claim: int
    attempts: int
    doubts: int
    submitted_at_ms: int
    claimed_at_ms: int

    @property
    def send_id(self) -> str:
        """The email's id."""
        return self.intent.send_id


class SubmitAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """All are durable.

    Attributes:
        accepted, repeated: How many were new, how many known.
        claimed: Those that are the worker's now, in order.
        begun: Those whose first attempt is on disk, in order: the provider may be called.
        left_pending: New ones left for ``ClaimDue`` because ``claim_max`` was reached.
    """

    accepted: int
    repeated: int
    claimed: tuple[Claimed, ...]
    left_pending: int
    begun: tuple[Claimed, ...] = ()


class Forget(msgspec.Struct, frozen=True, kw_only=True):
    """Customers were deleted. Answer: how many emails ended by it. Idempotent.

    What was not attempted is CANCELLED, held emails too. Of what may have gone out (ATTEMPTED, IN_DOUBT) ids, times
    and the keyed hash of the address stay, until evidence comes; no attempt follows, whatever its policy.

    Attributes:
        customers: (uid, born_seq) each: that life and those before it. Emails of a later life are left alone.
    """

    customers: tuple[tuple[str, int], ...]
    now_ms: int


class ClaimDue(msgspec.Struct, frozen=True, kw_only=True):
    """Do what is due: claim what waits, put in doubt what lost its worker, give up what found no evidence.

    Answer: ClaimDueAnswer with at most ``emails_max`` claims, at most one for each address.
    """

    worker: str
    emails_max: int
    now_ms: int
    lease_ms: int
    evidence_wait_ms: int


class ClaimDueAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What was done.

    Attributes:
        claimed: The worker's now.
        doubted: Attempts that lost their worker and are in doubt now. gave_up: emails given up.
        more: There may be more due.
    """

    claimed: tuple[Claimed, ...]
    doubted: int
    gave_up: int
    more: bool


class BeginAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """The last look and the note of the attempt, one atomic step behind the claim. Answer: Begun.

    Asked again under the same claim, because the answer was lost, it looks again and answers alike.

    Attributes:
        lease_ms: For the attempt. following_lease_ms: for the next email to the same address; 0: do not claim it.
    """

    claimed: Claimed
    now_ms: int
    lease_ms: int
    following_lease_ms: int
    look_at_expiry: bool


class Begun(msgspec.Struct, frozen=True, kw_only=True):
    """What the last look found.

    Attributes:
        granted: The attempt is on disk, the provider may be called. False: it must not be.
        state: Where it stands now.
        attempt: Number of the attempt, from 1.
        possible_duplicate: It is made though the one before is in doubt.
        following: The next email to the same address, claimed for this worker, where this one has ended.
    """

    granted: bool
    state: State
    attempt: int
    possible_duplicate: bool = False
    following: Claimed | None = None


class Settle(msgspec.Struct, frozen=True, kw_only=True):
    """Note what became of an email. Answer: Settled. Idempotent.

    Attributes:
        signal: REFUSE, POSTPONE, EXHAUST before an attempt; ACCEPT, REJECT, NOT_PROCESSED, EXHAUST, DOUBT after one.
        next_at_ms: For RETRY_AT when to try again, for IN_DOUBT the end of the wait for evidence.
        attempt: Number of the attempt; 0: none was begun under this claim.
        lease_ms: For the next email to the same address; 0: do not claim it.
    """

    claimed: Claimed
    attempt: int
    signal: Signal
    now_ms: int
    next_at_ms: int
    lease_ms: int
    detail: str = ""
    provider: str = ""
    provider_message_id: str = ""
    first_byte_at_us: int = 0


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """Where it stands now.

    Attributes:
        applied: False: another worker has it, or it was settled already; the answer was kept if it was evidence.
        following: As in Begun.
    """

    state: State
    applied: bool
    following: Claimed | None = None


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """How many emails of a campaign stand in a state."""

    campaign_id: str
    state: State
    emails: int


class Ledger(Protocol):
    """The effect ledger. Every method raises LedgerLost; every write is durable when it answers."""

    async def submit(self, request: Submit) -> SubmitAnswer:
        """See Submit. Raises Overloaded where too many emails are open; then none, or a first part, was taken."""
        ...

    async def forget(self, request: Forget) -> int:
        """See Forget."""
        ...

    async def reserve(self, request: Reserve) -> Reserved:
        """See Reserve."""
        ...

    async def release(self, request: Release) -> Released:
        """See Release. The bound is lifted before the first is let go."""
        ...

    async def claim_due(self, request: ClaimDue) -> ClaimDueAnswer:
        """See ClaimDue."""
        ...

    async def begin(self, request: BeginAttempt) -> Begun:
        """See BeginAttempt."""
        ...

    async def settle(self, request: Settle) -> Settled:
        """See Settle."""
        ...

    async def emails(self, send_ids: Sequence[str], slots: Sequence[int]) -> Sequence[email_pb2.Email]:
        """Rows by send_id, in no order; unknown ones are left out. ``slots``: one for each send_id, or none."""
        ...

    async def counts(self) -> tuple[Sequence[Count], int]:
        """Counts by campaign and state, and how many attempts may have been duplicates, ever."""
        ...

    async def suppress(self, address_hash: str, reason: str) -> bool:
        """Put an address on the list; from the answer on no attempt to it begins. False: it was on it."""
        ...

    async def unsuppress(self, address_hash: str) -> bool:
        """Take an address off the list. False: it was not on it."""
        ...
