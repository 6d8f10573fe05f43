"""Sends an archive's events to an installation, stretch by stretch, resumable: the engine of `sendwhen log import`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from rich.progress import Progress

from sendwhen.cli.replay_counts import Counts
from sendwhen.cli.replay_stream import Batch, Tally, send
from sendwhen.cli.saved_state import read_state, write_state
from sendwhen.cli.settled import Totals, ask_status, settled
from sendwhen.cli.targets import Targets
from sendwhen.wire.event import event_message

if TYPE_CHECKING:
    from sendwhen.archive.archive import Archive
    from sendwhen.archive.transfer import Range

BATCH_EVENTS = 500
BATCH_BYTES = 400_000
SAVE_EVERY_S = 1.0


class Saved(msgspec.Struct, kw_only=True):
    """How far an import came.

    Attributes:
        day: All stretches before it are through. events: so many of this one.
    """

    day: str
    events: int
    accepted: int
    refused: int


async def import_archive(
    targets: Targets, archive: Archive, within: Range, state: Path, bar: Progress
) -> tuple[Tally, Counts]:
    """Send what lies within, going on where ``state`` says; what became of it."""
    from sendwhen.archive.transfer import stretches_of

    before = Totals.of(await ask_status(targets))
    saved = read_state(state, Saved)
    days = stretches_of(archive, within)
    tally = Tally(accepted=saved.accepted, refused=saved.refused) if saved else Tally()
    task = bar.add_task("sending", total=sum(events for _, events in days))
    for day, events in days:
        if saved and day < saved.day:
            bar.advance(task, events)
            continue
        tally.lines = saved.events if saved and day == saved.day else 0
        await _send_day(targets, archive, within, (day, state), tally, bar)
        bar.update(task, completed=sum(size for one, size in days if one <= day))
    after = Totals.of(await settled(targets))
    counts = Counts(
        duplicates=after.duplicates - before.duplicates, dead_letters=after.dead_letters - before.dead_letters
    )
    return tally, counts


async def _send_day(
    targets: Targets, archive: Archive, within: Range, place: tuple[str, Path], tally: Tally, bar: Progress
) -> None:
    day, state = place
    saved_s = 0.0
    at_first = bar.tasks[0].completed

    def save() -> None:
        saved = Saved(day=day, events=tally.lines, accepted=tally.accepted, refused=tally.refused)
        write_state(state, saved)

    def progress() -> None:
        nonlocal saved_s
        bar.update(bar.tasks[0].id, completed=at_first + tally.lines)
        if time.monotonic() - saved_s > SAVE_EVERY_S:
            saved_s = time.monotonic()
            save()

    try:
        await send(_batches(archive, within, day, tally.lines), tally, targets, progress=progress, rate_per_s=None)
    finally:
        save()


def _batches(archive: Archive, within: Range, day: str, done: int) -> Iterator[Batch]:
    from sendwhen.archive.transfer import events_by_time

    batch, size = Batch(), 0
    for event in islice(events_by_time(archive, within, stretch=day), done, None):
        message = event_message(event)
        event_bytes = message.ByteSize()
        if batch.events and (len(batch.events) >= BATCH_EVENTS or size + event_bytes > BATCH_BYTES):
            yield batch
            batch, size = Batch(), 0
        batch.events.append(message)
        batch.lines += 1
        size += event_bytes
    yield batch
