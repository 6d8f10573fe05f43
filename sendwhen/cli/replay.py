"""`sendwhen replay FILE`: send a file of events, with progress, resumable."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from sendwhen.cli.context import targets_of
from sendwhen.cli.replay_counts import Counts, count
from sendwhen.cli.replay_stream import Batch, Tally, send
from sendwhen.cli.saved_state import read_state, write_state
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
from sendwhen.errors import Precondition

BATCH_EVENTS_MAX = 500
BATCH_BYTES_MAX = 400_000
SAVE_EVERY_S = 0.25


class Saved(msgspec.Struct, kw_only=True):
    """How far a file was replayed; kept in the data folder under the file's identity.

    Attributes:
        again: Some events may have been taken a second time, because the answer to the first was not seen: a stream
            broke, or the command was stopped.
        before: The installation's totals when the replay began.
        counts: What became of accepted events, once all were worked through; None until then.
    """

    lines: int
    accepted: int
    refused: int
    reasons: dict[str, int]
    places: dict[str, int] = {}
    again: bool
    before: Totals
    counts: Counts | None = None


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
    """Send a file of events; stopped halfway, even killed, the same command goes on where it was.

    Each line is {"event_id", "name", "user_id" | "anonymous_id" | "email", "occurred_at_ms" | "occurred_at",
    "properties", "attributes"}. In an installation on the events' own time, events are sorted by time first.

    At the end it says how many lines were accepted and refused, and of the accepted ones how many were repeats of
    events known before and how many were set aside: the installation's counts since the replay began, so what others
    send meanwhile is in them. The exit status is 1 where a line was refused.
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
    status = await ask_status(targets)
    if advance_to_ms is not None and status.clock != "events":
        raise Precondition(
            "--advance-to is for installations on the events' own time, and this one runs on the wall's clock.",
            remedy="Leave it out; nothing was sent.",
        )
    identity = identity_of(file)
    state = targets.data / "replays" / f"{identity}.json"
    if restart:
        state.unlink(missing_ok=True)
    saved = read_state(state, Saved) or Saved(
        lines=0, accepted=0, refused=0, reasons={}, again=False, before=Totals.of(status)
    )
    tally = Tally(
        lines=saved.lines,
        accepted=saved.accepted,
        refused=saved.refused,
        reasons=Counter(saved.reasons),
        places=dict(saved.places),
    )
    total = count_lines(file)
    lines = by_time(file) if status.clock == "events" else in_file_order(file)
    if tally.lines:
        out.print(f"going on after {tally.lines:,} of {total:,} events")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err) as bar:
        task = bar.add_task("sending", total=total, completed=tally.lines)
        noted_s = time.monotonic()

        def progress() -> None:
            nonlocal noted_s
            bar.update(task, completed=tally.lines)
            if time.monotonic() - noted_s > SAVE_EVERY_S:
                noted_s = time.monotonic()
                _save(state, saved, tally)

        batches = _batches(lines, tally.lines, identity, rate)
        unseen = saved.again
        # Noted first, in case this command is killed, and taken back where it turns out that all answers were seen.
        saved.again = True
        _save(state, saved, tally)
        try:
            broke = await send(batches, tally, targets, progress=progress, rate_per_s=rate)
            saved.again = unseen or broke
        finally:
            _save(state, saved, tally)
        bar.update(task, description="applying")
        if advance_to_ms is not None:
            await settled(targets)
            await advance_clock(targets, advance_to_ms)
        after = Totals.of(await settled(targets))
    saved.counts = saved.counts or await count(
        targets, before=saved.before, after=after, accepted=tally.accepted, again=saved.again
    )
    _save(state, saved, tally)
    _report(tally, saved.counts)
    return tally


def _batches(lines: Iterator[Line], skipped: int, identity: str, rate: float | None) -> Iterator[Batch]:
    events_max = BATCH_EVENTS_MAX if rate is None else max(1, min(BATCH_EVENTS_MAX, round(rate / 20)))
    batch, size = Batch(), 0
    for number, line in islice(lines, skipped, None):
        try:
            event = event_of(line, number, file_identity=identity)
            event_bytes = event.ByteSize()
            if event_bytes > BATCH_BYTES_MAX:
                raise BadLine(f"the event has {event_bytes:,} bytes, far more than ingest takes")
        except BadLine as error:
            batch.wrong.append(f"line {number}: {error}")
            batch.lines += 1
            continue
        if batch.events and (len(batch.events) >= events_max or size + event_bytes > BATCH_BYTES_MAX):
            yield batch
            batch, size = Batch(), 0
        batch.events.append(event)
        batch.numbers.append(number)
        batch.lines += 1
        size += event_bytes
    yield batch


def _save(state: Path, saved: Saved, tally: Tally) -> None:
    saved.lines, saved.accepted, saved.refused = tally.lines, tally.accepted, tally.refused
    saved.reasons, saved.places = dict(tally.reasons), dict(tally.places)
    write_state(state, saved)


def _report(tally: Tally, counts: Counts) -> None:
    out.print(f"accepted      {tally.accepted:>10,}")
    out.print(f"refused       {tally.refused:>10,}")
    for line in tally.reason_lines:
        out.print(line, markup=False)
    out.print(f"duplicate     {counts.duplicates:>10,}")
    out.print(f"dead-lettered {counts.dead_letters:>10,}")
