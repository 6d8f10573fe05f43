"""Real history, where it is: what a plain loop counts, counted by a backtest."""

from __future__ import annotations

from pathlib import Path

import pytest

from sendwhen.archive.archive import Archive
from sendwhen.archive.event_archive import archive_events
from sendwhen.archive.local_files import LocalFiles
from sendwhen.backtest.run import Plan, run_backtest
from sendwhen.backtest.variant import read_variant
from sendwhen.backtest.workers import OwnProcess
from tests.real.replay import CAMPAIGNS
from tests.real.sets import SETS

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
UCI = next(one for one in SETS if one.name == "uci")


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, int]:
    if not (DATA / UCI.source).exists():
        pytest.skip(f"{UCI.source} is not in ../shared/data")
    folder = tmp_path_factory.mktemp("uci")
    last_ms = UCI.write(DATA, folder / "events.jsonl")
    archive_events(folder / "events.jsonl", Archive(LocalFiles(folder / "archive")), lambda _: None)
    return str(folder / "archive"), last_ms


@pytest.mark.slow
@pytest.mark.external_data
@pytest.mark.parametrize("answer", UCI.answers, ids=lambda answer: answer.name)
def test_a_backtest_over_real_history_counts_what_a_plain_loop_counts(
    archive: tuple[str, int], tmp_path: Path, answer: object
) -> None:
    location, last_ms = archive
    plan = Plan(
        location=location,
        variant=read_variant(CAMPAIGNS / answer.campaign),
        to_ms=last_ms + answer.after_last_ms + 1,
    )

    report = run_backtest(plan, OwnProcess(), tmp_path, lambda _: None)

    assert [one.emails for one in report.campaigns] == [answer.emails]
