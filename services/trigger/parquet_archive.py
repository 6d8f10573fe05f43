"""The archive as Parquet files, in a folder or wherever fsspec reaches. Works in a thread, one thing at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, TypeVar

from sendwhen.domain.event import Event
from services.trigger.archive_ports import EVENTS_MAX, Archived, Mark, Tidied
from services.trigger.ports import RawEntry

if TYPE_CHECKING:
    from sendwhen.archive.archive import Archive

T = TypeVar("T")
SEGMENTS_MAX: Final = 200
"""Files of a partition that are looked through for one customer's past, the latest ones."""


class ParquetArchive:
    """See the port LogArchive. ``location``: a folder's path, or an address with "://"."""

    def __init__(self, location: str, *, partitions: int, clock: str) -> None:
        self._location = location
        self._partitions = partitions
        self._clock = clock
        self._archive: Archive | None = None
        # A manifest is read, changed and written; two at once would lose one's change.
        self._one = asyncio.Lock()

    async def marks(self, partition: int) -> Sequence[Mark]:
        """See the port."""
        return await self._do(lambda archive: _marks(archive, partition))

    async def append(self, partition: int, entries: Sequence[RawEntry], *, gap: bool) -> None:
        """See the port."""
        from sendwhen.archive.columns import LoggedEntry

        logged = [
            LoggedEntry(
                seq=entry.seq,
                at_ms=entry.at_ms,
                appended_at_us=entry.appended_at_us,
                nonce=entry.nonce,
                body=entry.body,
            )
            for entry in entries
        ]
        await self._do(lambda archive: archive.append(partition, logged, gap=gap))

    async def supersede(self, partition: int, from_seq: int) -> int:
        """See the port."""
        return len(await self._do(lambda archive: archive.supersede(partition, from_seq)))

    async def tidy(self, partition: int, before_day: str) -> Tidied:
        """See the port."""
        return await self._do(lambda archive: _tidy(archive, partition, before_day))

    async def customer(self, partition: int, uid: str) -> Archived:
        """See the port ArchivedPast."""
        return await self._do(lambda archive: _customer(archive, partition, uid))

    async def _do(self, work: Callable[[Archive], T]) -> T:
        async with self._one:
            return await asyncio.to_thread(lambda: work(self._opened()))

    def _opened(self) -> Archive:
        if self._archive is None:
            # Arrow takes a tenth of a second and 60 MB to load: only where there is an archive, and not at the start.
            from sendwhen.archive.archive import Archive
            from sendwhen.archive.location import open_files
            from sendwhen.archive.manifest import Identity

            archive = Archive(open_files(self._location))
            archive.establish(Identity(partitions=self._partitions, clock=self._clock))
            self._archive = archive
        return self._archive


def _marks(archive: Archive, partition: int) -> Sequence[Mark]:
    return [
        Mark(first_seq=segment.first_seq, last_seq=segment.last_seq, nonce=bytes.fromhex(segment.last_nonce))
        for _, segment in archive.segments(partition)
    ]


def _tidy(archive: Archive, partition: int, before_day: str) -> Tidied:
    from sendwhen.archive.compaction import compact_before

    done = compact_before(archive, partition, before_day)
    return Tidied(files_before=done.files_before, files_after=done.files_after, rows_removed=done.rows_removed)


def _customer(archive: Archive, partition: int, uid: str) -> Archived:
    from sendwhen.archive.rereading import reread

    # Another process may be the one that compacts.
    return reread(lambda: _events_of(archive, partition, uid))


def _events_of(archive: Archive, partition: int, uid: str) -> Archived:
    import pyarrow.compute as pc

    from sendwhen.archive.columns import read_rows

    segments = archive.segments(partition)[-SEGMENTS_MAX:]
    found: list[tuple[int, int, Event]] = []
    first_seq = 0
    for day, segment in reversed(segments):
        first_seq = segment.first_seq
        for table in archive.customers(partition, day, segment, low=uid, high=uid + "0", columns=None):
            # Sorted by customer, then as logged: the last rows are the latest.
            own = table.filter(pc.equal(table.column("uid"), uid))
            rows = read_rows(own.slice(max(0, own.num_rows - EVENTS_MAX - 1)))
            found += [(row.seq, row.at_ms, row.event) for row in rows if row.event is not None]
        if len(found) > EVENTS_MAX:
            break
    if not segments:
        return Archived()
    events = tuple((at_ms, event) for _, at_ms, event in sorted(found, key=lambda one: one[0]))
    return Archived(events=events, first_seq=first_seq, last_seq=segments[-1][1].last_seq)
