"""`sendwhen replay FILE`: send a file of events, with progress, resumable."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from sendwhen.cli.context import targets_of
from sendwhen.cli.replay_stream import Batch, ReplayStream, Tally
from sendwhen.cli.settled import Totals, advance_clock, ask_status, settled
from sendwhen.cli.targets import Targets
from sendwhen.cli.terminal import EXIT_REFUSED, err, fail, out, run
from sendwhen.client.event_file import (
    BadLine,
    Line,
    by_time,
    count_lines,
    event_of,
    identity_of,
    in_file_order,
    instant_ms,
)

BATCH_EVENTS_MAX = 500
BATCH_BYTES_MAX = 400_000
SAVE_EVERY_S = 1.0


class Saved(msgspec.Struct, kw_only=True):
    """How far a file was replayed; kept in the data folder under the file's identity."""

    lines: int
    accepted: int
    refused: int


def replay(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="One JSON object a line.")],
    rate: Annotated[float | None, typer.Option(min=0.1, help="Events a second (default: as fast as it goes).")] = None,
    advance_to: Annotated[
        str | None,
        typer.Option(help="With --clock=events: move all clocks to this instant (ISO 8601 or ms) afterwards."),
    ] = None,
    restart: Annotated[
        bool, typer.Option("--restart", help="Begin at the first line, whatever was sent before.")
    ] = False,
) -> None:
    """Send a file of events; stopped halfway, the same command goes on where it was.

    Each line is {"event_id", "name", "user_id" | "anonymous_id" | "email", "occurred_at_ms" | "occurred_at",
    "properties", "attributes"}. In an installation on the events' own time, events are sorted by time first.
    """
    try:
        advance_to_ms = None if advance_to is None else instant_ms(advance_to)
    except BadLine as error:
        fail(f"--advance-to: {error}.", code=2)
    tally = run(_replay(targets_of(context), file, rate, advance_to_ms, restart=restart))
    if tally.refused:
        raise typer.Exit(EXIT_REFUSED)


async def _replay(
    targets: Targets, file: Path, rate: float | None, advance_to_ms: int | None, *, restart: bool
) -> Tally:
    before = await ask_status(targets)
    identity = identity_of(file)
    state = targets.data / "replays" / f"{identity}.json"
    if restart:
        state.unlink(missing_ok=True)
    tally = _resume(state)
    total = count_lines(file)
    lines = by_time(file) if before.clock == "events" else in_file_order(file)
    if tally.lines:
        out.print(f"going on after {tally.lines:,} of {total:,} events")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err) as bar:
        task = bar.add_task("sending", total=total, completed=tally.lines)
        saved_s = 0.0

        def progress() -> None:
            nonlocal saved_s
            bar.update(task, completed=tally.lines)
            if time.monotonic() - saved_s > SAVE_EVERY_S:
                saved_s = time.monotonic()
                _save(state, tally)

        try:
            stream = ReplayStream(targets, tally, progress=progress, rate_per_s=rate)
            await stream.send(_batches(lines, tally, identity, rate))
        finally:
            _save(state, tally)
        bar.update(task, description="applying")
        if advance_to_ms is not None:
            await settled(targets)
            await advance_clock(targets, advance_to_ms)
        after = await settled(targets)
    _report(tally, Totals.of(before), Totals.of(after))
    return tally


def _batches(lines: Iterator[Line], tally: Tally, identity: str, rate: float | None) -> Iterator[Batch]:
    events_max = BATCH_EVENTS_MAX if rate is None else max(1, min(BATCH_EVENTS_MAX, round(rate / 20)))
    batch, size = Batch(lines=0, open=[]), 0
    for number, line in islice(lines, tally.lines, None):
        try:
            event = event_of(line, number, file_identity=identity)
        except BadLine as error:
            tally.refuse(f"line {number}: {error}")
            batch.lines += 1
            continue
        event_bytes = event.ByteSize()
        if batch.open and (len(batch.open) >= events_max or size + event_bytes > BATCH_BYTES_MAX):
            yield batch
            batch, size = Batch(lines=0, open=[]), 0
        batch.open.append(event)
        batch.lines += 1
        size += event_bytes
    yield batch


def _resume(state: Path) -> Tally:
    if not state.exists():
        return Tally()
    saved = msgspec.json.decode(state.read_bytes(), type=Saved)
    return Tally(lines=saved.lines, accepted=saved.accepted, refused=saved.refused)


def _save(state: Path, tally: Tally) -> None:
    state.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = state.with_suffix(".new")
    fresh.write_bytes(msgspec.json.encode(Saved(lines=tally.lines, accepted=tally.accepted, refused=tally.refused)))
    fresh.replace(state)


def _report(tally: Tally, before: Totals, after: Totals) -> None:
    out.print(f"accepted      {tally.accepted:>10,}")
    out.print(f"refused       {tally.refused:>10,}")
    for reason, times in tally.reasons.items():
        out.print(f"              {times:>10,} x {escape(reason)}")
    out.print(f"duplicate     {after.duplicates - before.duplicates:>10,}")
    out.print(f"dead-lettered {after.dead_letters - before.dead_letters:>10,}")
