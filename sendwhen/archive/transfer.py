"""Out of an archive: a range of time as files for other programs, or as events in the order of time.

Files are written whole, one for each partition and day, and those that are there already are not written again: a
transfer that was stopped goes on where it was.
"""

from __future__ import annotations

import heapq
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
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

SLICE_ROWS: Final = 5_000
WHOLE: Final = "all"
_LENGTH_BYTES: Final = 4
_RunItem = tuple[int, int, int, int, bytes]
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_RunItem).decode


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
"""(partition, day, segments that a range touches)."""


def parts_of(archive: Archive, within: Range) -> Sequence[Part]:
    """What a range touches, by day, then partition."""
    parts = []
    for partition in archive.partitions():
        for day in archive.days(partition):
            segments = tuple(one for one in archive.manifest(partition, day).segments if within.touches(one))
            if segments:
                parts.append((partition, day, segments))
    return sorted(parts, key=lambda part: (part[1], part[0]))


def export(archive: Archive, target: Files, within: Range, form: str, tell: Callable[[Part, int], None]) -> int:
    """Write events as ``form`` ("jsonl" or "parquet"); how many. ``tell`` hears of each part and its events."""
    whole = 0
    there = set(target.children(""))
    for part in parts_of(archive, within):
        partition, day, _ = part
        name = f"events-{day}-p{partition:04d}.{form}"
        if name in there:
            tell(part, 0)
            continue
        table = _in_order(archive, part, within)
        if table.num_rows:
            target.write(name, plain_bytes(table.select(FOR_OTHERS)) if form == "parquet" else _lines(table))
        whole += table.num_rows
        tell(part, table.num_rows)
    return whole


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
    partition, day, _ = part
    return reread(lambda: _day_in_order(archive, partition, day, within))


def _day_in_order(archive: Archive, partition: int, day: str, within: Range) -> pa.Table:
    segments = [segment for segment in archive.manifest(partition, day).segments if within.touches(segment)]
    tables = [within.of(archive.table(partition, day, segment)) for segment in segments]
    return pa.concat_tables(tables or [SCHEMA.empty_table()]).sort_by([("seq", "ascending"), ("index", "ascending")])


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
