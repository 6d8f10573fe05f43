"""The log as trigger's front uses it: append entries, see where partitions stand, read what their shards committed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from sendwhen.domain.changes import CampaignRow, DeadLetter


class Append(msgspec.Struct, frozen=True, kw_only=True):
    """One entry for one partition.

    Attributes:
        body: Serialised sendwhen.v1.LogEntry.
        events: How many events it holds, for lag.
        at_ms: The front's clock; for an installation on the events' own time the time of its last event.
    """

    partition: int
    body: bytes
    events: int
    at_ms: int


class Appended(msgspec.Struct, frozen=True, kw_only=True):
    """It is at the log's durability level."""

    partition: int
    seq: int
    at_ms: int


class Lagging(msgspec.Struct, frozen=True, kw_only=True):
    """Not appended: the shard is too far behind."""

    partition: int
    lag_events: int


class PartitionHead(msgspec.Struct, frozen=True, kw_only=True):
    """Where a partition stands. Counters are ever since creation."""

    partition: int
    owner: str
    epoch: int
    generation: int
    head_seq: int
    head_at_ms: int
    position: int
    lag_events: int
    outbox: int
    dead_letters: int
    duplicates: int
    applied: int


class Log(Protocol):
    """The log as the front uses it. Every method raises StoreLost."""

    async def append(self, appends: Sequence[Append]) -> Sequence[Appended | Lagging]:
        """Append entries to distinct partitions, in one step where the store is one node; answers in their order."""
        ...

    async def heads(self, partitions: Sequence[int]) -> Sequence[PartitionHead]:
        """Where partitions stand."""
        ...

    async def campaigns(self, partition: int) -> Sequence[CampaignRow]:
        """Campaign rows as committed by the partition's shard."""
        ...

    async def record(self, partition: int, uid: str) -> bytes | None:
        """A customer's committed record."""
        ...

    async def dead_letters(self, partition: int, limit: int) -> Sequence[DeadLetter]:
        """Events set aside, latest first; about the latest 10,000 are kept, and 1,000 of those that were too many."""
        ...

    async def trim(self, partition: int, archived: int | None = None) -> int:
        """Delete entries behind the committed position but for the last hour; how many went. Idempotent.

        ``archived``: the last entry in the archive, behind which everything stays; None: there is no archive.
        """
        ...
