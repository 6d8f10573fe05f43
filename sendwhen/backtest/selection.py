"""Of the events of many customers, those that can make a difference; exactly, never by chance.

Left out is an event that no campaign listens to and that tells nothing of its customer which its neighbours do not tell
too. Customers about whom that cannot be said so simply (an event id twice, two addresses, a flood) keep all of theirs;
customers with no event that anybody listens to drop out altogether.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import pairwise

import pyarrow as pa
import pyarrow.compute as pc

_IDENTITY = ("user_id", "anonymous_id", "email", "previous_id")


def selected(
    table: pa.Table, names: frozenset[str] | None, *, flood_rows: int, chunk_rows: int, joined: bool = False
) -> Iterator[list[int]]:
    """Rows that matter, ascending, in chunks of about ``chunk_rows`` that never divide a customer.

    ``joined``: a customer may have several identities; none of its events is left out then.
    ``table`` is sorted by customer. ``flood_rows``: a customer with so many events may meet a limit and keeps all.
    """
    customers = _beginnings(table, ("uid",))
    if names is None:
        yield from _all(customers, chunk_rows)
        return
    chunk: list[int] = []
    pick = _Pick(table, names, flood_rows, joined=joined)
    for low, high in pairwise(customers):
        chunk += pick.of(low, high)
        if len(chunk) >= chunk_rows:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


class _Pick:
    """Goes through the customers in order."""

    def __init__(self, table: pa.Table, names: frozenset[str], flood_rows: int, *, joined: bool) -> None:
        heard = pc.is_in(table["name"], value_set=pa.array(sorted(names), pa.string()))
        told = pc.greater(pc.binary_length(table["attributes"]), len(b"{}"))
        self._heard = _places(heard)
        self._wanted = _places(pc.or_(heard, told))
        self._stretches = _beginnings(table, ("uid", *_IDENTITY))
        self._ids, self._emails = table["event_id"].to_pylist(), table["email"].to_pylist()
        self._flood_rows = flood_rows
        self._tying = set(_tying(table)) if joined else None
        self._at_heard = self._at_wanted = 0
        self._at_stretch = 1

    def of(self, low: int, high: int) -> Sequence[int]:
        """The rows that matter of the customer whose rows begin at ``low`` and end before ``high``."""
        heard = self._at_heard
        self._at_heard = bisect_left(self._heard, high, heard)
        first, self._at_wanted = self._at_wanted, bisect_left(self._wanted, high, self._at_wanted)
        rows: list[int] = []
        # Within a stretch all rows tell the same identity; its first one tells it in time for every deadline. Nothing
        # is due before the first event that is heard, so in the first stretch any row will do.
        begin = low
        stretches = 0
        while begin < high:
            stretches += 1
            end = self._stretches[self._at_stretch]
            self._at_stretch += 1
            last = bisect_left(self._wanted, end, first, self._at_wanted)
            wanted = self._wanted[first:last]
            if not wanted or (begin > low and wanted[0] != begin):
                rows.append(begin)
            rows += wanted
            first, begin = last, end
        if self._at_heard == heard:
            return ()
        count = high - low
        if len(rows) == count:
            return rows
        if self._tying is not None and (low in self._tying or stretches > 1):
            return range(low, high)
        ids, emails = self._ids[low:high], self._emails[low:high]
        if count >= self._flood_rows or len(set(ids)) < count or len({*emails, ""}) > 2:
            return range(low, high)
        return rows


def _tying(table: pa.Table) -> list[int]:
    """Rows that name more than one identity."""
    both = pc.and_(pc.not_equal(table["user_id"], ""), pc.not_equal(table["anonymous_id"], ""))
    return _places(pc.or_(both, pc.not_equal(table["previous_id"], "")))


def _places(mask: pa.ChunkedArray) -> list[int]:
    found: list[int] = pc.indices_nonzero(mask).to_pylist()
    return found


def _beginnings(table: pa.Table, names: tuple[str, ...]) -> list[int]:
    """Rows that differ from the one before in any of these columns, the first included, and the end."""
    rows = table.num_rows
    if not rows:
        return [0]
    differs = None
    for name in names:
        column = table[name].combine_chunks()
        one = pc.not_equal(column.slice(1), column.slice(0, rows - 1))
        differs = one if differs is None else pc.or_(differs, one)
    return [0, *(place + 1 for place in _places(differs)), rows]


def _all(bounds: list[int], chunk_rows: int) -> Iterator[list[int]]:
    first = 0
    for bound in bounds[1:]:
        if bound - first >= chunk_rows or bound == bounds[-1]:
            if bound > first:
                yield list(range(first, bound))
            first = bound
