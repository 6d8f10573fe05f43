"""What trigger's shards need of the outside: the store, and sender for their relay. The front's log is ``log_port``.

The shard host and the outbox relay are sans-I/O: they yield the requests below and are sent the answers. In production
a thread carries them out on a ``store_port.ShardStore``; in the simulation a scheduler does, and may stop between any
two of them.
A store that went away shows as ``StoreLost`` thrown into the generator.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

import msgspec

from sendwhen.domain.changes import CampaignRow, Changes, DeadLetter, ReceivedRow
from sendwhen.errors import Invalid, Unavailable
from services.trigger.review_port import ReviewCustomers


class StoreLost(Unavailable):
    """The connection broke or the store is away; whether the last request was carried out is unknown.

    Any connection made anew counts as this too: behind it may be a store that lost its tail.
    """


class RawEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An entry as it stands in the log.

    Attributes:
        seq: Dense sequence, from 1.
        at_ms: Log time. appended_at_us: the store's own clock at the append; for traces.
        nonce: Random, made with each append (8 bytes).
        body: Serialised sendwhen.v1.LogEntry.
    """

    seq: int
    at_ms: int
    appended_at_us: int
    nonce: bytes
    body: bytes


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """Become the owner of partitions. Answer: for each partition a Claimed, or a Refusal."""

    partitions: tuple[int, ...]
    owner: str
    generation: int


class Claimed(msgspec.Struct, frozen=True, kw_only=True):
    """The partition is ours, from this committed state.

    Attributes:
        epoch: One more than the owner's before.
        position, position_nonce: Last entry committed (0 and b"" at the very start).
        clock_ms: Log time at that position.
        campaigns: All rows kept.
        next_ordinal: For the next outbox row. lineage: of rows to be made by this owner (random, made by the claim).
        received: How far other partitions' outboxes were received.
        claims_without_progress: Claims, this one included, since a commit last moved the position (1: none before it).
    """

    epoch: int
    position: int
    position_nonce: bytes
    clock_ms: int
    campaigns: tuple[CampaignRow, ...]
    next_ordinal: int
    lineage: str
    claims_without_progress: int
    received: tuple[ReceivedRow, ...] = ()


class Why(Enum):
    """Why the store refused."""

    FENCED = "fenced"
    """Another owner has claimed since, or a newer generation assigns it elsewhere: forget everything and exit."""
    MOVED = "moved"
    """The position is not the one started from: memory is not what is stored. Forget and claim anew."""
    LOST = "lost"
    """The log's tail is not what was applied: an entry is gone, or another is there. Forget and claim anew."""


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing was written."""

    why: Why


class Read(msgspec.Struct, frozen=True, kw_only=True):
    """Read entries behind a sequence, waiting at most ``block_ms`` when there are none in any partition.

    Answer: ReadAnswer. At most ``entries_max`` for each partition.
    """

    after: Mapping[int, int]
    entries_max: int
    block_ms: int


class ReadAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What was there.

    Attributes:
        entries: By partition; partitions without entries are left out.
        now_ms: The reader's clock, bounded like log time; says when a timer's tick is due. No decision reads it.
            0 on the events' own time, where only entries move the clock.
        now_us: The same clock in microseconds, for traces.
    """

    entries: Mapping[int, tuple[RawEntry, ...]]
    now_ms: int
    now_us: int


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """Load customers. Answer: by partition, for each uid in order, (record or None, packed seen ids or b"")."""

    uids: Mapping[int, tuple[str, ...]]


class LoadPast(msgspec.Struct, frozen=True, kw_only=True):
    """Load customers' older events. Answer: by partition, for each uid in order, its chunks by slot (None: none)."""

    uids: Mapping[int, tuple[str, ...]]


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """Whose deadlines come. Answer: DueAnswer for each partition asked, the earliest first."""

    up_to_ms: Mapping[int, int]
    customers_max: int


class DueAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Customers by earliest deadline.

    Attributes:
        customers: (due_ms, uid), ascending.
        complete_to_ms: All deadlines up to here, inclusive, are in ``customers``: the instant asked for, or less when
            the limit cut the answer (never inside one millisecond: then the answer exceeds the limit instead).
    """

    customers: tuple[tuple[int, str], ...]
    complete_to_ms: int


TO_SENDER = -1
TO_SENDER_FORGET = -2


class OutboxRow(msgspec.Struct, frozen=True, kw_only=True):
    """A decision or a deleted customer on its way to sender, or a transfer on its way to a partition.

    Attributes:
        intent: A serialised sendwhen.v1.SendIntent, a sendwhen.v1.ForgetCustomer, or a transfer as
            ``sendwhen.domain.transfer`` writes it.
        target: Partition to whose log it goes, or TO_SENDER, or TO_SENDER_FORGET.
    """

    ordinal: int
    lineage: str
    intent: bytes
    target: int = TO_SENDER


class PartitionCommit(msgspec.Struct, frozen=True, kw_only=True):
    """All that one round of one partition writes, atomically, or nothing.

    Refused unless (epoch, owner) hold the partition, the stored position is ``from_position``, and the log still holds
    entry ``to_position`` with nonce ``to_nonce``. Skip entries for dead letters with ``logged`` are appended to the log
    by the same step.

    Attributes:
        ahead_seq, ahead_nonce: Entry behind ``to_position`` whose time fired timers of this round before it is applied
            itself; it must still be in the log too, or what was decided rests on a time that never was. 0: none.
    """

    partition: int
    epoch: int
    owner: str
    from_position: int
    to_position: int
    to_nonce: bytes
    changes: Changes
    outbox: tuple[OutboxRow, ...]
    ahead_seq: int = 0
    ahead_nonce: bytes = b""


class Commit(msgspec.Struct, frozen=True, kw_only=True):
    """Commit rounds of several partitions; each stands by itself. Answer: by partition None (done) or a Refusal.

    Attributes:
        begun: Only begin: the answer is {} at once, and ``AwaitCommit`` waits for the real one. Requests in between are
            carried out after the commit.
    """

    rounds: tuple[PartitionCommit, ...]
    begun: bool = False


class AwaitCommit(msgspec.Struct, frozen=True, kw_only=True):
    """Wait for the commit that was begun; there is no more than one. Answer: as of Commit."""


class AppendTick(msgspec.Struct, frozen=True, kw_only=True):
    """Append a tick, behind the fence, if ``after_seq`` is still the last sequence.

    Answer: True, or a Refusal (MOVED where the log went on: no tick is needed then).
    """

    partition: int
    epoch: int
    owner: str
    after_seq: int


class MarkTrying(msgspec.Struct, frozen=True, kw_only=True):
    """Note that entry ``seq`` is about to be applied alone, because owners died here.

    Answer: how often that was noted, this time included; or a Refusal. Only used after a claim without progress.
    """

    partition: int
    epoch: int
    owner: str
    seq: int


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """Committed outbox rows may go out. No store request: the driver hands them to the relay. Answer: None."""

    rows: Mapping[int, tuple[OutboxRow, ...]]


StoreRequest = Claim | Read | Load | LoadPast | Due | Commit | AwaitCommit | AppendTick | MarkTrying | ReviewCustomers
ShardRequest = StoreRequest | Release


class ReadOutbox(msgspec.Struct, frozen=True, kw_only=True):
    """Outbox rows behind an ordinal, in order. Answer: tuple of OutboxRow."""

    partition: int
    after_ordinal: int
    rows_max: int


class Push(msgspec.Struct, frozen=True, kw_only=True):
    """Hand rows to sender. Answer: None when durable there; thrown in: SenderLost, SenderRefused."""

    partition: int
    rows: tuple[OutboxRow, ...]


class Deliver(msgspec.Struct, frozen=True, kw_only=True):
    """Append rows to the logs of their targets, one entry for each. Answer: None when that is durable.

    Needs no fence: receivers recognise what they had by source, lineage and ordinal.
    """

    source: int
    rows: tuple[OutboxRow, ...]


class DeleteOutbox(msgspec.Struct, frozen=True, kw_only=True):
    """Delete the rows up to an ordinal, inclusive. Needs no fence: they are durable at the receiver. Answer: None.

    Attributes:
        lineage: Of the row ``up_to_ordinal``. Where a row of another lineage stands there, or none, nothing is deleted:
            the store lost its tail meanwhile, and what has this ordinal now is another decision. "" is not checked.
        letter: Kept as a dead letter in the same step, because sender refuses the one row that is deleted.
    """

    partition: int
    up_to_ordinal: int
    lineage: str = ""
    letter: DeadLetter | None = None


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """Wait before trying again, or until new rows are released. Answer: rows released meanwhile, by partition."""

    at_most_ms: int


RelayRequest = ReadOutbox | Push | Deliver | DeleteOutbox | Pause


class SenderLost(Unavailable):
    """Sender did not say that the rows are durable."""


class SenderRefused(Invalid):
    """Sender will never take these rows, or one of them."""
