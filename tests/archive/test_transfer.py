"""Out of an archive: files for others, and events in the order of time."""

from __future__ import annotations

import io
from pathlib import Path

import msgspec
import pyarrow.parquet as pq
import pytest

from sendwhen.archive.archive import Archive
from sendwhen.archive.columns import rows_of
from sendwhen.archive.compaction import compact_before
from sendwhen.archive.local_files import LocalFiles
from sendwhen.archive.transfer import Part, Range, events_by_time, export, stretches_of
from sendwhen.client.event_file import event_of, in_file_order
from sendwhen.domain.event import Event
from sendwhen.errors import NotFound
from sendwhen.wire.event import event_of as read_event
from tests.archive.logs import a_log, entry
from tests.archive.logs import events as logged_events
from tests.builders import DAY_MS, HOUR_MS, T0_MS, an_event

LOGS = {partition: a_log(60, seed=partition, step_ms=HOUR_MS + partition) for partition in range(3)}


def an_archive(folder: Path) -> Archive:
    archive = Archive(LocalFiles(folder))
    for partition, log in LOGS.items():
        for start in range(0, 60, 20):
            archive.append(partition, log[start : start + 20])
    return archive


def events(within: Range) -> list[tuple[int, int, int, int, Event]]:
    rows = [
        (row.at_ms, partition, row.seq, row.index, row.event)
        for partition, log in LOGS.items()
        for entry in log
        for row in rows_of(entry)
        if row.event is not None
    ]
    return sorted(
        (row for row in rows if (within.from_ms or 0) <= row[0] < (within.to_ms or 2**60)), key=lambda row: row[:4]
    )


def exported(folder: Path) -> list[Path]:
    return sorted(folder.glob("events-*"))


def lines(folder: Path) -> list[bytes]:
    return sorted(line for path in exported(folder) for line in path.read_bytes().splitlines())


RANGES = [Range(), Range(from_ms=T0_MS + 5 * HOUR_MS, to_ms=T0_MS + DAY_MS + 7 * HOUR_MS)]


@pytest.mark.parametrize("within", RANGES)
def test_events_come_in_the_order_of_time_over_all_partitions(tmp_path: Path, within: Range) -> None:
    archive = an_archive(tmp_path)

    found = [
        event for day, _ in stretches_of(archive, within) for event in events_by_time(archive, within, stretch=day)
    ]

    assert [event.event_id for event in found] == [row[4].event_id for row in events(within)]
    assert [(e.properties, e.attributes, e.occurred_at_ms) for e in found] == [
        (row[4].properties, row[4].attributes, row[4].occurred_at_ms) for row in events(within)
    ]


@pytest.mark.parametrize("within", RANGES)
def test_exported_lines_are_events_as_replay_takes_them(tmp_path: Path, within: Range) -> None:
    count = export(an_archive(tmp_path / "a"), LocalFiles(tmp_path / "out"), within, "jsonl", lambda *_: None)

    read = []
    for path in exported(tmp_path / "out"):
        for number, line in in_file_order(path):
            event = read_event(event_of(line, number, file_identity="x").SerializeToString())
            assert isinstance(event, Event)
            read.append((event.event_id, event.name, event.user_id, event.email, event.properties, event.attributes))
    wanted = [(e.event_id, e.name, e.user_id, e.email, e.properties, e.attributes) for *_, e in events(within)]
    assert sorted(read) == sorted((*one[:4], one[4] or b"{}", one[5] or b"{}") for one in wanted)
    assert count == len(wanted)


def test_what_a_client_wrote_over_several_lines_is_exported_as_one(tmp_path: Path) -> None:
    archive = Archive(LocalFiles(tmp_path / "a"))
    event = msgspec.structs.replace(an_event(event_id="e"), properties=b'{\n  "note": "a\\nb",\r\n  "price": 1.50\n}')
    archive.append(0, [entry(1, logged_events(event))])

    export(archive, LocalFiles(tmp_path / "out"), Range(), "jsonl", lambda *_: None)

    (file,) = exported(tmp_path / "out")
    ((_, line),) = in_file_order(file)
    assert event_of(line, 1, file_identity="x").properties_json == b'{"note":"a\\nb","price":1.50}'


def test_an_export_that_was_stopped_writes_only_what_is_missing(tmp_path: Path) -> None:
    archive, target = an_archive(tmp_path / "a"), LocalFiles(tmp_path / "out")
    whole = export(archive, target, Range(), "parquet", lambda *_: None)
    names = [path.name for path in exported(tmp_path / "out")]
    lost = names[3]
    target.remove(lost)

    again = export(archive, target, Range(), "parquet", lambda *_: None)

    assert [path.name for path in exported(tmp_path / "out")] == names
    assert again == pq.ParquetFile(io.BytesIO(target.read(lost))).metadata.num_rows
    assert whole == sum(pq.ParquetFile(io.BytesIO(target.read(name))).metadata.num_rows for name in names)


def test_an_export_of_another_time_or_of_a_grown_archive_leaves_nothing_of_the_former(tmp_path: Path) -> None:
    archive, target = an_archive(tmp_path / "a"), LocalFiles(tmp_path / "out")

    def found(within: Range, rows: int) -> list[bytes]:
        export(archive, LocalFiles(tmp_path / "out"), within, "jsonl", lambda *_: None, rows=rows)
        export(archive, LocalFiles(tmp_path / str(rows)), within, "jsonl", lambda *_: None)
        return lines(tmp_path / "out")

    early = Range(to_ms=T0_MS + 5 * HOUR_MS)
    assert len(found(early, 10_000)) == len(events(early))
    assert len(found(Range(), 10_001)) == len(events(Range()))
    assert lines(tmp_path / "out") == lines(tmp_path / "10001")
    archive.append(0, a_log(80, seed=0, step_ms=HOUR_MS)[60:])
    grown = found(Range(), 10_002)
    assert grown == lines(tmp_path / "10002")
    assert len(grown) > len(events(Range()))
    assert export(archive, target, Range(), "jsonl", lambda *_: None) == 0


def test_a_large_day_becomes_several_files_that_follow_each_other(tmp_path: Path) -> None:
    archive = Archive(LocalFiles(tmp_path / "a"))
    log = a_log(60, seed=1, step_ms=1_000)
    for start in range(0, 60, 10):
        archive.append(0, log[start : start + 10])
    out = LocalFiles(tmp_path / "out")

    export(archive, LocalFiles(tmp_path / "whole"), Range(), "jsonl", lambda *_: None)
    export(archive, out, Range(), "jsonl", lambda *_: None, rows=1)
    several = exported(tmp_path / "out")

    (whole,) = exported(tmp_path / "whole")
    assert len(several) == 6
    assert b"".join(path.read_bytes() for path in several) == whole.read_bytes()
    compact_before(archive, 0, "2999-01-01")
    export(archive, out, Range(), "jsonl", lambda *_: None)
    assert [path.read_bytes() for path in exported(tmp_path / "out")] == [whole.read_bytes()]


def test_a_time_without_anything_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="Widen"):
        stretches_of(an_archive(tmp_path), Range(to_ms=5))


def test_on_the_events_own_time_an_entry_may_reach_over_days_and_order_holds(tmp_path: Path) -> None:
    archive = Archive(LocalFiles(tmp_path))
    times = {p: [T0_MS + p + n * 7 * HOUR_MS for n in range(40)] for p in range(3)}
    for partition, ats in times.items():
        entries = []
        for seq, start in enumerate(range(0, 40, 8 + partition), start=1):
            of = [an_event(event_id=f"{partition}-{at}", at_ms=at) for at in ats[start : start + 8 + partition]]
            entries.append(entry(seq, logged_events(*of), at_ms=of[-1].occurred_at_ms))
        archive.append(partition, entries)
    within = Range(clock="events", from_ms=T0_MS + HOUR_MS)

    ((stretch, _),) = stretches_of(archive, within)
    found = [event.occurred_at_ms for event in events_by_time(archive, within, stretch=stretch)]

    assert found == sorted(at for ats in times.values() for at in ats if at >= T0_MS + HOUR_MS)


def test_files_may_be_compacted_while_they_are_exported(tmp_path: Path) -> None:
    archive = an_archive(tmp_path)
    (tmp_path / "wanted").mkdir()
    whole = export(archive, LocalFiles(tmp_path / "wanted"), Range(), "jsonl", lambda _part, _events: None)

    def compact(part: Part, _events: int) -> None:
        for partition in archive.partitions():
            compact_before(archive, partition, "2999-01-01")

    found = export(archive, LocalFiles(tmp_path / "found"), Range(), "jsonl", compact)

    assert found == whole
    for file in exported(tmp_path / "wanted"):
        assert (tmp_path / "found" / file.name).read_bytes() == file.read_bytes()
