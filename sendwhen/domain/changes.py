"""What one round of a shard changed: everything its commit must write, as data."""

from __future__ import annotations

import msgspec

from sendwhen.domain.decision import Decision, Send
from sendwhen.domain.migrate import Edit
from sendwhen.domain.transfer import Transfer


class CustomerChange(msgspec.Struct, frozen=True, kw_only=True):
    """A customer to be written.

    Attributes:
        uid: Whose.
        record: The versioned record (``sendwhen.domain.record``); the young seen ids ride in it. None: the customer is
            deleted, and all that lies beside the record with it.
        seen_append: Packed ids to be added behind those stored beside the record; rarely any.
        seen_replace: Where not None, takes the place of those stored beside it (``seen_append`` is b"" then).
        past: (slot, chunk) of older events that leave the record; rarely any.
        due_at_ms: Earliest deadline among the customer's runs; None: no deadline.
        due_moved: It is another than the one stored.
    """

    uid: str
    record: bytes | None
    seen_append: bytes = b""
    seen_replace: bytes | None = None
    due_at_ms: int | None = None
    due_moved: bool = True
    past: tuple[tuple[int, bytes], ...] = ()


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """An event that was set aside.

    Attributes:
        seq: Its entry. index: its place in it, -1 for a whole entry.
        reason: "other_payload" (the id was seen with another payload), "failed" (applying it raised), "unreadable",
            "unsorted" (older than the clock in an installation on the events' own time), "quarantined", "deleted" (it
            came to a tombstone whose customer was deleted), "too_many"
            (more events of one customer than ``ShardLimits.minute_events``), "refused_by_sender" (a decision).
        logged: A Skip entry must be written: replays leave the event out. False where a replay decides alike by itself.
        payload: The event as it stood in the log, or b"" where the host has it.
    """

    seq: int
    index: int
    event_id: str
    reason: str
    detail: str
    at_ms: int
    logged: bool = False
    payload: bytes = b""


class CampaignRow(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a campaign to be kept by the partition, or to be forgotten where no run needs it.

    Attributes:
        current: New runs start on it. source: as in CampaignPut; b"" means forget this version.
        edits: Edits of the campaign that open runs must follow, oldest first; kept with the version put last.
        since_ms: Log time since which its trigger has been in force without a break: versions that only changed
            something else count together. 0: not noted. generation: how many breaks there were before.
    """

    campaign_id: str
    version: str
    source: bytes
    current: bool
    paused: bool
    put_at_ms: int
    edits: tuple[Edit, ...] = ()
    since_ms: int = 0
    generation: int = 0


class Forgotten(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A customer was deleted, and sender must forget what it has of that life and of those before it."""

    uid: str
    born_seq: int


class ReceivedRow(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """How far the outbox of another partition was received, in one of its lineages.

    Attributes:
        ordinal: The latest row applied. 0: this lineage is to be forgotten, for later ones.
        heard_seq: Entry in which it came; the lineage not heard of for longest is forgotten first.
    """

    source: int
    lineage: str
    ordinal: int
    heard_seq: int


class Counters(msgspec.Struct, kw_only=True):
    """Events of a round by what became of them, and overflows of limits.

    Attributes:
        forwarded: Came to a tombstone and went on to the customer it points to.
        merged, deleted, expired: Customers: joined into others; deleted; visitors whose time to live was over.
        ties_refused: Identities that could not be tied.
        repeated_transfers: Rows of other partitions that had been received before.
    """

    applied: int = 0
    duplicates: int = 0
    dead: int = 0
    late: int = 0
    fired_timers: int = 0
    overflows: int = 0
    forwarded: int = 0
    merged: int = 0
    deleted: int = 0
    expired: int = 0
    ties_refused: int = 0
    repeated_transfers: int = 0


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """One round of one partition.

    Attributes:
        position: Sequence of the last entry applied. clock_ms: log time reached.
        customers: Dirty customers, in the order in which they first became dirty.
        sends: In the order decided. decisions: all of them, in order, for logs, metrics and the runner of cases.
        campaigns: Rows that changed.
        transfers: (partition, transfer) in order. received: rows that changed.
        forgotten: Deleted customers, in order; lives, so that what the next one was sent stays.
    """

    position: int
    clock_ms: int
    customers: tuple[CustomerChange, ...]
    sends: tuple[Send, ...]
    decisions: tuple[tuple[str, Decision], ...]
    dead_letters: tuple[DeadLetter, ...]
    campaigns: tuple[CampaignRow, ...]
    counters: Counters
    transfers: tuple[tuple[int, Transfer], ...] = ()
    received: tuple[ReceivedRow, ...] = ()
    forgotten: tuple[Forgotten, ...] = ()
