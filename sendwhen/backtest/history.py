"""The past, divided by customers: work units, and one unit's events in the order of each customer's own."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from sendwhen.archive.archive import Archive
from sendwhen.archive.columns import EVENT, ORDER
from sendwhen.archive.manifest import Segment
from sendwhen.archive.rereading import reread

UNIT_ROWS: Final = 500_000
"""Rows of a work unit, about: what one worker holds in memory at a time."""
UNIT_BYTES: Final = 1024 * 1024 * 1024
"""And bytes of them in memory, about, where events are large."""
UNITS_MAX: Final = 4_096
"""Of one partition."""
EVENTS_CLOCK: Final = "events"
_DIGITS: Final = 8
_SPACE: Final = 16**_DIGITS
_COLUMNS: Final = (
    "uid", "seq", "index", "kind", "at_ms", "event_id", "name", "user_id", "anonymous_id", "email", "occurred_at_ms",
    "properties", "attributes", "source", "fingerprint", "previous_id",
)  # fmt: skip


class Unit(msgspec.Struct, frozen=True, kw_only=True):
    """The customers of a partition from ``low`` up to, not including, ``high``.

    Attributes:
        number: Place among all units.
        rows: How many rows it has, as estimated.
    """

    number: int
    partition: int
    low: str
    high: str
    rows: int


def units_of(
    archive: Archive, *, share: float, unit_rows: int = UNIT_ROWS, unit_bytes: int = UNIT_BYTES
) -> Sequence[Unit]:
    """All work, in units; of a ``share`` of the customers, who are those whose uids come first. Uids are hashes."""
    units: list[Unit] = []
    for partition in archive.partitions():
        segments = [segment for _, segment in archive.segments(partition)]
        rows = sum(segment.rows for segment in segments) * share
        size = sum(segment.content_bytes for segment in segments) * share
        count = max(1, min(UNITS_MAX, round(max(rows / unit_rows, size / unit_bytes))))
        end = round(_SPACE * share)
        bounds = [end * place // count for place in range(count + 1)]
        for low, high in pairwise(bounds):
            units.append(
                Unit(
                    number=len(units),
                    partition=partition,
                    low=_digits(low),
                    high=_digits(high),
                    rows=round(rows / count),
                )
            )
    return units


def _digits(bound: int) -> str:
    # Behind every uid, which are lower-case hexadecimal digits.
    return "g" if bound >= _SPACE else f"{bound:0{_DIGITS}x}"


def span_of(archive: Archive, *, clock: str) -> tuple[int, int]:
    """Log times of the first and the last event archived, in milliseconds; (0, 0) where there is none."""
    first: list[int] = []
    last: list[int] = []
    for partition in archive.partitions():
        segments = [segment for _, segment in archive.segments(partition)]
        if segments:
            first.append(min(_first_ms(segment, clock) for segment in segments))
            last.append(segments[-1].last_at_ms)
    return (min(first), max(last)) if first else (0, 0)


def time_column(clock: str) -> str:
    """The column that holds an event's log time."""
    return "occurred_at_ms" if clock == EVENTS_CLOCK else "at_ms"


def _first_ms(segment: Segment, clock: str) -> int:
    return segment.first_occurred_at_ms if clock == EVENTS_CLOCK else segment.first_at_ms


def events_of(archive: Archive, unit: Unit, *, clock: str, to_ms: int) -> pa.Table | None:
    """The unit's events before an instant, sorted by customer, then as logged; None where there are none.

    The column ``time_ms`` says when each was logged. Events that were set aside when it happened are left out.

    Raises:
        NotFound: A file is missing.
    """
    return reread(lambda: _events_of(archive, unit, clock=clock, to_ms=to_ms))


def _events_of(archive: Archive, unit: Unit, *, clock: str, to_ms: int) -> pa.Table | None:
    parts: list[pa.Table] = []
    skips: set[tuple[int, int]] = set()
    time = time_column(clock)
    for day, segment in archive.segments(unit.partition):
        # Of files that begin later too: a skip stands behind what it skips.
        skips.update(segment.skips)
        if _first_ms(segment, clock) >= to_ms:
            continue
        for part in archive.customers(
            unit.partition, day, segment, low=unit.low, high=unit.high, columns=list(_COLUMNS)
        ):
            uid = part["uid"]
            mask = pc.and_(pc.greater_equal(uid, max(unit.low, "0")), pc.less(uid, unit.high))
            mask = pc.and_(mask, pc.and_(pc.equal(part["kind"], EVENT), pc.less(part[time], to_ms)))
            parts.append(part.filter(mask))
    if not parts:
        return None
    table = pa.concat_tables(parts).sort_by(ORDER)
    table = table.append_column("time_ms", table[time]).drop_columns(["kind"])
    return without(table, skips)


def without(table: pa.Table, skips: set[tuple[int, int]]) -> pa.Table:
    """Rows but for those of these places, (sequence, index of an event or -1 for the whole entry)."""
    if not skips:
        return table
    whole = {seq for seq, index in skips if index < 0}
    places = zip(table["seq"].to_pylist(), table["index"].to_pylist(), strict=True)
    return table.filter(pa.array([(s, i) not in skips and s not in whole for s, i in places], pa.bool_()))
