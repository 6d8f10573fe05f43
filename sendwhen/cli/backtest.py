"""`sendwhen backtest DIR`: what campaigns would have done with events that really happened."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from sendwhen.cli.context import folder_of
from sendwhen.cli.terminal import err, fail, instant, out
from sendwhen.client.event_file import BadLine, instant_ms
from sendwhen.errors import NotFound, SendwhenError

if TYPE_CHECKING:
    from sendwhen.backtest.report import Report
    from sendwhen.backtest.variant import Variant

T = TypeVar("T")

_WHAT_EVENTS_ARE = "Name an archive's folder, or a file of events, one JSON object a line as for `sendwhen replay`."
ARCHIVE_FOLDER = "archive"
"""Where ``sendwhen up`` keeps the archive, in the data folder."""


def backtest(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="A campaign's folder, or one of such.")],
    events: Annotated[
        str | None,
        typer.Option(
            help="An archive (a folder, or an address that fsspec reads), or a file of events, one JSON object a line "
            "(default: the installation's archive)."
        ),
    ] = None,
    from_: Annotated[
        str | None, typer.Option("--from", help="The campaigns are in force from this instant on.")
    ] = None,
    to: Annotated[
        str | None, typer.Option(help="The clock stops before this instant (default: the last event).")
    ] = None,
    against: Annotated[
        str | None, typer.Option(help="Compare with this: a folder, or a version that was once in force.")
    ] = None,
    sample: Annotated[str, typer.Option(help="Only so many of the customers, such as 10%.")] = "100%",
    workers: Annotated[int, typer.Option(min=0, max=256, help="Worker processes (0: one for each processor).")] = 0,
    report: Annotated[Path, typer.Option(file_okay=False, help="Folder for the report.")] = Path("backtest"),
) -> None:
    """Run campaigns over real history, in virtual time, with the code that decides in production. Sends nothing.

    Leaves summary.json, report.html, emails.csv and emails.parquet in the report's folder: the same bytes for the same
    history, with any number of workers.
    """
    from sendwhen.backtest.variant import read_variant

    share = _share(sample)
    try:
        # What is wrong with a campaign is said before anything is read, which may take its time.
        variant = read_variant(folder)
        other = read_variant(Path(against)) if against is not None and Path(against).is_dir() else against
        with _archive(events or str(folder_of(context) / ARCHIVE_FOLDER)) as location:
            _run(location, variant, other, (from_, to), share, workers or os.cpu_count() or 1, report)
    except BadLine as error:
        fail(f"{error}.", code=2)
    except SendwhenError as error:
        fail(str(error))


@contextmanager
def _archive(events: str) -> Iterator[str]:
    """Where the archive is; one made of a file goes when the command ends."""
    if "://" in events or Path(events).is_dir():
        yield events
        return
    if not Path(events).exists():
        raise NotFound(f"There is no {events}.", remedy=_WHAT_EVENTS_ARE)
    from sendwhen.archive.archive import Archive
    from sendwhen.archive.event_archive import archive_events
    from sendwhen.archive.local_files import LocalFiles
    from sendwhen.client.event_file import count_lines

    with tempfile.TemporaryDirectory(prefix="sendwhen-backtest-") as work:
        taken = _watched(
            "reading",
            count_lines(Path(events)),
            lambda tell: archive_events(Path(events), Archive(LocalFiles(Path(work))), tell),
        )
        if taken.refused:
            err.print(f"{taken.refused:,} lines are no events and were left out:")
            for reason in taken.reasons:
                err.print(f"  {reason}", markup=False)
        if not taken.events:
            raise NotFound(f"No line of {events} is an event.", remedy=_WHAT_EVENTS_ARE)
        yield work


def _run(
    location: str,
    variant: Variant,
    against: Variant | str | None,
    span: tuple[str | None, str | None],
    share: float,
    workers: int,
    report: Path,
) -> None:
    from sendwhen.archive.archive import Archive
    from sendwhen.archive.location import open_files
    from sendwhen.backtest.run import Plan, run_backtest
    from sendwhen.backtest.variant import logged_variant
    from sendwhen.backtest.workers import OwnProcess, Processes

    if isinstance(against, str):
        # What is compared is the campaign: both versions under the same policy.
        against = logged_variant(Archive(open_files(location)), against).under_policy_of(variant)
    plan = Plan(
        location=location,
        variant=variant,
        against=against,
        from_ms=None if span[0] is None else instant_ms(span[0]),
        to_ms=None if span[1] is None else instant_ms(span[1]),
        share=share,
    )
    doing = OwnProcess() if workers == 1 else Processes(workers)
    found = _watched("deciding", 1, lambda tell: run_backtest(plan, doing, report, lambda now: tell(now.done, now.of)))
    _show(found)
    if span[1] is None:
        out.print("[dim]The clock stopped with the last event: what falls due later is not in it; see --to.[/]")
    out.print(f"details: {report / 'report.html'}, emails.csv, emails.parquet, summary.json")


def _watched(what: str, total: int, work: Callable[[Callable[..., None]], T]) -> T:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err) as bar:
        task = bar.add_task(what, total=total)

        def tell(done: int, of: int = total) -> None:
            bar.update(task, completed=done, total=max(of, 1))

        done = work(tell)
        bar.update(task, completed=bar.tasks[task].total)
        return done


def _share(text: str) -> float:
    try:
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        share = 0.0
    if not 0 < share <= 1:
        fail(f"--sample: {text!r} is no share such as 10%.", code=2)
    return share


def _show(report: Report) -> None:
    of = "" if report.share >= 1 else f" of a sample of {report.share:.2%} of the customers (figures are the sample's)"
    out.print(f"{instant(report.from_ms)} to {instant(report.to_ms)}, {report.events:,} events{of}")
    for one in report.campaigns:
        name = escape(one.campaign_id)
        out.print(f"[bold]{name}[/] {one.version}: {one.emails:,} emails to {one.customers:,} customers")
        if one.emails:
            out.print(f"  busiest day {one.busiest:,}, typical day {one.typical:,.0f}; a bound: {one.volume:,} a day")
        if report.compared:
            changed = [
                f"{label} {one.changes.get(change, 0):,} ({one.people.get(change, 0):,} customers)"
                for change, label in _CHANGES.items()
                if one.changes.get(change)
            ]
            before = f"{one.against_version}: {one.against_emails:,} emails" if one.against_version else "nothing"
            out.print(f"  against {before}; {', '.join(changed) or 'no difference'}")
        if one.skips:
            out.print("  not sent: " + ", ".join(f"{reason} {number:,}" for reason, number in one.skips))
    for reason, number in report.dead_letters.items():
        out.print(f"set aside: {reason} {number:,}")


_CHANGES = {
    "gained": "gained",
    "lost": "lost",
    "time": "other time",
    "content": "other content",
    "time and content": "other time and content",
    "same": "same",
}
