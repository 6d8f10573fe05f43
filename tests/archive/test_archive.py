"""An archive: what is appended comes back, in files per day, whatever crashes in between."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import pytest

from sendwhen.archive.archive import Archive, checksum
from sendwhen.archive.columns import EVENT, SCHEMA, Row, read_rows, rows_of
from sendwhen.archive.files import Files
from sendwhen.archive.local_files import LocalFiles
from sendwhen.archive.manifest import Identity
from sendwhen.errors import NotFound, Precondition, Unavailable
from sendwhen.v1.event_pb2 import Event as EventMessage
from tests.archive.logs import a_log, entry, events
from tests.builders import DAY_MS, T0_MS, an_event


def rows_in(archive: Archive, partition: int = 3) -> list[Row]:
    found: list[Row] = []
    for day, segment in archive.segments(partition):
        found += read_rows(archive.table(partition, day, segment))
    return sorted(found, key=lambda row: (row.seq, row.index))


def test_what_was_appended_comes_back_row_by_row(tmp_path: Path) -> None:
    archive, log = Archive(LocalFiles(tmp_path)), a_log(60)

    archive.append(3, log[:25])
    archive.append(3, log[25:])

    assert rows_in(archive) == [row for one in log for row in rows_of(one)]


def test_each_day_has_files_of_its_own_with_sums_that_hold(tmp_path: Path) -> None:
    archive, log = Archive(LocalFiles(tmp_path)), a_log(60)

    written = archive.append(3, log)

    assert archive.days(3) == ["2023-11-14", "2023-11-15", "2023-11-16", "2023-11-17"]
    assert [(s.first_seq, s.last_seq) for s in written] == [(1, 1), (2, 25), (26, 49), (50, 60)]
    for day, segment in archive.segments(3):
        content = archive.content(3, day, segment)
        assert (segment.bytes, segment.checksum) == (len(content), checksum(content))


def test_a_field_of_events_that_is_added_gets_a_column() -> None:
    inside = {"properties_json": "properties", "attributes_json": "attributes"}

    named = {inside.get(field.name, field.name) for field in EventMessage.DESCRIPTOR.fields}

    assert named <= set(SCHEMA.names)


def test_rows_of_one_customer_lie_together(tmp_path: Path) -> None:
    archive = Archive(LocalFiles(tmp_path))
    archive.append(0, [entry(1, events(*(an_event(who=f"user-{n % 9}", event_id=f"e{n}") for n in range(90))))])

    ((day, segment),) = archive.segments(0)
    uids = archive.table(0, day, segment)["uid"].to_pylist()

    assert uids == sorted(uids)
    low, high = uids[0], uids[30]
    found = [uid for part in archive.customers(0, day, segment, low=low, high=high, columns=["uid"])
             for uid in part["uid"].to_pylist()]  # fmt: skip
    assert set(found) >= {uid for uid in uids if low <= uid < high}


def test_the_same_again_changes_nothing(tmp_path: Path) -> None:
    archive, log = Archive(LocalFiles(tmp_path)), a_log(30)
    archive.append(3, log)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    assert archive.append(3, log[10:]) == []

    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_entries_that_do_not_follow_are_refused(tmp_path: Path) -> None:
    archive, log = Archive(LocalFiles(tmp_path)), a_log(30)
    archive.append(3, log[:10])

    with pytest.raises(Precondition, match="does not follow 10"):
        archive.append(3, log[11:])


def test_bytes_that_are_no_entry_are_kept_as_they_are(tmp_path: Path) -> None:
    archive = Archive(LocalFiles(tmp_path))

    archive.append(3, [entry(1, b"\xff\xff\xff"), entry(2, b"")])

    assert [(row.seq, row.index, row.body) for row in rows_in(archive)] == [(1, -1, b"\xff\xff\xff"), (2, -1, b"")]


def test_a_log_that_went_another_way_takes_the_place_of_what_it_was(tmp_path: Path) -> None:
    archive, log = Archive(LocalFiles(tmp_path)), a_log(60)
    archive.append(3, log[:30])
    archive.append(3, log[30:])
    other = [entry(seq, events(an_event(event_id=f"other-{seq}")), at_ms=T0_MS + 3 * DAY_MS) for seq in range(41, 50)]

    gone = archive.supersede(3, 41)
    archive.append(3, log[30:40])
    archive.append(3, other)

    assert sum(segment.last_seq - segment.first_seq + 1 for segment in gone) == 30
    assert rows_in(archive) == [row for one in (*log[:40], *other) for row in rows_of(one)]


def test_an_archive_belongs_to_one_installation(tmp_path: Path) -> None:
    archive = Archive(LocalFiles(tmp_path))
    with pytest.raises(NotFound):
        archive.identity()
    archive.establish(Identity(partitions=16, clock="wall"))
    archive.establish(Identity(partitions=16, clock="wall"))

    with pytest.raises(Precondition, match="16 partitions"):
        archive.establish(Identity(partitions=4, clock="wall"))

    assert archive.identity() == Identity(partitions=16, clock="wall")


class Failing:
    """Files that fail for good at the n-th change."""

    def __init__(self, files: Files, at: int) -> None:
        self._files = files
        self._left = at

    def _count(self) -> None:
        if self._left == 0:
            raise Unavailable("The disk is full.")
        self._left -= 1

    def children(self, folder: str) -> Sequence[str]:
        return self._files.children(folder)

    def write(self, path: str, content: bytes) -> None:
        self._count()
        self._files.write(path, content)

    def read(self, path: str) -> bytes:
        return self._files.read(path)

    def open(self, path: str) -> BinaryIO:
        return self._files.open(path)

    def remove(self, path: str) -> None:
        self._count()
        self._files.remove(path)


@pytest.mark.parametrize("crash_at", range(12))
def test_a_crash_between_any_two_steps_loses_and_doubles_nothing(tmp_path: Path, crash_at: int) -> None:
    files, log = LocalFiles(tmp_path), a_log(70)
    wanted = [row for one in log for row in rows_of(one)]

    failing = Archive(Failing(files, crash_at))
    try:
        for start in range(0, 70, 20):
            failing.append(3, log[start : start + 20])
    except Unavailable:
        archived = rows_in(Archive(files))
        assert archived == wanted[: len(archived)]
    archive = Archive(files)
    last = archive.last(3)
    archive.append(3, log[0 if last is None else last.last_seq :])

    assert rows_in(archive) == wanted
    assert sum(row.kind == EVENT for row in rows_in(archive)) == sum(s.events for _, s in archive.segments(3))
