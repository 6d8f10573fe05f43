"""Backtests: what the production shard would have decided, however the work is divided."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from sendwhen.archive.archive import Archive, Place
from sendwhen.archive.columns import LoggedEntry
from sendwhen.archive.compaction import compact_before
from sendwhen.archive.local_files import LocalFiles
from sendwhen.backtest import history
from sendwhen.backtest.run import Plan, Progress, run_backtest
from sendwhen.backtest.variant import Variant, campaign_of, read_variant
from sendwhen.backtest.workers import OwnProcess, Processes
from sendwhen.campaigns import check, read_folder
from sendwhen.domain.sending_rules import SENDING_ID
from sendwhen.errors import Invalid, NotFound
from sendwhen.wire.entry import skip_entry
from tests.backtest.pasts import CART, JOURNEY, POLICY, THANKS, a_past, a_variant, archived, decided_plainly
from tests.builders import DAY_MS, T0_MS

Row = dict[str, str]
IN_SEGMENT = "campaign: cart\ntrigger: {match: {event: A}}\nguard: {segment: vip}\nsteps: [{send: hi}]\n"


def emails(folder: Path) -> list[Row]:
    with (folder / "emails.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def ignored(_: Progress) -> None:
    """Nobody watches."""


@pytest.mark.parametrize("seed", range(12))
def test_a_backtest_finds_what_the_shard_decides_entry_by_entry(tmp_path: Path, seed: int) -> None:
    past, variant = a_past(seed=seed), a_variant(CART, THANKS)
    to_ms = past[-1].at_ms + 1
    from_ms = T0_MS + DAY_MS if seed % 2 else T0_MS
    wanted = decided_plainly(past, variant, from_ms=from_ms, to_ms=to_ms, skips=frozenset())

    plan = Plan(location=archived(tmp_path / "archive", past), variant=variant, from_ms=from_ms)
    report = run_backtest(plan, OwnProcess(), tmp_path / "out", ignored)

    found = [
        (row["at_ms"], row["campaign"], row["uid"], row["run_id"], row["content"]) for row in emails(tmp_path / "out")
    ]
    assert found == [(str(s.due_at_ms), s.campaign_id, s.uid, s.run_id, s.content) for s in wanted]
    assert len(wanted) > 20
    assert sum(one.emails for one in report.campaigns) == len(wanted)


@pytest.mark.parametrize("seed", range(6))
def test_steps_and_rules_about_emails_are_those_of_the_shard(tmp_path: Path, seed: int) -> None:
    past, variant = a_past(seed=seed), a_variant(POLICY, CART, JOURNEY, THANKS)
    wanted = decided_plainly(past, variant, from_ms=T0_MS, to_ms=past[-1].at_ms + 1, skips=frozenset())

    plan = Plan(location=archived(tmp_path / "archive", past), variant=variant, from_ms=T0_MS)
    report = run_backtest(plan, OwnProcess(), tmp_path / "out", ignored)

    found = sorted((row["at_ms"], row["campaign"], row["run_id"]) for row in emails(tmp_path / "out"))
    assert found == sorted((str(s.due_at_ms), s.campaign_id, s.run_id) for s in wanted)
    assert {s.campaign_id for s in wanted} == {"cart", "journey", "thanks"}
    assert [one.campaign_id for one in report.campaigns] == ["cart", "journey", "thanks"]


def test_the_policy_beside_the_campaigns_is_tried_with_them(tmp_path: Path) -> None:
    (tmp_path / "cart").mkdir()
    for name, content in {"campaign.yaml": CART, "reminder.text.liquid": "x", "last-call.text.liquid": "x"}.items():
        (tmp_path / "cart" / name).write_text(content)
        (tmp_path / "cart" / name.replace("text", "subject")).write_text(content if "yaml" in name else "Hello")
    (tmp_path / "sending.yaml").write_text(POLICY)

    assert [put.campaign_id for put in read_variant(tmp_path).puts] == [SENDING_ID, "cart"]
    assert read_variant(tmp_path / "cart") == read_variant(tmp_path)
    alone = Variant(puts=read_variant(tmp_path).puts[1:])
    assert alone.under_policy_of(read_variant(tmp_path)) == read_variant(tmp_path)
    assert read_variant(tmp_path).under_policy_of(alone) == alone
    (tmp_path / "sending.yaml").write_text("caps: 3")
    with pytest.raises(Invalid, match=r"sending.yaml:1:7: 'caps' must be a map"):
        read_variant(tmp_path)


def test_segments_beside_the_campaigns_are_tried_with_them(tmp_path: Path) -> None:
    (tmp_path / "cart").mkdir()
    for name, content in {"campaign.yaml": IN_SEGMENT, "hi.text.liquid": "Hi", "hi.subject.liquid": "Hi"}.items():
        (tmp_path / "cart" / name).write_text(content)
    (tmp_path / "segments.yaml").write_text("segments: {vip: customer.spend > 100}")

    (put,) = read_variant(tmp_path).puts

    assert put.version == check(read_folder(tmp_path / "cart")).version
    assert "customer.spend > 100" in repr(campaign_of(put.source))


def test_what_was_set_aside_back_then_is_left_out(tmp_path: Path) -> None:
    past, variant = list(a_past(seed=2)), a_variant(CART, THANKS)
    skips = frozenset((seq, 0) for seq in range(1, 400, 3))
    for seq, index in sorted(skips):
        body = skip_entry(skipped_seq=seq, index=index, reason="failed")
        past.append(
            LoggedEntry(seq=len(past) + 1, at_ms=past[-1].at_ms, appended_at_us=0, nonce=b"12345678", body=body)
        )
    to_ms = past[-1].at_ms + 1
    wanted = decided_plainly(past, variant, from_ms=T0_MS, to_ms=to_ms, skips=skips)

    plan = Plan(location=archived(tmp_path / "archive", past), variant=variant, from_ms=T0_MS)
    run_backtest(plan, OwnProcess(), tmp_path / "out", ignored)

    assert [row["run_id"] for row in emails(tmp_path / "out")] == [sent.run_id for sent in wanted]
    assert wanted != decided_plainly(past, variant, from_ms=T0_MS, to_ms=to_ms, skips=frozenset())


def test_to_is_half_open_for_events_and_deadlines(tmp_path: Path) -> None:
    past, variant = a_past(seed=5), a_variant(CART, THANKS)
    location = archived(tmp_path / "archive", past)
    whole = decided_plainly(past, variant, from_ms=T0_MS, to_ms=past[-1].at_ms + 1, skips=frozenset())
    to_ms = whole[len(whole) // 2].due_at_ms

    run_backtest(
        Plan(location=location, variant=variant, from_ms=T0_MS, to_ms=to_ms), OwnProcess(), tmp_path / "out", ignored
    )

    found = [int(row["at_ms"]) for row in emails(tmp_path / "out")]
    assert found == [sent.due_at_ms for sent in whole if sent.due_at_ms < to_ms]


@pytest.mark.integration
@pytest.mark.slow
def test_the_same_bytes_come_out_for_any_number_of_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pasts = [a_past(seed=seed) for seed in range(4)]
    location = archived(tmp_path / "archive", *pasts)
    old = a_variant(CART.replace("for: 1h", "for: 2h"), THANKS)
    plan = Plan(location=location, variant=a_variant(CART, THANKS), against=old)

    for name, workers, seed in (("one", OwnProcess(), "0"), ("two", Processes(2), "1"), ("three", Processes(3), "77")):
        monkeypatch.setenv("PYTHONHASHSEED", seed)
        run_backtest(plan, workers, tmp_path / name, ignored)

    of_one = {path.name: path.read_bytes() for path in (tmp_path / "one").iterdir()}
    assert of_one.keys() == {"emails.csv", "emails.parquet", "summary.json", "report.html"}
    for other in ("two", "three"):
        assert {path.name: path.read_bytes() for path in (tmp_path / other).iterdir()} == of_one


def test_units_divide_the_customers_of_a_partition(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    past, variant = a_past(seed=3, customers=60), a_variant(CART, THANKS)
    location = archived(tmp_path / "archive", past)
    archive = Archive(LocalFiles(tmp_path / "archive"))
    plan = Plan(location=location, variant=variant, from_ms=T0_MS)
    run_backtest(plan, OwnProcess(), tmp_path / "one", ignored)
    (whole,) = history.units_of(archive, share=1.0)
    rows = history.events_of(archive, whole, clock="wall", to_ms=2**60).num_rows

    units = history.units_of(archive, share=1.0, unit_rows=50)

    assert len(units) > 5
    tables = [history.events_of(archive, unit, clock="wall", to_ms=2**60) for unit in units]
    assert sum(table.num_rows for table in tables if table is not None) == rows


def test_a_sample_is_a_part_of_the_customers_with_all_that_is_theirs(tmp_path: Path) -> None:
    past, variant = a_past(seed=4, customers=80), a_variant(CART, THANKS)
    location = archived(tmp_path / "archive", past)
    run_backtest(Plan(location=location, variant=variant), OwnProcess(), tmp_path / "all", ignored)

    report = run_backtest(Plan(location=location, variant=variant, share=0.4), OwnProcess(), tmp_path / "some", ignored)

    everything, some = emails(tmp_path / "all"), emails(tmp_path / "some")
    people = {row["uid"] for row in some}
    assert some == [row for row in everything if row["uid"] in people]
    assert 10 < len(people) < 60
    assert report.share == 0.4


def test_details_are_the_same_as_parquet(tmp_path: Path) -> None:
    location = archived(tmp_path / "archive", a_past(seed=4))

    run_backtest(Plan(location=location, variant=a_variant(CART)), OwnProcess(), tmp_path / "out", ignored)

    rows = pq.read_table(tmp_path / "out" / "emails.parquet").to_pylist()
    assert [{name: str(value) for name, value in row.items()} for row in rows] == emails(tmp_path / "out")
    assert (tmp_path / "out" / "emails.csv").stat().st_mode & 0o077 == 0
    assert (tmp_path / "out" / "emails.parquet").stat().st_mode & 0o077 == 0


def test_what_cannot_be_tried_says_why(tmp_path: Path) -> None:
    variant = a_variant(CART)
    with pytest.raises(NotFound, match=r"archive\.json"):
        run_backtest(Plan(location=str(tmp_path / "none"), variant=variant), OwnProcess(), tmp_path / "out", ignored)
    location = archived(tmp_path / "archive", a_past(seed=1))

    with pytest.raises(Invalid, match="--to"):
        run_backtest(Plan(location=location, variant=variant, to_ms=5), OwnProcess(), tmp_path / "out", ignored)


def test_progress_reaches_the_whole(tmp_path: Path) -> None:
    location = archived(tmp_path / "archive", a_past(seed=1), a_past(seed=2))
    told: list[Progress] = []

    run_backtest(Plan(location=location, variant=a_variant(CART)), OwnProcess(), tmp_path / "out", told.append)

    assert len(told) == 2
    assert told[-1].done == told[-1].of


def test_large_events_make_more_units_of_work(tmp_path: Path) -> None:
    archive = Archive(LocalFiles(Path(archived(tmp_path / "archive", a_past(seed=4)))))
    size = sum(segment.content_bytes for _, segment in archive.segments(0))

    assert len(history.units_of(archive, share=1.0)) == 1
    assert len(history.units_of(archive, share=1.0, unit_bytes=size // 7)) == 7
    assert len(history.units_of(archive, share=0.5, unit_bytes=size // 8)) == 4


def test_files_may_be_compacted_while_they_are_read(tmp_path: Path) -> None:
    location = archived(tmp_path / "archive", a_past(seed=4))
    plain = Archive(LocalFiles(tmp_path / "archive"))
    (unit,) = history.units_of(plain, share=1.0)
    wanted = history.events_of(plain, unit, clock="wall", to_ms=2**60)

    class Compacted(Archive):
        """Its files are rewritten right after the first manifests were read."""

        done = False

        def segments(self, partition: int) -> Sequence[Place]:
            found = super().segments(partition)
            if not Compacted.done:
                Compacted.done = True
                compact_before(plain, partition, "2999-01-01")
            return found

    found = history.events_of(Compacted(LocalFiles(Path(location))), unit, clock="wall", to_ms=2**60)

    assert found.equals(wanted)
