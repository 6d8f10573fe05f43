"""`sendwhen backtest` and `sendwhen log`, on files."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
from typer.testing import CliRunner, Result

from sendwhen.archive.archive import Archive
from sendwhen.archive.columns import LoggedEntry
from sendwhen.archive.local_files import LocalFiles
from sendwhen.backtest.variant import campaign_of
from sendwhen.cli.__main__ import app
from sendwhen.wire.entry import campaign_put_entry
from tests.backtest.pasts import CART, a_past, a_variant, archived
from tests.builders import T0_MS


def said(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments, catch_exceptions=False)


def a_folder(path: Path, text: str = CART) -> str:
    path.mkdir()
    (path / "campaign.yaml").write_text(text)
    for name in ("reminder", "last-call"):
        (path / f"{name}.subject.liquid").write_text("Hello")
        (path / f"{name}.text.liquid").write_text("Hello")
    return str(path)


def test_a_campaign_is_tried_on_an_archive_and_compared_with_another_folder(tmp_path: Path) -> None:
    location = archived(tmp_path / "archive", a_past(seed=1), a_past(seed=2))
    new, old = a_folder(tmp_path / "new"), a_folder(tmp_path / "old", CART.replace("1h", "3h"))

    result = said(
        "backtest", new, "--events", location, "--against", old, "--report", str(tmp_path / "out"), "--workers", "1"
    )

    assert result.exit_code == 0, result.output
    assert "a bound:" in result.output
    assert "gained" in result.output
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["compared"]
    assert summary["campaigns"][0]["emails"] > 0


def test_a_version_that_was_in_force_can_be_compared_with(tmp_path: Path) -> None:
    (put,) = a_variant(CART.replace("1h", "3h")).puts
    past = list(a_past(seed=1))
    body = campaign_put_entry(put.campaign_id, put.source)
    past.append(LoggedEntry(seq=len(past) + 1, at_ms=past[-1].at_ms, appended_at_us=0, nonce=b"12345678", body=body))
    location = archived(tmp_path / "archive", past)
    new = a_folder(tmp_path / "new")

    result = said(
        "backtest", new, "--events", location, "--against", put.version[:8], "--report", str(tmp_path / "out")
    )

    assert result.exit_code == 0, result.output
    assert f"against {put.version}" in result.output
    assert campaign_of(put.source).version == put.version
    unknown = said("backtest", new, "--events", location, "--against", "0123456789", "--report", str(tmp_path / "out"))
    assert (unknown.exit_code, "begins with 0123456789" in unknown.output) == (1, True)


def test_a_file_of_events_is_history_too(tmp_path: Path) -> None:
    lines = [
        {"name": "Product Added", "user_id": f"u{n}", "email": f"u{n}@example.invalid", "occurred_at_ms": T0_MS + n,
         "properties": {"price": 12}, "attributes": {"consent": True}}
        for n in range(30)
    ]  # fmt: skip
    file = tmp_path / "events.jsonl"
    file.write_bytes(b"\n".join([*map(msgspec.json.encode, lines), b'{"nonsense": 1}', b""]))

    result = said(
        "backtest", a_folder(tmp_path / "new"), "--events", str(file), "--to", str(T0_MS + 7_200_000),
        "--report", str(tmp_path / "out"), "--workers", "1",
    )  # fmt: skip

    assert result.exit_code == 0, result.output
    assert "30 emails to 30 customers" in result.output
    assert "1 lines are no events" in result.output


def test_what_is_wrong_with_the_question_is_said(tmp_path: Path) -> None:
    new = a_folder(tmp_path / "new")

    assert "no share such as 10%" in said("backtest", new, "--sample", "ten").output
    assert (
        "not a time" in said("backtest", new, "--events", archived(tmp_path / "a", a_past(seed=1)), "--to", "x").output
    )
    (tmp_path / "empty.jsonl").touch()
    for name, answer in ((".", "archive.json"), ("none", "There is no "), ("empty.jsonl", "No line of ")):
        assert answer in said("backtest", new, "--events", str(tmp_path / name)).output


def test_what_is_wrong_with_the_question_is_said_before_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").write_text("no event\n")

    result = said("backtest", a_folder(tmp_path / "new"), "--events", str(tmp_path / "events.jsonl"), "--from", "x")

    assert (result.exit_code, "not a time" in result.output) == (2, True)
    assert "reading" not in result.output


def test_what_is_wrong_with_a_file_of_all_campaigns_is_said_once_with_its_own_place(tmp_path: Path) -> None:
    folder = tmp_path / "all"
    folder.mkdir()
    for name in ("one", "two"):
        a_folder(folder / name, CART.replace("campaign: cart", f"campaign: {name}"))
    (folder / "events.yaml").write_text("evnts: {}\n")

    result = said("backtest", str(folder), "--events", str(folder))

    assert result.exit_code == 1
    assert result.output.count("'evnts' is unknown") == 1
    assert f"{folder}/events.yaml:1:1:" in result.output


def test_an_archive_is_verified_compacted_and_exported(tmp_path: Path) -> None:
    location = archived(tmp_path / "archive", a_past(seed=1))
    well = said("log", "verify", "--archive", location)
    assert (well.exit_code, "0 flaws" in well.output) == (0, True), well.output

    compacted = said("log", "compact", "--archive", location)
    assert "files became" in compacted.output
    exported = said("log", "export", str(tmp_path / "out"), "--archive", location, "--format", "parquet")
    assert "events written" in exported.output

    archive = Archive(LocalFiles(tmp_path / "archive"))
    day, segment = archive.segments(0)[0]
    archive.remove(0, day, segment.file)
    broken = said("log", "verify", "--archive", location)
    assert (broken.exit_code, f"{segment.file}: it is missing" in broken.output) == (1, True)
    (tmp_path / "archive" / "partition=0000" / f"day={day}" / "manifest.json").write_text("{")
    damaged = said("log", "verify", "--archive", location)
    assert (damaged.exit_code, f"partition=0000/day={day}/manifest.json: A manifest" in damaged.output) == (1, True)
    assert "files with" in damaged.output, "the others are looked at all the same"
