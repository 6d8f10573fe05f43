"""Brings together, before a backtest, what customers did under several identities.

Where events tie identities, the customers of a work unit would be torn apart by its bounds. So the past is written once
more, into an archive in the temporary folder, with everybody's rows under one uid of those that are tied, and with
sequences that have the order of time over all partitions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from sendwhen.archive.archive import Archive
from sendwhen.archive.columns import EVENT, ORDER, SCHEMA
from sendwhen.archive.layout import segment_name
from sendwhen.archive.manifest import Identity, Manifest, Segment
from sendwhen.archive.rereading import reread
from sendwhen.backtest.history import without
from sendwhen.domain.event import Event
from sendwhen.domain.partition import customer_uid, normalised_email, routing_key
from sendwhen.domain.ties import wanted

HELD_ROWS: Final = 500_000
"""Rows in memory, beside a day's of a partition, while the past is written once more."""
HELD_BYTES: Final = 1024 * 1024 * 1024
"""And bytes of them."""
_DAY: Final = "1970-01-01"
_PARTITIONS_MAX: Final = 4_096
_NAMES: Final = ("user_id", "anonymous_id", "email", "previous_id")


def roots_of(archive: Archive) -> dict[str, str]:
    """For each uid that some event ties to another: the uid that stands for all of them, the least."""
    parents: dict[str, str] = {}

    def root(uid: str) -> str:
        while (up := parents.get(uid, uid)) != uid:
            parents[uid] = uid = parents.get(up, up)
        return uid

    for partition in archive.partitions():
        for day in archive.days(partition):
            for own, other in reread(partial(_ties_of, archive, partition, day)):
                low, high = sorted((root(own), root(other)))
                parents.setdefault(low, low)
                parents[high] = low
    return {uid: root(uid) for uid in parents}


def _ties_of(archive: Archive, partition: int, day: str) -> set[tuple[str, str]]:
    segments = archive.manifest(partition, day).segments
    return {tie for segment in segments for tie in _ties(archive.table(partition, day, segment, columns=_NAMES))}


def _ties(table: pa.Table) -> Iterator[tuple[str, str]]:
    both = pc.and_(pc.not_equal(table["user_id"], ""), pc.not_equal(table["anonymous_id"], ""))
    names = table.filter(pc.or_(both, pc.not_equal(table["previous_id"], ""))).select(_NAMES)
    for row in names.group_by(list(_NAMES)).aggregate([]).to_pylist():
        event = Event(event_id="", name="", uid="", occurred_at_ms=0, **row)
        own = uid_of(row["user_id"], row["anonymous_id"], row["email"])
        for key in wanted(event):
            yield own, customer_uid(key)


def uid_of(user_id: str, anonymous_id: str, email: str) -> str:
    """Whose event it is that carries these."""
    return customer_uid(routing_key(user_id=user_id, anonymous_id=anonymous_id, email=normalised_email(email)))


def regroup(archive: Archive, roots: dict[str, str], target: Archive, *, time: str) -> None:
    """Write the events once more, under one uid for each customer; ``time`` is the column of log time."""
    target.establish(Identity(partitions=1, clock=archive.identity().clock))
    held: list[pa.Table] = []
    segments: list[Segment] = []
    rows = 0
    for partition in archive.partitions():
        number = 0
        skips = {skip for _, segment in archive.segments(partition) for skip in segment.skips}
        for day in archive.days(partition):
            table = without(reread(partial(_events_of, archive, partition, day)), skips)
            held.append(_under_roots(table, roots, partition, number, time))
            number, rows = number + table.num_rows, rows + table.num_rows
            if rows >= HELD_ROWS or sum(table.nbytes for table in held) >= HELD_BYTES:
                segments.append(_written(target, held, len(segments)))
                held, rows = [], 0
    if rows:
        segments.append(_written(target, held, len(segments)))
    target.put_manifest(Manifest(partition=0, day=_DAY, segments=tuple(segments)))


def _events_of(archive: Archive, partition: int, day: str) -> pa.Table:
    tables = [archive.table(partition, day, segment) for segment in archive.manifest(partition, day).segments]
    table = pa.concat_tables(tables or [SCHEMA.empty_table()])
    return table.filter(pc.equal(table["kind"], EVENT)).sort_by([("seq", "ascending"), ("index", "ascending")])


def _under_roots(table: pa.Table, roots: dict[str, str], partition: int, number: int, time: str) -> pa.Table:
    uids = [roots.get(uid, uid) for uid in table["uid"].to_pylist()]
    seq = pc.add(pc.multiply(table[time], _PARTITIONS_MAX), partition)
    index = pa.array(range(number, number + table.num_rows), pa.int32())
    columns = {"uid": pa.array(uids, pa.string()), "seq": seq, "index": index}
    for name, column in columns.items():
        table = table.set_column(table.schema.get_field_index(name), name, column)
    return table


def _written(target: Archive, held: Sequence[pa.Table], number: int) -> Segment:
    table = pa.concat_tables(held, promote_options="permissive").sort_by(ORDER)
    name = segment_name(number + 1, number + 1)
    size, digest = target.put_table(0, _DAY, name, table)
    return Segment(
        file=name,
        first_seq=number + 1,
        last_seq=number + 1,
        first_at_ms=pc.min(table["at_ms"]).as_py() or 0,
        last_at_ms=pc.max(table["at_ms"]).as_py() or 0,
        first_occurred_at_ms=pc.min(table["occurred_at_ms"]).as_py() or 0,
        last_nonce="",
        rows=table.num_rows,
        events=table.num_rows,
        bytes=size,
        checksum=digest,
        content_bytes=table.nbytes,
    )
