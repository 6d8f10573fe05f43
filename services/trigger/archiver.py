"""Carries what is closed of the log into the archive, lets the log go behind it, and tidies the archive once a day.

A range is closed once it is committed and either old enough or large enough: small files are dear to read, and what
is not archived keeps the log from being trimmed. Where shards are behind, they need the processors more: what is only
large waits until they have caught up, or until very much of it waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, Final, TypeVar

import structlog

from sendwhen.archive.erasure import CLOSES_AFTER_MS, COMPACTS_AT_MS, DAY_MS
from sendwhen.chassis.clock import Clock
from sendwhen.chassis.days import day_of
from sendwhen.chassis.metrics import Meter
from sendwhen.errors import Unavailable
from services.trigger.archive_ports import Lease, LogArchive, LogTail, Mark, Standing
from services.trigger.ports import RawEntry

log = structlog.get_logger()

RANGE_BYTES: Final = 8 * 1024 * 1024
"""A range so large is closed at once, and no file holds more of the log."""

RANGES_KEPT: Final = 8
"""Of so many ranges of a partition that wait, the first is closed even while shards are behind."""

BEHIND_ENTRIES: Final = 16
"""A partition whose commits are so far behind its log is behind: some tens of milliseconds under a high load."""

PAGE_ENTRIES: Final = 200
"""Entries that are read at a time; up to 100 KB each."""

HOLD_EVERY_S: Final = 30.0
"""The lease is held on to so often during work that may take longer than it lasts."""

T = TypeVar("T")
_NOTHING: Final = Mark(first_seq=0, last_seq=0, nonce=b"")


class Archiver:
    """One front's archivist; does nothing while another front's has the lease."""

    def __init__(
        self,
        tail: LogTail,
        archive: LogArchive,
        lease: Lease,
        *,
        partitions: int,
        clock: Clock,
        meter: Meter,
        range_bytes: int = RANGE_BYTES,
        hold_every_s: float = HOLD_EVERY_S,
    ) -> None:
        self._tail = tail
        self._archive = archive
        self._lease = lease
        self._partitions = range(partitions)
        self._clock = clock
        self._meter = meter
        self._range_bytes = range_bytes
        self._hold_every_s = hold_every_s
        # None: the archive must be asked, because we do not know whether we wrote it last.
        self._known: dict[int, Mark] | None = None
        self._tidied_day = ""

    async def archive(self) -> int:
        """Archive what is closed in every partition, and trim behind it; how many entries were archived.

        Raises:
            Unavailable: The store or the archive is away.
        """
        if not await self._held():
            return 0
        written = 0
        waiting_us: list[int] = []
        for partition in self._partitions:
            try:
                entries, since_us = await self._partition(partition)
            except Unavailable:
                raise
            except Exception as error:  # noqa: BLE001  one partition that cannot be archived must not keep the others' logs
                log.error("archive.failed", partition=partition, problem=str(error) or type(error).__name__)
                self._known = None
                continue
            written += entries
            waiting_us += [since_us] if since_us else []
        behind_s = self._clock.now_ms() / 1_000 - min(waiting_us) / 1_000_000 if waiting_us else 0.0
        self._meter.set("sendwhen_archive_behind_seconds", max(0.0, behind_s))
        if written:
            self._meter.count("sendwhen_archived_entries_total", written)
        return written

    async def tidy(self) -> None:
        """Compact the days that are over, once a day from two in the morning (UTC) on; again where that failed.

        Raises:
            Unavailable: The store or the archive is away.
        """
        now_ms = self._clock.now_ms()
        today = day_of(now_ms)
        if now_ms % DAY_MS < COMPACTS_AT_MS or self._tidied_day == today or not await self._lease.hold():
            return
        failed = False
        for partition in self._partitions:
            try:
                done = await self._holding(self._archive.tidy(partition, today))
            except Unavailable:
                raise
            except Exception as error:  # noqa: BLE001  a damaged file of one must not keep deleted customers in the others
                log.error("archive.not_compacted", partition=partition, problem=str(error) or type(error).__name__)
                failed = True
                continue
            if done.rows_removed or done.files_after < done.files_before:
                log.info(
                    "archive.compacted",
                    partition=partition,
                    files_before=done.files_before,
                    files_after=done.files_after,
                    rows_removed=done.rows_removed,
                )
            if not await self._lease.hold():
                return
        self._tidied_day = "" if failed else today

    async def _holding(self, work: Coroutine[Any, Any, T]) -> T:
        """Do work that may take long, holding on to the lease meanwhile."""
        task = asyncio.create_task(work)
        try:
            while not (await asyncio.wait({task}, timeout=self._hold_every_s))[0]:
                # The work needs no store: where that is away for a while, whoever asks for the lease next says so.
                with suppress(Unavailable):
                    await self._lease.hold()
        finally:
            if not task.done():
                task.cancel()
        return task.result()

    async def _partition(self, partition: int) -> tuple[int, int]:
        """Archive and trim one partition; how many entries were added, and since when the next one waits (0: none)."""
        mark = await self._last(partition)
        written, waiting_us = 0, 0
        while True:
            standing = await self._tail.standing(partition, mark.last_seq)
            if mark.last_seq and self._parted(standing, mark):
                mark = await self._go_back(partition)
                continue
            if not self._closed(standing):
                waiting_us = standing.next_appended_at_us
                break
            entries = await self._range(partition, mark.last_seq, standing.position)
            # Asked before each file, because many of them take longer than a lease.
            if not entries or not await self._held():
                break
            gap = entries[0].seq != mark.last_seq + 1
            if gap and mark.last_seq:
                log.error("archive.gap_found", partition=partition, after=mark.last_seq, before=entries[0].seq)
            await self._archive.append(partition, entries, gap=gap)
            mark = Mark(first_seq=entries[0].seq, last_seq=entries[-1].seq, nonce=entries[-1].nonce)
            self._keep(partition, mark)
            written += len(entries)
        gone = await self._tail.trim(partition, mark.last_seq)
        if gone:
            self._meter.count("sendwhen_log_trimmed_entries_total", gone)
        return written, waiting_us

    async def _held(self) -> bool:
        """We are the archivist; where we are not, what we know of the archive is worth nothing."""
        if await self._lease.hold():
            return True
        self._known = None
        return False

    def _closed(self, standing: Standing) -> bool:
        if not standing.next_appended_at_us:
            return False
        age_ms = self._clock.now_ms() - standing.next_appended_at_us // 1_000
        behind = standing.head_seq - standing.position >= BEHIND_ENTRIES
        enough = self._range_bytes * RANGES_KEPT if behind else self._range_bytes
        return age_ms >= CLOSES_AFTER_MS or standing.bytes >= enough

    async def _range(self, partition: int, after: int, up_to: int) -> list[RawEntry]:
        found: list[RawEntry] = []
        size = 0
        while size < self._range_bytes:
            page = await self._tail.entries(partition, after, up_to, PAGE_ENTRIES)
            found += page
            size += sum(len(entry.body) for entry in page)
            if len(page) < PAGE_ENTRIES:
                break
            after = page[-1].seq
        return found

    @staticmethod
    def _parted(standing: Standing, mark: Mark) -> bool:
        """The log went another way than what is archived: its tail was lost, or an older copy was put back."""
        if standing.head_seq < mark.last_seq:
            return True
        return standing.nonce is not None and standing.nonce != mark.nonce

    async def _go_back(self, partition: int) -> Mark:
        """Drop what the log does not hold any more; the last range that stands."""
        stands = _NOTHING
        for mark in reversed(await self._archive.marks(partition)):
            standing = await self._tail.standing(partition, mark.last_seq)
            if not self._parted(standing, mark):
                stands = mark
                break
        gone = await self._archive.supersede(partition, stands.last_seq + 1)
        log.error("archive.superseded", partition=partition, ranges=gone, from_seq=stands.last_seq + 1)
        self._keep(partition, stands)
        return stands

    async def _last(self, partition: int) -> Mark:
        if self._known is None:
            self._known = {}
        if partition not in self._known:
            marks = await self._archive.marks(partition)
            self._known[partition] = marks[-1] if marks else _NOTHING
        return self._known[partition]

    def _keep(self, partition: int, mark: Mark) -> None:
        if self._known is not None:
            self._known[partition] = mark
