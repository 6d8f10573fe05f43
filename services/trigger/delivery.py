"""Rows of outboxes as the store holds them, and the entries that other partitions' logs get of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sendwhen.wire.entry import transfer_entry
from services.trigger.ports import TO_SENDER, Deliver, OutboxRow


def entries_of(request: Deliver) -> Mapping[int, bytes]:
    """Bodies of entries by target, rows in their order."""
    rows: dict[int, list[tuple[int, str, int, bytes]]] = {}
    for row in request.rows:
        rows.setdefault(row.target, []).append((request.source, row.lineage, row.ordinal, row.intent))
    return {target: transfer_entry(some) for target, some in rows.items()}


def outbox_row(row_id: bytes, fields: Sequence[bytes]) -> OutboxRow:
    """A row of the outbox's stream."""
    # Rows of former releases have no target; all of theirs were sender's.
    target = int(fields[5]) if len(fields) > 5 else TO_SENDER
    return OutboxRow(
        ordinal=int(row_id.partition(b"-")[0]), lineage=fields[1].decode(), intent=fields[3], target=target
    )
