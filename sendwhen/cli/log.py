"""`sendwhen log …`: the archive of the log: export, import, verify, compact."""

from __future__ import annotations

import time
from enum import StrEnum
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from sendwhen.cli.archive_import import import_archive
from sendwhen.cli.backtest import ARCHIVE_FOLDER
from sendwhen.cli.context import folder_of, targets_of
from sendwhen.cli.terminal import EXIT_REFUSED, err, fail, instant, out, run
from sendwhen.client.event_file import BadLine, instant_ms
from sendwhen.errors import NotFound, SendwhenError

if TYPE_CHECKING:
    from sendwhen.archive.archive import Archive
    from sendwhen.archive.transfer import Range

app = typer.Typer(help="The archive of the log: export, import, verify, compact.", no_args_is_help=True)

Location = Annotated[
    str | None,
    typer.Option("--archive", help="A folder, or an address that fsspec reads (default: the installation's archive)."),
]
From = Annotated[str | None, typer.Option("--from", help="From this log time on (ISO 8601 or ms).")]
To = Annotated[str | None, typer.Option("--to", help="Before this log time.")]


class Form(StrEnum):
    """Of exported files."""

    jsonl = "jsonl"
    parquet = "parquet"


@app.command("export")
def export_(
    context: typer.Context,
    target: Annotated[Path, typer.Argument(file_okay=False, help="Folder for the files, one per partition and day.")],
    archive: Location = None,
    from_: From = None,
    to: To = None,
    form: Annotated[Form, typer.Option("--format", help="jsonl: as `sendwhen replay` takes it.")] = Form.jsonl,
) -> None:
    """Write archived events to files; stopped halfway, the same command goes on where it was.

    What is in the folder already and still true is not written again. Files hold personal data and are for their owner
    alone.
    """
    from sendwhen.archive.local_files import LocalFiles
    from sendwhen.archive.transfer import export, parts_of

    try:
        whole = _archive(context, archive)
        within = _range(from_, to, whole.identity().clock)
        segments = [segment for part in parts_of(whole, within) for segment in part[2]]
        if not segments:
            raise NotFound("Nothing in the archive lies in that time.", remedy="Widen --from and --to.")
        total, reach_ms = sum(one.events for one in segments), max(one.last_at_ms for one in segments)
        with _progress() as bar:
            task = bar.add_task("exporting", total=total)
            written = export(
                whole,
                LocalFiles(target.absolute()),
                within,
                form.value,
                lambda part, _: bar.advance(task, sum(segment.events for segment in part[2])),
            )
    except SendwhenError as error:
        fail(str(error))
    out.print(f"{written:,} events written to {target}", markup=False)
    if within.to_ms is None or within.to_ms > reach_ms:
        out.print(f"What is there ends at {instant(reach_ms)}. The log's last minutes are archived a little later.")


@app.command("import")
def import_(
    context: typer.Context,
    source: Annotated[str, typer.Argument(help="Another installation's archive: a folder, or an address.")],
    from_: From = None,
    to: To = None,
    restart: Annotated[bool, typer.Option("--restart", help="Begin at the first event.")] = False,
) -> None:
    """Send the events of an archive to this installation, in the order of time; stopped halfway, it goes on.

    They come in through ingest, under their own ids and times, so what is there already is ignored. Campaigns do not
    start on events that are older than their max_event_age; put campaigns and settings separately. An event whose
    client named no time has one in the archive: where it is there already it is set aside, as another payload.
    """
    try:
        whole = _archive(context, source)
        identity = whole.identity()
        within = _range(from_, to, identity.clock)
    except SendwhenError as error:
        fail(str(error))
    name = blake2b(f"{source}|{within}|{identity}".encode(), digest_size=12).hexdigest()
    targets = targets_of(context)
    state = targets.data / "replays" / f"{name}.json"
    if restart:
        state.unlink(missing_ok=True)
    with _progress() as bar:
        tally, counts = run(import_archive(targets, whole, within, state, bar))
    out.print(f"accepted      {tally.accepted:>10,}")
    out.print(f"refused       {tally.refused:>10,}")
    for line in tally.reason_lines:
        out.print(line, markup=False)
    out.print(f"duplicate     {counts.duplicates:>10,}")
    out.print(f"dead-lettered {counts.dead_letters:>10,}")
    if tally.refused:
        raise typer.Exit(EXIT_REFUSED)


@app.command()
def verify(context: typer.Context, archive: Location = None) -> None:
    """Look whether the archive is whole: every file there, its checksum right, no entries missing between.

    The exit status is 1 where anything is wrong.
    """
    from sendwhen.archive.verification import verify as look

    files = rows = 0
    flaws: list[str] = []
    try:
        whole = _archive(context, archive)
        whole.identity()
        partitions = whole.partitions()
        with _progress() as bar:
            task = bar.add_task("verifying", total=len(partitions))
            for partition in partitions:
                for checked in look(whole, partition):
                    flaws += map(str, checked.flaws)
                    files += 1
                    rows += checked.segment.rows if checked.segment else 0
                bar.advance(task)
    except SendwhenError as error:
        fail(str(error))
    for flaw in flaws:
        err.print(flaw, markup=False)
    out.print(f"{files:,} files with {rows:,} rows, {len(flaws):,} flaws")
    if flaws:
        raise typer.Exit(EXIT_REFUSED)


@app.command()
def compact(context: typer.Context, archive: Location = None) -> None:
    """Put small files of past days together, without rows of deleted customers; trigger does so daily by itself."""
    from sendwhen.archive.compaction import Compacted, compact_before
    from sendwhen.chassis.days import day_of

    done = Compacted()
    try:
        whole = _archive(context, archive)
        whole.identity()
        partitions = whole.partitions()
        with _progress() as bar:
            task = bar.add_task("compacting", total=len(partitions))
            for partition in partitions:
                done.add(compact_before(whole, partition, day_of(time.time_ns() // 1_000_000)))
                bar.advance(task)
    except SendwhenError as error:
        fail(str(error))
    out.print(
        f"{done.files_before:,} files became {done.files_after:,}; "
        f"{done.rows_removed:,} rows of deleted customers removed"
    )


def _archive(context: typer.Context, location: str | None) -> Archive:
    from sendwhen.archive.archive import Archive
    from sendwhen.archive.location import open_files

    return Archive(open_files(location or str(folder_of(context) / ARCHIVE_FOLDER)))


def _range(from_: str | None, to: str | None, clock: str) -> Range:
    from sendwhen.archive.transfer import Range

    try:
        return Range(
            from_ms=None if from_ is None else instant_ms(from_),
            to_ms=None if to is None else instant_ms(to),
            clock=clock,
        )
    except BadLine as error:
        fail(f"{error}.", code=2)


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=err
    )
