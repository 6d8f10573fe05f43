"""Cases are played under what stands beside the campaigns' folders: sending.yaml and segments.yaml."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from sendwhen.cases import play_folder
from sendwhen.cli.__main__ import app

CAMPAIGN = """
campaign: thanks
trigger: {match: {event: Order Completed}}
guard: {segment: vip}
steps: [{send: thanks}]
"""
SEGMENTS = "segments: {vip: customer.spend > 100}\n"
CASES = """
t0: 2026-03-02T09:00:00Z
cases:
  - name: two orders
    customers: {ann: {attributes: {spend: 200}}, bob: {attributes: {spend: 20}}}
    timeline:
      - {at: 0s, who: ann, event: Order Completed}
      - {at: 0s, who: bob, event: Order Completed}
      - {at: 1h, who: ann, event: Order Completed}
    run_until: 1d
    expect:
"""
FREE = CASES + "      - {at: 0s, who: ann, send: thanks}\n      - {at: 1h, who: ann, send: thanks}\n"
CAPPED = CASES + "      - {at: 0s, who: ann, send: thanks}\n      - {at: 1h, who: ann, skip: cap}\n"
POLICY = "caps: {marketing: {at_most: 1, per: 7d}}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "segments.yaml").write_text(SEGMENTS)
    folder = tmp_path / "thanks"
    folder.mkdir()
    (folder / "campaign.yaml").write_text(CAMPAIGN)
    for part in ("subject", "text"):
        (folder / f"thanks.{part}.liquid").write_text("Hello")
    return folder


def difference(folder: Path, cases: str) -> list[str]:
    (folder / "cases.yaml").write_text(cases)
    result = play_folder(folder, clock_s=lambda: 0.0)
    assert result.problems == ()
    (verdict,) = result.verdicts
    return list(verdict.difference)


def said(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["campaigns", "test", *map(str, arguments)], catch_exceptions=False)


def test_segments_beside_the_folder_count(folder: Path) -> None:
    assert difference(folder, FREE) == []


def test_the_policy_beside_the_folder_counts(folder: Path) -> None:
    (folder.parent / "sending.yaml").write_text(POLICY)

    assert difference(folder, CAPPED) == []
    assert difference(folder, FREE) != []


def test_a_policy_counts_whether_the_folder_or_all_of_them_are_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder.parent / "sending.yaml").write_text(POLICY)
    (folder / "cases.yaml").write_text(CAPPED)

    assert said(folder).exit_code == said(folder.parent).exit_code == 0
    monkeypatch.chdir(folder)
    assert said(".").exit_code == 0


def test_under_a_policy_that_is_wrong_nothing_is_played_and_it_is_said_once(folder: Path) -> None:
    (folder / "cases.yaml").write_text(FREE)
    other = folder.parent / "other"
    other.mkdir()
    for file in folder.iterdir():
        (other / file.name).write_text(file.read_text().replace("campaign: thanks", "campaign: other"))
    (folder.parent / "sending.yaml").write_text("caps: 3\n")

    result = said(folder.parent)

    assert result.exit_code == 1
    assert "0 passed" in result.output
    assert result.output.count("sending.yaml:1:7: 'caps' must be a map") == 1
