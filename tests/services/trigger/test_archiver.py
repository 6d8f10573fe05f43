"""The archivist: what is closed is archived, and only then does the log let it go."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path

import pytest

from sendwhen.archive.erasure import CLOSES_AFTER_MS, COMPACTS_AT_MS, DAY_MS
from sendwhen.chassis.metrics import Metrics
from sendwhen.errors import Precondition, Unavailable
from services.trigger.archive_ports import LogArchive, Tidied
from services.trigger.archiver import BEHIND_ENTRIES, Archiver
from services.trigger.log_port import Append
from services.trigger.parquet_archive import ParquetArchive
from tests.contract.log_archive_contract import LogArchiveContract, raw
from tests.contract.store_world import Owner, World
from tests.contract.test_memory_store import MemoryWorld
from tests.fakes.memory_archive import MemoryArchive, MemoryLease
from tests.fakes.memory_store import MemoryStore


class TestParquet(LogArchiveContract):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self._root = tmp_path / "archive"

    def archive(self) -> LogArchive:
        return ParquetArchive(str(self._root), partitions=3, clock="wall")


class TestParquetByFsspec(LogArchiveContract):
    def archive(self) -> LogArchive:
        return ParquetArchive(f"memory://{uuid.uuid4().hex}", partitions=3, clock="wall")


class TestMemory(LogArchiveContract):
    def archive(self) -> LogArchive:
        return MemoryArchive()


class Desk:
    """An archivist over a store in memory."""

    def __init__(self, *, range_bytes: int = 10_000) -> None:
        self.world = MemoryWorld()
        self.store: MemoryStore = self.world.store
        self.archive, self.lease = MemoryArchive(), MemoryLease()
        self.metrics = Metrics()
        self.range_bytes = range_bytes
        self.archiver = self.another()

    def another(self) -> Archiver:
        return Archiver(
            self.store,
            self.archive,
            self.lease,
            partitions=3,
            clock=self.store.clock,
            meter=self.metrics,
            range_bytes=self.range_bytes,
            hold_every_s=0.01,
        )

    async def append(self, count: int, *, size: int = 100, partition: int = 0) -> None:
        for _ in range(count):
            now_ms = self.store.clock.now_ms()
            await self.store.append([Append(partition=partition, body=bytes(size), events=1, at_ms=now_ms)])

    def commit(self, position: int) -> None:
        owner = Owner(self.world)
        owner.commit(position, clock_ms=self.store.clock.now_ms())

    def later(self, ms: int) -> None:
        self.store.clock.advance(ms)  # type: ignore[attr-defined]  # a clock that a test moves


async def test_what_is_committed_and_ten_minutes_old_is_archived_the_rest_waits() -> None:
    desk = Desk()
    await desk.append(5)
    desk.commit(4)

    assert await desk.archiver.archive() == 0
    desk.later(CLOSES_AFTER_MS)
    assert await desk.archiver.archive() == 4

    assert desk.archive.seqs(0) == [1, 2, 3, 4]
    desk.commit(5)
    desk.later(CLOSES_AFTER_MS)
    assert await desk.archiver.archive() == 1


async def test_much_is_archived_at_once_in_ranges_of_bounded_size() -> None:
    desk = Desk(range_bytes=50_000)
    await desk.append(900, size=400)
    desk.commit(900)

    await desk.archiver.archive()

    sizes = [sum(len(entry.body) for entry in one) for one in desk.archive.ranges[0]]
    assert len(sizes) > 2
    assert max(sizes) <= 50_000 + 200 * 400
    assert desk.archive.seqs(0) == list(range(1, len(desk.archive.seqs(0)) + 1))


async def test_while_shards_are_behind_only_what_is_old_or_very_much_is_archived() -> None:
    desk = Desk(range_bytes=50_000)
    await desk.append(300 + BEHIND_ENTRIES, size=400)
    desk.commit(300)

    assert await desk.archiver.archive() == 0
    desk.commit(301)
    assert await desk.archiver.archive() > 0

    old = Desk(range_bytes=50_000)
    await old.append(300 + BEHIND_ENTRIES, size=400)
    old.commit(300)
    old.later(CLOSES_AFTER_MS)
    assert await old.archiver.archive() == 300

    very_much = Desk(range_bytes=50_000)
    await very_much.append(1_100 + BEHIND_ENTRIES, size=400)
    very_much.commit(1_100)
    assert await very_much.archiver.archive() > 0


async def test_the_log_goes_only_behind_the_archive() -> None:
    desk = Desk()
    await desk.append(5)
    desk.commit(5)
    desk.later(2 * 3_600_000)
    desk.archive.is_away = True

    with pytest.raises(Unavailable):
        await desk.archiver.archive()

    assert list(desk.store.partitions[0].log) == [1, 2, 3, 4, 5]
    desk.archive.is_away = False
    await desk.archiver.archive()
    assert list(desk.store.partitions[0].log) == [5]


async def test_a_partition_that_cannot_be_archived_keeps_its_own_log_and_no_other() -> None:
    desk = Desk()
    for partition in range(3):
        await desk.append(4, partition=partition)
        Owner(desk.world, partition=partition).commit(4, clock_ms=desk.store.clock.now_ms())
    desk.later(2 * 3_600_000)
    desk.archive.refused = 1

    assert await desk.archiver.archive() == 8

    assert {number: len(one.log) for number, one in desk.store.partitions.items()} == {0: 1, 1: 4, 2: 1}


async def test_the_lease_is_asked_for_before_each_file() -> None:
    desk = Desk(range_bytes=20_000)
    await desk.append(900, size=400)
    desk.commit(900)
    desk.lease.lasts = 3

    await desk.archiver.archive()

    assert 0 < len(desk.archive.ranges[0]) <= 2
    desk.lease.lasts = 1_000
    await desk.archiver.archive()
    assert desk.archive.seqs(0) == list(range(1, len(desk.archive.seqs(0)) + 1))


async def test_an_answer_that_was_lost_leaves_nothing_twice() -> None:
    desk = Desk()
    await desk.append(5)
    desk.commit(5)
    desk.later(CLOSES_AFTER_MS)
    desk.archive.loses_answers = True
    with pytest.raises(Unavailable):
        await desk.archiver.archive()
    desk.archive.loses_answers = False

    await desk.archiver.archive()
    await desk.another().archive()

    assert desk.archive.seqs(0) == [1, 2, 3, 4, 5]


async def test_another_archivist_goes_on_where_the_first_one_stopped() -> None:
    desk = Desk()
    await desk.append(3)
    desk.commit(3)
    desk.later(CLOSES_AFTER_MS)
    await desk.archiver.archive()
    await desk.append(3)
    desk.commit(6)
    desk.later(2 * CLOSES_AFTER_MS)

    assert await desk.another().archive() == 3

    assert desk.archive.seqs(0) == [1, 2, 3, 4, 5, 6]


async def test_while_another_front_is_the_archivist_nothing_is_archived_or_trimmed() -> None:
    desk = Desk()
    await desk.append(5)
    desk.commit(5)
    desk.later(2 * 3_600_000)
    desk.lease.is_others = True

    assert await desk.archiver.archive() == 0
    await desk.archiver.tidy()

    assert desk.archive.ranges == {}
    assert desk.archive.tidied == []
    assert len(desk.store.partitions[0].log) == 5


async def test_a_log_that_lost_its_tail_takes_the_place_of_what_was_archived_of_it() -> None:
    desk = Desk()
    await desk.append(4)
    desk.commit(4)
    desk.later(CLOSES_AFTER_MS)
    await desk.archiver.archive()
    before = desk.store.snapshot()
    await desk.append(4)
    desk.commit(8)
    desk.later(2 * CLOSES_AFTER_MS)
    await desk.archiver.archive()
    assert desk.archive.seqs(0) == list(range(1, 9))

    desk.store.restore(before)
    await desk.append(2)
    desk.commit(6)
    desk.later(2 * CLOSES_AFTER_MS)
    await desk.archiver.archive()

    log = desk.store.partitions[0].log
    assert desk.archive.seqs(0) == [1, 2, 3, 4, 5, 6]
    archived = [entry for one in desk.archive.ranges[0] for entry in one]
    assert archived[4:] == [log[5].entry, log[6].entry]


async def test_entries_that_were_trimmed_before_there_was_an_archive_are_a_gap_and_no_obstacle() -> None:
    desk = Desk()
    await desk.append(5)
    desk.commit(5)
    desk.later(2 * 3_600_000)
    await desk.store.trim(0)

    await desk.archiver.archive()

    assert desk.archive.seqs(0) == [5]


async def test_days_that_are_over_are_compacted_once_a_day_after_two_in_the_morning() -> None:
    desk = Desk()
    now_ms = desk.store.clock.now_ms()
    desk.later(DAY_MS - now_ms % DAY_MS + COMPACTS_AT_MS - 1)

    await desk.archiver.tidy()
    assert desk.archive.tidied == []
    desk.later(1)
    await desk.archiver.tidy()
    await desk.archiver.tidy()
    assert [partition for partition, _ in desk.archive.tidied] == [0, 1, 2]
    desk.later(DAY_MS)
    await desk.archiver.tidy()
    assert len(desk.archive.tidied) == 6


async def test_the_lease_is_held_on_to_while_a_partition_is_compacted_however_long_that_takes() -> None:
    desk = Desk()
    desk.later(DAY_MS - desk.store.clock.now_ms() % DAY_MS + COMPACTS_AT_MS)
    left = desk.lease.lasts

    async def slow(partition: int, before_day: str) -> Tidied:
        await asyncio.sleep(0.2)
        return Tidied(files_before=0, files_after=0, rows_removed=0)

    desk.archive.tidy = slow  # type: ignore[method-assign]
    await asyncio.wait_for(desk.archiver.tidy(), 10)

    # Before the first, after each of three, and meanwhile.
    assert left - desk.lease.lasts > 4 + 3


async def test_a_partition_whose_files_are_damaged_keeps_deleted_customers_in_no_other_and_is_tried_again() -> None:
    desk = Desk()
    desk.later(DAY_MS - desk.store.clock.now_ms() % DAY_MS + COMPACTS_AT_MS)
    desk.archive.refused = 0

    await desk.archiver.tidy()
    assert [partition for partition, _ in desk.archive.tidied] == [1, 2]
    desk.archive.refused = -1
    await desk.archiver.tidy()
    await desk.archiver.tidy()

    assert [partition for partition, _ in desk.archive.tidied] == [1, 2, 0, 1, 2]


async def test_another_installations_archive_is_refused(tmp_path: Path) -> None:
    await ParquetArchive(str(tmp_path), partitions=3, clock="wall").append(0, raw(2), gap=False)

    with pytest.raises(Precondition, match="an archive of its own"):
        await ParquetArchive(str(tmp_path), partitions=16, clock="wall").marks(0)


def test_the_world_of_these_tests_is_a_world() -> None:
    assert isinstance(MemoryWorld(), World)
