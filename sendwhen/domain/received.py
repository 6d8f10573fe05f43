"""How far the outboxes of other partitions were received: what comes again is recognised, however late.

An outbox's ordinals go on within a lineage and may be used again under another one, after its store lost its tail. The
latest lineages of each source are kept.
"""

from __future__ import annotations

from collections.abc import Iterable

from sendwhen.domain.changes import ReceivedRow
from sendwhen.domain.entry import Delivered


class Received:
    """High-water marks by source and lineage."""

    def __init__(self, rows: Iterable[ReceivedRow], *, lineages_max: int) -> None:
        self._rows = {(row.source, row.lineage): row for row in rows}
        self._lineages_max = lineages_max
        self._changed: dict[tuple[int, str], ReceivedRow] = {}

    def take(self, item: Delivered, seq: int) -> bool:
        """Note that an item came in an entry. False: it had come before."""
        if item.source < 0:
            return True
        place = item.source, item.lineage
        known = self._rows.get(place)
        if known is not None and item.ordinal <= known.ordinal:
            return False
        self._note(ReceivedRow(source=item.source, lineage=item.lineage, ordinal=item.ordinal, heard_seq=seq))
        if known is None:
            self._forget_oldest(item.source)
        return True

    def drain(self) -> tuple[ReceivedRow, ...]:
        """Rows that changed since the last time; ordinal 0: forget it."""
        changed, self._changed = self._changed, {}
        return tuple(changed.values())

    def _note(self, row: ReceivedRow) -> None:
        self._rows[row.source, row.lineage] = self._changed[row.source, row.lineage] = row

    def _forget_oldest(self, source: int) -> None:
        kept = sorted((row.heard_seq, row.lineage) for row in self._rows.values() if row.source == source)
        for _, lineage in kept[: -self._lineages_max]:
            gone = self._rows.pop((source, lineage))
            self._changed[source, lineage] = ReceivedRow(
                source=source, lineage=lineage, ordinal=0, heard_seq=gone.heard_seq
            )
