"""Entries of a log as columns, and back: one row for each event, and one for each entry that holds none.

Rows lie sorted by customer, so that one customer's past, or that of a range of customers, is read without the rest.
Rows that belong to nobody (ticks, campaigns, skips) have the uid "" and come first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
import pyarrow as pa
from google.protobuf.message import DecodeError

from sendwhen.domain.entry import Entry, Unreadable
from sendwhen.domain.event import Event
from sendwhen.domain.transfer import Delete, Forget, read_transfer
from sendwhen.v1 import log_pb2
from sendwhen.wire.entry import entry_of
from sendwhen.wire.event import events_of

EVENT, ENTRY, UNREADABLE, TRANSFER = 0, 1, 2, 3
"""Kinds of rows: an event; a whole entry that holds no events, as it stood in the log; bytes in place of an event; what
another partition or an operator had for a customer, whose row it is: a serialised sendwhen.v1.Transfer.
"""

SCHEMA: Final = pa.schema(
    [
        pa.field("uid", pa.string(), nullable=False),
        pa.field("seq", pa.int64(), nullable=False),
        pa.field("index", pa.int32(), nullable=False),
        pa.field("kind", pa.int8(), nullable=False),
        pa.field("at_ms", pa.int64(), nullable=False),
        pa.field("appended_at_us", pa.int64(), nullable=False),
        pa.field("front_received_at_us", pa.int64(), nullable=False),
        pa.field("event_id", pa.string(), nullable=False),
        pa.field("name", pa.string(), nullable=False),
        pa.field("user_id", pa.string(), nullable=False),
        pa.field("anonymous_id", pa.string(), nullable=False),
        pa.field("email", pa.string(), nullable=False),
        pa.field("occurred_at_ms", pa.int64(), nullable=False),
        pa.field("properties", pa.binary(), nullable=False),
        pa.field("attributes", pa.binary(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("traceparent", pa.string(), nullable=False),
        pa.field("received_at_us", pa.int64(), nullable=False),
        pa.field("fingerprint", pa.uint32(), nullable=False),
        pa.field("body", pa.binary(), nullable=False),
        pa.field("previous_id", pa.string(), nullable=False),
    ]
)
ORDER: Final = [("uid", "ascending"), ("seq", "ascending"), ("index", "ascending")]
_EVENT_COLUMNS: Final = tuple(name for name in SCHEMA.names if name in Event.__struct_fields__)


class LoggedEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An entry as it stands in the log.

    Attributes:
        seq: Dense sequence. at_ms: log time. appended_at_us: the store's clock, for traces.
        nonce: Random, made with the append.
        body: Serialised sendwhen.v1.LogEntry.
    """

    seq: int
    at_ms: int
    appended_at_us: int
    nonce: bytes
    body: bytes


class Row(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One row. ``event`` is None for what is none; then ``body`` holds it."""

    uid: str
    seq: int
    index: int
    kind: int
    at_ms: int
    appended_at_us: int
    front_received_at_us: int
    event: Event | None
    body: bytes


_NO_EVENT: Final = Event(event_id="", name="", uid="", occurred_at_ms=0)


def rows_of(entry: LoggedEntry) -> list[Row]:
    """The rows of an entry, in order."""
    message = log_pb2.LogEntry()
    # What is no entry at all, or of a newer version, is kept as it is, like every entry without events.
    try:
        message.ParseFromString(entry.body)
    except DecodeError:
        return [_row(entry, kind=ENTRY, index=-1, body=entry.body)]
    if message.WhichOneof("body") == "transfers":
        return [_transfer(entry, index, one) for index, one in enumerate(message.transfers.transfers)]
    if message.WhichOneof("body") != "events":
        return [_row(entry, kind=ENTRY, index=-1, body=entry.body)]
    batch = message.events
    rows = []
    for index, event in enumerate(events_of(batch)):
        if isinstance(event, Unreadable):
            rows.append(_row(entry, kind=UNREADABLE, index=index, body=event.payload))
            continue
        rows.append(
            Row(
                uid=event.uid,
                seq=entry.seq,
                index=index,
                kind=EVENT,
                at_ms=entry.at_ms,
                appended_at_us=entry.appended_at_us,
                front_received_at_us=batch.front_received_at_us,
                event=event,
                body=b"",
            )
        )
    return rows or [_row(entry, kind=ENTRY, index=-1, body=entry.body)]


def _row(entry: LoggedEntry, *, kind: int, index: int, body: bytes) -> Row:
    return Row(
        uid="",
        seq=entry.seq,
        index=index,
        kind=kind,
        at_ms=entry.at_ms,
        appended_at_us=entry.appended_at_us,
        front_received_at_us=0,
        event=None,
        body=body,
    )


def _transfer(entry: LoggedEntry, index: int, message: log_pb2.Transfer) -> Row:
    transfer = read_transfer(message.body)
    row = _row(entry, kind=TRANSFER, index=index, body=message.SerializeToString())
    return row if transfer is None else msgspec.structs.replace(row, uid=transfer.uid)


def deletion_in(row: Row) -> tuple[str, int] | None:
    """The customer whose deletion a row is, and its sequence: of the one meant, or of an identity tied to that one."""
    if row.kind != TRANSFER:
        return None
    transfer = read_transfer(log_pb2.Transfer.FromString(row.body).body)
    return (transfer.uid, row.seq) if isinstance(transfer, Delete | Forget) else None


def completed(table: pa.Table) -> pa.Table:
    """A table of a former release with the columns that have come since."""
    for field in SCHEMA:
        if field.name not in table.column_names:
            table = table.append_column(field, pa.array([""] * table.num_rows, field.type))
    return table


def table_of(rows: Sequence[Row]) -> pa.Table:
    """Rows as a table, sorted by customer."""
    events = [row.event or _NO_EVENT for row in rows]
    columns: dict[str, list[Any]] = {}
    for name in SCHEMA.names:
        of = rows if name not in _EVENT_COLUMNS or name == "uid" else events
        columns[name] = [getattr(one, name) for one in of]
    return pa.table(columns, schema=SCHEMA).sort_by(ORDER)


def read_rows(table: pa.Table) -> Iterable[Row]:
    """The rows of a table that has all columns, in its order."""
    columns = completed(table).select(SCHEMA.names).to_pydict()
    shared = [columns[name] for name in ("uid", "seq", "index", "kind", "at_ms", "appended_at_us")]
    shared += [columns["front_received_at_us"], columns["body"]]
    of_event = [columns[name] for name in _EVENT_COLUMNS]
    for whole, values in zip(zip(*shared, strict=True), zip(*of_event, strict=True), strict=True):
        uid, seq, index, kind, at_ms, appended_at_us, front_received_at_us, body = whole
        yield Row(
            uid=uid,
            seq=seq,
            index=index,
            kind=kind,
            at_ms=at_ms,
            appended_at_us=appended_at_us,
            front_received_at_us=front_received_at_us,
            event=Event(**dict(zip(_EVENT_COLUMNS, values, strict=True))) if kind == EVENT else None,
            body=body,
        )


def change_of(row: Row) -> Entry:
    """The domain's entry of a row that is a whole entry."""
    return entry_of(row.seq, row.at_ms, row.appended_at_us, row.body)
