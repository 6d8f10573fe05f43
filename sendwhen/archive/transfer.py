"""Out of an archive: a range of time as files for other programs, or as events in the order of time.

Files are written whole, one for each partition and day or several where it is large, and those that are there already
are not written again: a transfer that was stopped goes on where it was. What an export made of another range of time,
or before the archive went on, is written anew.
"""

from __future__ import annotations

import heapq
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from hashlib import blake2b
from typing import IO, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from sendwhen.archive.archive import Archive, plain_bytes
from sendwhen.archive.columns import EVENT, SCHEMA, read_rows
from sendwhen.archive.files import Files
from sendwhen.archive.manifest import Segment
from sendwhen.archive.rereading import reread
from sendwhen.domain.event import Event
from sendwhen.errors import NotFound
from sendwhen.wire.event import event_message, event_of

FOR_OTHERS: Final = (
    "event_id", "name", "user_id", "anonymous_id", "email", "occurred_at_ms", "properties", "attributes", "source",
)  # fmt: skip
"""Columns of an export. Times and names are what a reader wants; hashes and traces are ours."""

PART_ROWS: Final = 200_000
"""So much of a day is held in memory at a time, or what one file of the archive holds."""
SLICE_ROWS: Final = 5_000
MARK: Final = ".export.json"
"""What each file of an export was made of."""
WHOLE: Final = "all"
_STEM_CHARS: Final = len("events-2000-01-01-p0000")
_LENGTH_BYTES: Final = 4
_RunItem = tuple[int, int, int, int, bytes]
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_RunItem).decode
_marks = msgspec.json.Decoder(dict[str, str])


class Range(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of log time, half-open; None: no bound.

    Attributes:
        clock: The archive's: on the events' own time an event's log time is when it occurred.
    """

    from_ms: int | None = None
    to_ms: int | None = None
    clock: str = "wall"

    @property
    def time(self) -> str:
        """The column that holds an event's log time."""
        return "occurred_at_ms" if self.clock == "events" else "at_ms"

    def touches(self, segment: Segment) -> bool:
        """Something of the segment may lie within."""
        first_ms = segment.first_occurred_at_ms if self.clock == "events" else segment.first_at_ms
        return (self.to_ms is None or first_ms < self.to_ms) and (
            self.from_ms is None or segment.last_at_ms >= self.from_ms
        )

    def of(self, table: pa.Table) -> pa.Table:
        """The events of a table that lie within."""
        mask = pc.equal(table["kind"], EVENT)
        if self.from_ms is not None:
            mask = pc.and_(mask, pc.greater_equal(table[self.time], self.from_ms))
        if self.to_ms is not None:
            mask = pc.and_(mask, pc.less(table[self.time], self.to_ms))
        return table.filter(mask)


Part = tuple[int, str, tuple[Segment, ...]]
"""(partition, day, segments that a range touches: all of the day's, or as many as are held at a time)."""


def parts_of(archive: Archive, within: Range, *, rows: int = PART_ROWS) -> Sequence[Part]:
    """What a range touches, by day, then partition, then the log's order."""
    parts: list[Part] = []
    for partition in archive.partitions():
        for day in archive.days(partition):
            segments = [one for one in archive.manifest(partition, day).segments if within.touches(one)]
            segments.sort(key=lambda one: one.first_seq)
            parts += [(partition, day, group) for group in _groups(segments, rows)]
    return sorted(parts, key=lambda part: (part[1], part[0], part[2][0].first_seq))


def export(
    archive: Archive,
    target: Files,
    within: Range,
    form: str,
    tell: Callable[[Part, int], None],
    *,
    rows: int = PART_ROWS,
) -> int:
    """Write events as ``form`` ("jsonl" or "parquet"); how many. ``tell`` hears of each part and its events."""
    named = _named(parts_of(archive, within, rows=rows), form)
    marks = {name: _mark(part, within) for name, part in named.items()}
    there = _still_true(target, marks, form)
    written = 0
    for name, part in named.items():
        events = 0
        if name not in there:
            table = _in_order(archive, part, within)
            events = table.num_rows
            if events:
                target.write(name, plain_bytes(table.select(FOR_OTHERS)) if form == "parquet" else _lines(table))
        written += events
        tell(part, events)
    return written


def _groups(segments: Sequence[Segment], rows: int) -> Iterator[tuple[Segment, ...]]:
    group: list[Segment] = []
    for segment in segments:
        if group and sum(one.rows for one in group) + segment.rows > rows:
            yield tuple(group)
            group = []
        group.append(segment)
    if group:
        yield tuple(group)


def _named(parts: Sequence[Part], form: str) -> dict[str, Part]:
    days: dict[str, list[Part]] = {}
    for part in parts:
        days.setdefault(_stem(part), []).append(part)
    named = {}
    for stem, of_day in days.items():
        for number, part in enumerate(of_day, start=1):
            named[f"{stem}.{form}" if len(of_day) == 1 else f"{stem}-{number:04d}.{form}"] = part
    return named


def _stem(part: Part) -> str:
    partition, day, _ = part
    return f"events-{day}-p{partition:04d}"


def _mark(part: Part, within: Range) -> str:
    made_of = (within, [(one.first_seq, one.last_seq, one.checksum) for one in part[2]])
    return blake2b(msgspec.json.encode(made_of), digest_size=12).hexdigest()


def _still_true(target: Files, marks: Mapping[str, str], form: str) -> frozenset[str]:
    """The files that need not be written; what is not true any more of the same days goes."""
    children = set(target.children(""))
    former = _marks.decode(target.read(MARK)) if MARK in children else {}
    stems = {name[:_STEM_CHARS] for name in marks}
    there = set()
    for name in children:
        if not name.endswith(f".{form}") or name[:_STEM_CHARS] not in stems:
            continue
        if name in marks and former.get(name) == marks[name]:
            there.add(name)
        else:
            target.remove(name)
    # Behind the removals: what a crash leaves is at worst a file too few, and those are written.
    target.write(MARK, msgspec.json.encode({**former, **marks}))
    return frozenset(there)


def events_by_time(archive: Archive, within: Range, *, stretch: str) -> Iterator[Event]:
    """The events of one of ``stretches_of``, over all partitions, in the order of log time; sorted on disk."""
    parts = [part for part in parts_of(archive, within) if stretch in {part[1], WHOLE}]
    with ExitStack() as stack:
        runs = [
            _run(stack, archive, [part for part in parts if part[0] == partition], within)
            for partition in sorted({part[0] for part in parts})
        ]
        for *_, packed in heapq.merge(*runs):
            event = event_of(packed)
            if isinstance(event, Event):
                yield event


def _in_order(archive: Archive, part: Part, within: Range) -> pa.Table:
    return reread(lambda: _part_in_order(archive, part, within))


def _part_in_order(archive: Archive, part: Part, within: Range) -> pa.Table:
    """By the part's place in the log, because its files may have been put together with others since."""
    partition, day, planned = part
    first, last = planned[0].first_seq, planned[-1].last_seq
    tables = [
        within.of(archive.table(partition, day, segment))
        for segment in archive.manifest(partition, day).segments
        if within.touches(segment) and segment.first_seq <= last and segment.last_seq >= first
    ]
    table = pa.concat_tables(tables or [SCHEMA.empty_table()])
    table = table.filter(pc.and_(pc.greater_equal(table["seq"], first), pc.less_equal(table["seq"], last)))
    return table.sort_by([("seq", "ascending"), ("index", "ascending")])


def _run(stack: ExitStack, archive: Archive, parts: Sequence[Part], within: Range) -> Iterator[_RunItem]:
    """One partition's events, in its order, which is that of its log time."""
    file: IO[bytes] = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115  the stack closes it
    for part in parts:
        table = _in_order(archive, part, within)
        times = table[within.time].to_pylist()
        for start in range(0, table.num_rows, SLICE_ROWS):
            for at_ms, row in zip(times[start:], read_rows(table.slice(start, SLICE_ROWS)), strict=False):
                if row.event is not None:
                    message = event_message(row.event).SerializeToString()
                    item = _encode((at_ms, part[0], row.seq, row.index, message))
                    file.write(len(item).to_bytes(_LENGTH_BYTES, "big") + item)
    file.seek(0)
    return _read(file)


def _read(file: IO[bytes]) -> Iterator[_RunItem]:
    while size := file.read(_LENGTH_BYTES):
        yield _decode(file.read(int.from_bytes(size, "big")))


def _lines(table: pa.Table) -> bytes:
    made = []
    for start in range(0, table.num_rows, SLICE_ROWS):
        for row in table.slice(start, SLICE_ROWS).select(FOR_OTHERS).to_pylist():
            line = {name: value for name, value in row.items() if value and name != "source"}
            line |= {name: _in_one_line(line[name]) for name in ("properties", "attributes") if name in line}
            made.append(msgspec.json.encode(line))
    return b"\n".join(made) + b"\n"


def _in_one_line(text: bytes) -> msgspec.Raw:
    # As the client wrote it, but for the line breaks that it may have between its values.
    return msgspec.Raw(msgspec.json.format(text, indent=-1) if b"\n" in text or b"\r" in text else text)


def stretches_of(archive: Archive, within: Range) -> Sequence[tuple[str, int]]:
    """What can be done one after the other: days, in order, each with its events, at most.

    On the events' own time an entry may reach over days, so there everything is one stretch.
    """
    sizes: dict[str, int] = {}
    for _, day, segments in parts_of(archive, within):
        name = WHOLE if within.clock == "events" else day
        sizes[name] = sizes.get(name, 0) + sum(segment.events for segment in segments)
    if not sizes:
        raise NotFound("Nothing in the archive lies in that time.", remedy="Widen --from and --to.")
    return sorted(sizes.items())
