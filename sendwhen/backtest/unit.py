"""One work unit: read its customers' past, replay it, write what came out to a file of its own."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import pyarrow as pa

from sendwhen.archive.archive import Archive
from sendwhen.archive.location import open_files
from sendwhen.backtest import history
from sendwhen.backtest.comparison import Change, Compared, changes, compare
from sendwhen.backtest.details import Detail, detail_of, write_part
from sendwhen.backtest.findings import Sums, sent_of
from sendwhen.backtest.identities import uid_of
from sendwhen.backtest.interest import names_of
from sendwhen.backtest.selection import selected
from sendwhen.backtest.variant import Variant, campaign_of
from sendwhen.backtest.virtual_time import Timed, VirtualTime
from sendwhen.domain.event import Event
from sendwhen.domain.shard_limits import ShardLimits

CHUNK_ROWS: Final = 20_000
"""Events of the customers that are replayed together, about."""
_GC: Final = (200_000, 50, 1_000)


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """What every unit of a backtest has in common; travels to the workers.

    Attributes:
        location: Of the archive.
        clock: "wall" or "events".
        joined: Rows lie under one uid for all identities of a customer (``identities.regroup``).
        from_ms, to_ms: Half-open; the campaigns come into force at the first.
        variant, against: What is tried, and what it is compared with, if anything.
        parts: Folder for the units' files.
    """

    location: str
    clock: str
    from_ms: int
    to_ms: int
    joined: bool
    variant: Variant
    against: Variant | None
    parts: str


class UnitDone(msgspec.Struct, frozen=True, kw_only=True):
    """What came out of a unit.

    Attributes:
        events: Events read, those that made no difference included; ``replayed``: those that were applied.
        sums, against: Of the two variants.
        changes: (campaign, change) to emails; ``people``: the same to customers.
        part: File with the details, sorted.
    """

    unit: history.Unit
    events: int
    replayed: int
    sums: Sums
    against: Sums | None
    changes: Counter[tuple[str, str]]
    people: Counter[tuple[str, str]]
    part: str


def run_unit(task: Task, unit: history.Unit) -> UnitDone:
    """Do a unit. A pure function of its arguments and of the archive, but for the file that it writes."""
    thresholds = gc.get_threshold()
    gc.set_threshold(*_GC)
    try:
        return _Run(task, unit).done()
    finally:
        gc.set_threshold(*thresholds)


class _Run:
    def __init__(self, task: Task, unit: history.Unit) -> None:
        self._task = task
        self._unit = unit
        variants = [task.variant, *([task.against] if task.against else [])]
        event_clock = task.clock == history.EVENTS_CLOCK
        self._times = [
            VirtualTime(variant, from_ms=task.from_ms, to_ms=task.to_ms, event_clock=event_clock, joined=task.joined)
            for variant in variants
        ]
        self._names = names_of([campaign_of(put.source) for variant in variants for put in variant.puts])
        self._sums = [Sums() for _ in variants]
        self._changes: Counter[tuple[str, str]] = Counter()
        self._people: Counter[tuple[str, str]] = Counter()

    def done(self) -> UnitDone:
        archive = Archive(open_files(self._task.location))
        table = history.events_of(archive, self._unit, clock=self._task.clock, to_ms=self._task.to_ms)
        details: list[Detail] = []
        replayed = 0
        if table is not None:
            chunks = selected(
                table,
                self._names,
                flood_rows=ShardLimits().minute_events,
                chunk_rows=CHUNK_ROWS,
                joined=self._task.joined,
            )
            for rows in chunks:
                replayed += len(rows)
                details += self._chunk(table.take(pa.array(rows, pa.int64())))
        details.sort()
        part = Path(self._task.parts) / f"{self._unit.number:06d}.part"
        write_part(part, details)
        return UnitDone(
            unit=self._unit,
            events=0 if table is None else table.num_rows,
            replayed=replayed,
            sums=self._sums[0],
            against=self._sums[1] if self._task.against else None,
            changes=self._changes,
            people=self._people,
            part=str(part),
        )

    def _chunk(self, table: pa.Table) -> Iterator[Detail]:
        columns = table.to_pydict()
        if self._task.joined:
            names = zip(columns["user_id"], columns["anonymous_id"], columns["email"], strict=True)
            columns["uid"] = [uid_of(*one) for one in names]
        events = timed_events(columns)
        uids = dict.fromkeys(columns["uid"])
        found = []
        for time, sums in zip(self._times, self._sums, strict=True):
            parts = time.replay(uids, events)
            sums.take(parts)
            found.append([sent_of(send) for part in parts for send in part.sends])
        if self._task.against:
            compared = compare(found[1], found[0])
            self._changes.update(changes(compared))
            self._people.update(
                (campaign, change)
                for campaign, change, _ in {
                    (one.either().campaign_id, one.change.value, one.either().uid) for one in compared
                }
            )
        else:
            compared = [Compared(change=Change.SAME, before=None, after=one) for one in found[0]]
        who = _identities(columns, {one.either().uid for one in compared})
        compares = self._task.against is not None
        return (detail_of(one, *who[one.either().uid], with_change=compares) for one in compared)


def timed_events(columns: dict[str, list[Any]]) -> Sequence[Timed]:
    """Rows as events, in the order of the log."""
    times, seqs, indexes = columns["time_ms"], columns["seq"], columns["index"]
    ids, names, uids, sources = columns["event_id"], columns["name"], columns["uid"], columns["source"]
    users, visitors, emails = columns["user_id"], columns["anonymous_id"], columns["email"]
    occurred, properties = columns["occurred_at_ms"], columns["properties"]
    attributes, fingerprints, former = columns["attributes"], columns["fingerprint"], columns["previous_id"]
    places = list(zip(times, seqs, indexes, strict=True))
    return [
        (
            times[row],
            Event(
                event_id=ids[row],
                name=names[row],
                uid=uids[row],
                user_id=users[row],
                anonymous_id=visitors[row],
                email=emails[row],
                occurred_at_ms=occurred[row],
                properties=properties[row],
                attributes=attributes[row],
                source=sources[row],
                fingerprint=fingerprints[row],
                previous_id=former[row],
            ),
        )
        for row in sorted(range(len(times)), key=places.__getitem__)
    ]


def _identities(columns: dict[str, list[Any]], uids: set[str]) -> dict[str, tuple[str, str]]:
    known: dict[str, tuple[str, str]] = dict.fromkeys(sorted(uids), ("", ""))
    for uid, user_id, anonymous_id in zip(columns["uid"], columns["user_id"], columns["anonymous_id"], strict=True):
        if uid in known:
            before = known[uid]
            known[uid] = (before[0] or user_id, anonymous_id or before[1])
    return known
