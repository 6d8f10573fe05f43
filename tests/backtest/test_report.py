"""The report: the same bytes as ever for a past that stands here."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

from sendwhen.backtest.page import plot
from sendwhen.backtest.run import Plan, run_backtest
from sendwhen.backtest.workers import OwnProcess
from tests.backtest.pasts import CART, THANKS, a_past, a_variant, archived

GOLDEN = Path(__file__).parents[1] / "golden" / "backtest"


def test_a_known_past_gives_the_report_that_was_looked_at(tmp_path: Path) -> None:
    """Delete tests/golden/backtest/* and run again to make them anew; then look at every difference."""
    location = archived(tmp_path / "archive", a_past(seed=8), a_past(seed=9))
    plan = Plan(location=location, variant=a_variant(CART, THANKS), against=a_variant(CART.replace("1h", "2h")))

    run_backtest(plan, OwnProcess(), tmp_path / "out", lambda _: None)

    made = {
        name: (tmp_path / "out" / name).read_text("utf-8") for name in ("summary.json", "emails.csv", "report.html")
    }
    anew = [name for name in made if not (GOLDEN / name).exists()]
    for name in anew:
        (GOLDEN / name).write_text(made[name], "utf-8")
    assert anew == [], "made anew: look at them, and run again"
    for name, text in made.items():
        assert text == (GOLDEN / name).read_text("utf-8"), name


class Addresses(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name in {"src", "href", "xlink:href", "action"}]
        if tag not in {"meta", "line", "polyline"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_needs_nothing_else_and_names_nobody() -> None:
    page = (GOLDEN / "report.html").read_text("utf-8")
    parser = Addresses()
    parser.feed(page.replace("/>", ">").replace("<!doctype html>", ""))

    assert parser.found == []
    assert "default-src 'none'" in page
    assert "<script" not in page
    assert not re.search(r"user-\d|@|[0-9a-f]{24}", re.sub(r"version [0-9a-f]{24}( against [0-9a-f]{24})?", "", page))


def test_a_plot_of_many_years_is_drawn_by_week() -> None:
    drawn = plot([("2001-01-01", 3), ("2020-06-01", 9)])

    assert drawn.count("<rect") == 2
    assert len(drawn) < 2_000
    assert plot([]) == ""
