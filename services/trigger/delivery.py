"""Transfers on their way: the entries that other partitions' logs get of the rows of one's outbox."""

from __future__ import annotations

from collections.abc import Mapping

from sendwhen.wire.entry import transfer_entry
from services.trigger.ports import Deliver


def entries_of(request: Deliver) -> Mapping[int, bytes]:
    """Bodies of entries by target, rows in their order."""
    rows: dict[int, list[tuple[int, str, int, bytes]]] = {}
    for row in request.rows:
        rows.setdefault(row.target, []).append((request.source, row.lineage, row.ordinal, row.intent))
    return {target: transfer_entry(some) for target, some in rows.items()}
