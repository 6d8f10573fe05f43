"""What archiving needs: the log's closed part, the archive, and to be the only one who writes there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

import msgspec

from sendwhen.domain.event import Event
from services.trigger.ports import RawEntry

EVENTS_MAX: Final = 100
"""Events of one customer that an explanation looks at, the latest ones: its work grows with their square."""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What the log holds behind a sequence.

    Attributes:
        head_seq: Last entry. position: last one committed. first_seq: first one that is not trimmed; 0 for none.
        nonce: Of the entry with the sequence asked about; None where the log does not hold it.
        next_appended_at_us: When the first entry behind it that is there was appended; 0 where nothing behind it is
            committed.
        bytes: Between that sequence and the position.
    """

    head_seq: int
    position: int
    first_seq: int
    nonce: bytes | None
    next_appended_at_us: int
    bytes: int


class LogTail(Protocol):
    """The log, as archiving reads it. Every method raises StoreLost."""

    async def standing(self, partition: int, after: int) -> Standing:
        """See Standing."""
        ...

    async def entries(self, partition: int, after: int, up_to: int, limit: int) -> Sequence[RawEntry]:
        """Entries behind ``after`` up to ``up_to``, the first ``limit`` of them, in order."""
        ...

    async def trim(self, partition: int, archived: int | None = None) -> int:
        """As the Log's."""
        ...


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """A range that is archived; ``nonce`` is its last entry's."""

    first_seq: int
    last_seq: int
    nonce: bytes


class Tidied(msgspec.Struct, frozen=True, kw_only=True):
    """What the compaction of a partition did. ``rows_removed``: of deleted customers."""

    files_before: int
    files_after: int
    rows_removed: int


class Archived(msgspec.Struct, frozen=True, kw_only=True):
    """A customer's events in the archive.

    Attributes:
        events: (log time, event), in the order of the log.
        first_seq, last_seq: The range that was looked through; 0: nothing is archived.
    """

    events: tuple[tuple[int, Event], ...] = ()
    first_seq: int = 0
    last_seq: int = 0


class ArchivedPast(Protocol):
    """The archive, asked for one customer. Raises Unavailable where it is away, Precondition where it is another's."""

    async def customer(self, partition: int, uid: str) -> Archived:
        """The customer's events, of the latest files; behind more than EVENTS_MAX of them no further file is read."""
        ...


class LogArchive(Protocol):
    """The archive. Every method raises Unavailable where it is away, and Precondition where it is another's."""

    async def marks(self, partition: int) -> Sequence[Mark]:
        """All ranges, in order."""
        ...

    async def append(self, partition: int, entries: Sequence[RawEntry], *, gap: bool) -> None:
        """Add entries that follow the last range, or, with ``gap``, come later; durable when this returns."""
        ...

    async def supersede(self, partition: int, from_seq: int) -> int:
        """Drop ranges that hold this entry or a later one; how many."""
        ...

    async def tidy(self, partition: int, before_day: str) -> Tidied:
        """Compact the days before this one, of one partition. Idempotent."""
        ...


class Lease(Protocol):
    """Makes one of several fronts the archivist."""

    async def hold(self) -> bool:
        """Take the lease, or keep it; False where another has it. Raises StoreLost."""
        ...
