"""The report as one page that needs nothing else: plots are drawn into it, and it names nobody."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from html import escape
from pathlib import Path
from typing import Final

from sendwhen.backtest.report import CampaignReport, Report

_WIDTH: Final = 900
_HEIGHT: Final = 220
_LEFT: Final = 50
_BOTTOM: Final = 24
DAYS_DRAWN_MAX: Final = 1_100
"""Longer times are drawn by week."""
_STYLE: Final = """
:root { color-scheme: light dark; --new: #2a6fdb; --old: #d98c1f; --line: #8884; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: .5rem 2rem .5rem 0; display: inline-table;
  vertical-align: top; }
th, td { text-align: left; padding: .15rem .9rem .15rem 0; border-bottom: 1px solid var(--line); }
td.n { text-align: right; font-variant-numeric: tabular-nums; }
svg { width: 100%; height: auto; }
.new { fill: var(--new); } .old { fill: none; stroke: var(--old); stroke-width: 1.5; }
text { font: 11px system-ui, sans-serif; fill: currentColor; } .grid { stroke: var(--line); }
code { background: #8882; padding: .1rem .3rem; }
"""


def write_page(report: Report, path: Path) -> None:
    """Write the page."""
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        f"<title>Backtest</title><style>{_STYLE}</style></head><body>",
        "<h1>Backtest</h1>",
        f"<p>{_said(report)}</p>",
        *(_campaign(one, compared=report.compared) for one in report.campaigns),
        _table("Events set aside", sorted(report.dead_letters.items())),
        "</body></html>",
    ]
    path.write_text("\n".join(part for part in parts if part) + "\n", encoding="utf-8")


def _said(report: Report) -> str:
    time = f"From {_instant(report.from_ms)} to {_instant(report.to_ms)} (UTC), {report.events:,} events"
    of = "" if report.share >= 1 else f" of a sample of {report.share:.2%} of the customers (figures are the sample's)"
    return f"{time}{of}. Nothing was sent."


def _campaign(one: CampaignReport, *, compared: bool) -> str:
    name = escape(one.campaign_id)
    versions = f"version {one.version or 'none'}" + (f" against {one.against_version or 'none'}" if compared else "")
    versions = escape(versions)
    lines = [
        f"<h2>{name}</h2>",
        f"<p>{versions}: <b>{one.emails:,}</b> emails to <b>{one.customers:,}</b> customers"
        + (f"; before {one.against_emails:,} emails" if compared else "")
        + f". Busiest day {one.busiest:,}, typical {one.typical:,.0f}.</p>",
        plot(one.days, one.against_days if compared else ()),
        _table("Decisions", sorted(one.decisions.items())),
        _table("Not sent, because", one.skips),
        _table("Emails, against the other version", one.changes.items()) if compared else "",
        _table("Customers concerned", one.people.items()) if compared else "",
    ]
    if one.volume:
        lines.append(f"<p>A bound for the day: <code>send: {{volume: {{at_most: {one.volume}, per: day}}}}</code></p>")
    return "\n".join(line for line in lines if line)


def _table(title: str, rows: Iterable[tuple[str, int]]) -> str:
    body = "".join(f'<tr><td>{escape(str(name))}</td><td class="n">{number:,}</td></tr>' for name, number in rows)
    if not body:
        return ""
    return f"<table><tr><th colspan=2>{escape(title)}</th></tr>{body}</table>"


def plot(days: Sequence[tuple[str, int]], against: Sequence[tuple[str, int]] = ()) -> str:
    """Bars for each day, and a line for the other variant, as SVG; "" where there is nothing to draw."""
    if not days and not against:
        return ""
    every = [date.fromisoformat(day) for day, _ in (*days, *against)]
    first, last = min(every), max(every)
    step = 1 if (last - first).days < DAYS_DRAWN_MAX else 7
    count = (last - first).days // step + 1
    bars, line = _binned(days, first, step, count), _binned(against, first, step, count)
    top = max(*bars, *line, 1)
    wide = (_WIDTH - _LEFT) / count
    tall = _HEIGHT - _BOTTOM - 10

    def y(number: int) -> float:
        return round(_HEIGHT - _BOTTOM - tall * number / top, 1)

    drawn = [f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="Emails by day">']
    for number in sorted({0, top // 2, top}):
        drawn.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH}" y1="{y(number)}" y2="{y(number)}"/>')
        drawn.append(f'<text x="{_LEFT - 6}" y="{y(number) + 4}" text-anchor="end">{number:,}</text>')
    for place, number in enumerate(bars):
        if number:
            x, width = round(_LEFT + place * wide, 1), round(max(wide * 0.85, 0.4), 1)
            height = round(_HEIGHT - _BOTTOM - y(number), 1)
            day = (first + timedelta(days=place * step)).isoformat()
            drawn.append(
                f'<rect class="new" x="{x}" y="{y(number)}" width="{width}" height="{height}">'
                f"<title>{day}: {number:,}</title></rect>"
            )
    if against:
        points = " ".join(f"{round(_LEFT + (place + 0.5) * wide, 1)},{y(number)}" for place, number in enumerate(line))
        drawn.append(f'<polyline class="old" points="{points}"/>')
    drawn.append(f'<text x="{_LEFT}" y="{_HEIGHT - 6}">{first.isoformat()}</text>')
    drawn.append(f'<text x="{_WIDTH}" y="{_HEIGHT - 6}" text-anchor="end">{last.isoformat()}</text></svg>')
    return "".join(drawn)


def _binned(days: Sequence[tuple[str, int]], first: date, step: int, count: int) -> list[int]:
    bins = [0] * count
    for day, number in days:
        bins[(date.fromisoformat(day) - first).days // step] += number
    return bins


def _instant(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1_000, UTC).strftime("%Y-%m-%d %H:%M:%S")
