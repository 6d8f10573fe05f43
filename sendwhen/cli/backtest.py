"""`sendwhen backtest DIR`: what campaigns would have done with events that really happened."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn, TypeVar

import msgspec
import typer
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from sendwhen.cli.context import folder_of
from sendwhen.cli.terminal import err, fail, instant, out
from sendwhen.client.event_file import BadLine, instant_ms
from sendwhen.errors import NotFound, SendwhenError

if TYPE_CHECKING:
    from sendwhen.backtest.report import Report
    from sendwhen.backtest.variant import Variant
    from sendwhen.backtest.workers import Workers

T = TypeVar("T")

_WHAT_EVENTS_ARE = "Name an archive's folder, or a file of events, one JSON object a line as for `sendwhen replay`."
ARCHIVE_FOLDER = "archive"
"""Where ``sendwhen up`` keeps the archive, in the data folder."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A backtest as it was asked for.

    Attributes:
        events: An archive's place, or a file of events.
        from_, to: Instants as written; None: all there is.
        against: A folder or the beginning of a version; None: nothing.
        share: Of the customers, over 0 and at most 1.
        report: Folder for the report.
    """

    folder: str
    events: str
    from_: str | None
    to: str | None
    against: str | None
    share: float
    report: str


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
    ray: Annotated[
        str | None,
        typer.Option(
            help="Address of a Ray cluster whose nodes do the work. All must have sendwhen, and see the archive and "
            "the report's folder at the same places; --workers then bounds what is under way."
        ),
    ] = None,
) -> None:
    """Run campaigns over real history, in virtual time, with the code that decides in production. Sends nothing.

    Leaves summary.json, report.html, emails.csv and emails.parquet in the report's folder: the same bytes for the same
    history, with any number of workers.
    """
    asked = Asked(
        folder=str(folder),
        events=events or str(folder_of(context) / ARCHIVE_FOLDER),
        from_=from_,
        to=to,
        against=against,
        share=_share(sample),
        report=str(report),
    )
    if ray is not None:
        _go_on_ray(ray, workers, asked)
    from sendwhen.backtest.workers import OwnProcess, Processes

    count = workers or os.cpu_count() or 1
    run_asked(asked, OwnProcess() if count == 1 else Processes(count))


def run_asked(asked: Asked, doing: Workers) -> None:
    """Do it, print the summary, leave the report; what cannot be done ends the command with a sentence."""
    from sendwhen.backtest.variant import read_variant

    against = asked.against
    try:
        # What is wrong with an option or a campaign is said before anything is read, which may take its time.
        for at in filter(None, (asked.from_, asked.to)):
            instant_ms(at)
        variant = read_variant(Path(asked.folder))
        other = read_variant(Path(against)) if against is not None and Path(against).is_dir() else against
        with _archive(asked.events) as location:
            _run(asked, location, variant, other, doing)
    except BadLine as error:
        fail(f"{error}.", code=2)
    except SendwhenError as error:
        fail(str(error))


def _go_on_ray(address: str, workers: int, asked: Asked) -> NoReturn:
    # The command line is a client and may not know Ray; this process becomes one that does.
    root = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
    on_ray = ["-m", "services.trigger.backtest_on_ray", address, str(workers), msgspec.json.encode(asked).decode()]
    environ = {**os.environ, "PYTHONPATH": path}
    os.execve(sys.executable, [sys.executable, *on_ray], environ)  # noqa: S606  no shell is meant


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


def _run(asked: Asked, location: str, variant: Variant, against: Variant | str | None, doing: Workers) -> None:
    from sendwhen.archive.archive import Archive
    from sendwhen.archive.location import open_files
    from sendwhen.backtest.run import Plan, run_backtest
    from sendwhen.backtest.variant import logged_variant

    report = Path(asked.report)
    if isinstance(against, str):
        # What is compared is the campaign: both versions under the same policy.
        against = logged_variant(Archive(open_files(location)), against).under_policy_of(variant)
    plan = Plan(
        location=location,
        variant=variant,
        against=against,
        from_ms=None if asked.from_ is None else instant_ms(asked.from_),
        to_ms=None if asked.to is None else instant_ms(asked.to),
        share=asked.share,
    )
    found = _watched("deciding", 1, lambda tell: run_backtest(plan, doing, report, lambda now: tell(now.done, now.of)))
    _show(found)
    if asked.to is None:
        out.print(
            "[dim]The clock stopped with the last event: what falls due later is not counted. --to moves the end.[/]"
        )
    out.print(f"details: {report / 'report.html'}, emails.csv, emails.parquet, summary.json")


def _watched(what: str, total: int, work: Callable[[Callable[..., None]], T]) -> T:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
        TextColumn("left"),
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
