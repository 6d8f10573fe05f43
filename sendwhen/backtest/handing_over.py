"""Lets the identities of customers hand over to each other within one shard, as partitions do through their logs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sendwhen.domain.changes import Changes
from sendwhen.domain.entry import Delivered, Transfers
from sendwhen.domain.past import PAST_SLOTS
from sendwhen.domain.shard import Shard

TURNS_MAX: Final = 1_000
"""Handing over ends after a few turns; more would be a circle, which production cuts as well."""
_LINEAGE: Final = "backtest"


class Handing:
    """For one replay.

    Attributes:
        parts: What was collected on the way.
    """

    def __init__(self, shard: Shard) -> None:
        self._shard = shard
        self.parts: list[Changes] = []
        self._past: dict[tuple[str, int], bytes] = {}
        self._ordinal = 0

    def settle(self, seq: int, at_ms: int) -> int:
        """Deliver what is on its way until nothing is; the sequence reached."""
        shard = self._shard
        for _ in range(TURNS_MAX):
            changes = shard.collect()
            self._keep(changes)
            if not changes.transfers:
                break
            items = []
            for _partition, transfer in changes.transfers:
                self._ordinal += 1
                items.append(Delivered(transfer=transfer, source=0, lineage=_LINEAGE, ordinal=self._ordinal))
            seq += 1
            entry = Transfers(seq=seq, at_ms=at_ms, items=tuple(items))
            for uid in shard.absent(entry):
                shard.admit(uid, None, b"")
            for uid in shard.past_wanted(entry):
                shard.recall(uid, [self._past.get((uid, slot)) for slot in range(PAST_SLOTS)])
            shard.apply(entry)
        return seq

    def _keep(self, changes: Changes) -> None:
        kept: Mapping[tuple[str, int], bytes] = {
            (one.uid, slot): chunk for one in changes.customers for slot, chunk in one.past
        }
        self._past.update(kept)
        if changes.decisions or changes.sends or changes.dead_letters:
            self.parts.append(changes)
