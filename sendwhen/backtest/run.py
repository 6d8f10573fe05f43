"""A whole backtest: its plan, its units, and the report."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import msgspec

from sendwhen.archive.archive import Archive
from sendwhen.archive.local_files import LocalFiles
from sendwhen.archive.location import open_files
from sendwhen.backtest.details import merged, write_details
from sendwhen.backtest.history import span_of, time_column, units_of
from sendwhen.backtest.identities import regroup, roots_of
from sendwhen.backtest.page import write_page
from sendwhen.backtest.report import Found, Report, report_of, write_summary
from sendwhen.backtest.unit import Task
from sendwhen.backtest.variant import Variant
from sendwhen.backtest.workers import Workers
from sendwhen.domain.calendar import instant_text
from sendwhen.errors import Invalid, NotFound

DETAILS_FOLDER = "parts"


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What to do.

    Attributes:
        location: Of the archive.
        variant, against: What is tried, and what it is compared with, if anything.
        from_ms, to_ms: Half-open; None: from the first entry on, up to and including the last.
        share: Of the customers.
    """

    location: str
    variant: Variant
    against: Variant | None = None
    from_ms: int | None = None
    to_ms: int | None = None
    share: float = 1.0


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far it is, in rows as estimated."""

    done: int
    of: int


def run_backtest(plan: Plan, workers: Workers, folder: Path, tell: Callable[[Progress], None]) -> Report:
    """Do it, and leave summary, details and page in the folder.

    The same plan over the same archive leaves the same bytes, whoever the workers are.

    Raises:
        NotFound: There is no archive, or nothing in it.
        Invalid: No time lies between from and to.
    """
    archive = Archive(open_files(plan.location))
    clock = archive.identity().clock
    first_ms, last_ms = span_of(archive, clock=clock)
    if not last_ms:
        raise NotFound("The archive is empty.", remedy="Entries come into it some minutes after they are applied.")
    from_ms = first_ms if plan.from_ms is None else plan.from_ms
    to_ms = last_ms + 1 if plan.to_ms is None else plan.to_ms
    if to_ms <= from_ms:
        there = f"The history goes from {instant_text(first_ms)} to {instant_text(last_ms)}."
        raise Invalid("Nothing lies between --from and --to.", remedy=f"{there} Name instants in it.")
    folder.mkdir(parents=True, exist_ok=True)
    found, rows = Found(), 0
    with tempfile.TemporaryDirectory(prefix=DETAILS_FOLDER + "-", dir=folder) as parts:
        roots = roots_of(archive)
        location = plan.location
        if roots:
            location = str(Path(parts) / "joined")
            regroup(archive, roots, Archive(LocalFiles(Path(location))), time=time_column(clock))
        units = units_of(Archive(open_files(location)), share=plan.share)
        task = Task(
            location=location,
            joined=bool(roots),
            clock=clock,
            from_ms=from_ms,
            to_ms=to_ms,
            variant=plan.variant,
            against=plan.against,
            parts=parts,
        )
        whole = sum(unit.rows for unit in units)
        for done in workers.run(task, units):
            found.add(done)
            rows += done.unit.rows
            tell(Progress(done=rows, of=whole))
        write_details(merged(sorted(Path(parts).glob("*.part"))), folder)
    report = report_of(task, share=plan.share, found=found)
    write_summary(report, folder / "summary.json")
    write_page(report, folder / "report.html")
    return report
