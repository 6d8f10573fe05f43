"""Compaction: few files in the place of many, and nothing of who was deleted."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from sendwhen.archive import compaction
from sendwhen.archive.archive import Archive
from sendwhen.archive.columns import EVENT, TRANSFER, Row, read_rows, rows_of, table_of
from sendwhen.archive.compaction import compact_before, compact_day, deletions_of
from sendwhen.archive.erasure import CLOSES_AFTER_MS, COMPACTS_AT_MS, DAY_MS, HOUR_MS, gone_by_ms
from sendwhen.archive.local_files import LocalFiles
from sendwhen.archive.verification import verify
from sendwhen.domain.partition import customer_uid
from sendwhen.domain.transfer import Delete, Forget, Forward, write_transfer
from sendwhen.errors import Precondition, Unavailable
from sendwhen.wire.entry import transfer_entry
from tests.archive.logs import a_log, entry, events
from tests.archive.test_archive import Failing, rows_in
from tests.builders import an_event, uid_of

LOG = a_log(90)
ALL = [row for one in LOG for row in rows_of(one)]
FOR_EVER = "2999-01-01"


def an_archive(folder: Path, *, deleted: dict[str, int] | None = None) -> Archive:
    """Many small files; the deletions stand in the last of them."""
    archive = Archive(LocalFiles(folder))
    for start in range(0, 90, 7):
        archive.append(3, LOG[start : start + 7])
    if deleted:
        day, last = archive.segments(3)[-1]
        manifest = archive.manifest(3, day)
        changed = msgspec.structs.replace(last, deleted=tuple(deleted.items()))
        archive.put_manifest(msgspec.structs.replace(manifest, segments=(*manifest.segments[:-1], changed)))
    return archive


def flaws(archive: Archive) -> list[str]:
    return [str(flaw) for checked in verify(archive, 3) for flaw in checked.flaws]


def test_a_days_small_files_become_one_with_all_rows(tmp_path: Path) -> None:
    archive = an_archive(tmp_path)
    days = archive.days(3)

    done = compact_before(archive, 3, FOR_EVER)

    assert done.files_before > done.files_after == len(days)
    assert rows_in(archive) == ALL
    assert flaws(archive) == []
    assert [name for day in days for name in archive.files_of(3, day)] == [s.file for _, s in archive.segments(3)]


def test_files_of_large_events_are_not_put_together_beyond_what_memory_may_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = Archive(LocalFiles(tmp_path))
    for one in LOG:
        archive.append(3, [one])
    before = archive.segments(3)
    most = 3 * max(segment.content_bytes for _, segment in before)
    monkeypatch.setattr(compaction, "FILE_BYTES", most)

    compact_before(archive, 3, FOR_EVER)

    after = [segment for _, segment in archive.segments(3)]
    assert all(0 < segment.content_bytes <= most for segment in after)
    assert len(archive.days(3)) < len(after) < len(before)
    assert rows_in(archive) == ALL


def test_a_day_that_is_not_over_is_left_alone(tmp_path: Path) -> None:
    archive = an_archive(tmp_path)
    before = archive.segments(3)

    compact_before(archive, 3, archive.days(3)[0])

    assert archive.segments(3) == before


def test_rows_of_deleted_customers_go_from_every_file_and_what_came_after_stays(tmp_path: Path) -> None:
    gone = {uid_of("ada"): 80, uid_of("bob"): 50}
    archive = an_archive(tmp_path, deleted=gone)

    done = compact_before(archive, 3, FOR_EVER)

    kept = [row for row in ALL if row.seq >= gone.get(row.uid, 0)]
    assert rows_in(archive) == kept
    assert done.rows_removed == len(ALL) - len(kept) > 20
    assert any(row.uid == uid_of("bob") for row in kept)
    assert b"ada@" not in b"".join(
        path.read_bytes() for path in tmp_path.rglob("*.parquet") if path.name < "000000000080"
    )
    assert flaws(archive) == []


def test_a_second_time_nothing_is_left_to_do(tmp_path: Path) -> None:
    archive = an_archive(tmp_path, deleted={uid_of("ada"): 80})
    compact_before(archive, 3, FOR_EVER)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    done = compact_before(archive, 3, FOR_EVER)

    assert (done.rows_removed, done.strays) == (0, 0)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("crash_at", range(25))
def test_a_crash_between_any_two_steps_loses_nothing_and_the_next_round_ends_it(tmp_path: Path, crash_at: int) -> None:
    gone = {uid_of("ada"): 80}
    an_archive(tmp_path, deleted=gone)
    wanted = [row for row in ALL if row.seq >= gone.get(row.uid, 0)]

    def kept(rows: list[Row]) -> list[Row]:
        return [row for row in rows if row.seq >= gone.get(row.uid, 0)]

    failing = Archive(Failing(LocalFiles(tmp_path), crash_at))
    try:
        compact_before(failing, 3, FOR_EVER)
    except Unavailable:
        assert kept(rows_in(Archive(LocalFiles(tmp_path)))) == wanted

    archive = Archive(LocalFiles(tmp_path))
    compact_before(archive, 3, FOR_EVER)

    assert rows_in(archive) == wanted
    assert flaws(archive) == []
    assert {path.name for path in tmp_path.rglob("*.parquet")} == {segment.file for _, segment in archive.segments(3)}


def test_deletions_are_gathered_over_all_days(tmp_path: Path) -> None:
    archive = an_archive(tmp_path, deleted={uid_of("ada"): 80})

    assert deletions_of(archive, 3) == {uid_of("ada"): 80}
    compact_day(archive, 3, archive.days(3)[-1], {})
    assert deletions_of(archive, 3) == {uid_of("ada"): 80}


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda path: path.unlink(), "it is missing"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), "bytes instead of"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1] + b"?"), "its checksum is not that of the manifest"),
    ],
)
def test_a_file_that_was_spoilt_is_named(tmp_path: Path, spoil: object, said: str) -> None:
    archive = an_archive(tmp_path)
    day, segment = archive.segments(3)[4]
    spoil(tmp_path / "partition=0003" / f"day={day}" / segment.file)  # type: ignore[operator]  # a function of a path

    (found,) = flaws(archive)

    assert said in found
    assert segment.file in found


def test_a_damaged_file_is_named_and_keeps_deleted_customers_in_no_other_day(tmp_path: Path) -> None:
    archive = an_archive(tmp_path, deleted={uid_of("ada"): 10_000})
    days = archive.days(3)
    damaged = archive.manifest(3, days[0]).segments[0].file
    (tmp_path / "partition=0003" / f"day={days[0]}" / damaged).write_bytes(b"PAR1 and no more")

    with pytest.raises(Precondition, match=f"{damaged} of the archive cannot be read"):
        compact_before(archive, 3, FOR_EVER)

    segments = [(day, one) for day in days[1:] for one in archive.manifest(3, day).segments]
    left = [row for day, one in segments for row in read_rows(archive.table(3, day, one))]
    assert left
    assert uid_of("ada") not in {row.uid for row in left}


def test_a_manifest_that_cannot_be_read_and_a_gap_are_named(tmp_path: Path) -> None:
    archive = an_archive(tmp_path)
    days = archive.days(3)
    (tmp_path / "partition=0003" / f"day={days[1]}" / "manifest.json").write_text("{")

    found = flaws(archive)

    assert "cannot be read" in found[0]
    assert "are missing" in found[1]


@pytest.mark.parametrize("at_ms", [0, HOUR_MS, DAY_MS - 1, DAY_MS - CLOSES_AFTER_MS, DAY_MS * 20_000 + 5 * HOUR_MS])
def test_the_last_trace_of_who_was_deleted_goes_with_the_compaction_of_the_next_day(at_ms: int) -> None:
    gone_ms = gone_by_ms(at_ms, archived=True)

    compaction_ms = gone_ms // DAY_MS * DAY_MS + COMPACTS_AT_MS
    assert compaction_ms < gone_ms
    assert compaction_ms // DAY_MS > (at_ms + CLOSES_AFTER_MS) // DAY_MS, "the day of the deletion is over by then"
    assert gone_ms - at_ms < 2 * DAY_MS
    assert gone_by_ms(at_ms, archived=False) < at_ms + 4 * HOUR_MS


def test_transfers_are_rows_of_whom_they_concern_and_deletions_are_found_in_them(tmp_path: Path) -> None:
    ada, visitor = uid_of("ada"), customer_uid("anon:a1")
    event = an_event("Product Viewed", "ada")
    archive = Archive(LocalFiles(tmp_path))
    before = transfer_entry([(1, "l", 1, write_transfer(Forward(ada, 1, event))), (1, "l", 2, b"newer")])
    after = transfer_entry(
        [(-1, "", 0, write_transfer(Delete(ada))), (2, "m", 3, write_transfer(Forget(visitor, ada, 1)))]
    )
    archive.append(3, [entry(1, before), entry(2, events(an_event(who="ada", event_id="e"))), entry(3, after)])

    assert sorted((row.uid, row.seq, row.kind) for row in rows_in(archive)) == sorted(
        [("", 1, TRANSFER), (ada, 1, TRANSFER), (ada, 2, EVENT), (ada, 3, TRANSFER), (visitor, 3, TRANSFER)]
    )
    assert deletions_of(archive, 3) == {ada: 3, visitor: 3}

    assert compact_before(archive, 3, FOR_EVER).rows_removed == 2
    assert sorted((row.uid, row.seq) for row in rows_in(archive)) == sorted([("", 1), (ada, 3), (visitor, 3)])
    assert b"ada@" not in b"".join(path.read_bytes() for path in tmp_path.rglob("*.parquet"))
    assert flaws(archive) == []


def test_files_of_before_a_column_came_are_read_and_compacted(tmp_path: Path) -> None:
    table = table_of(ALL[:40])
    assert list(read_rows(table.drop_columns(["previous_id"]))) == list(read_rows(table))
