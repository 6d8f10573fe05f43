"""Committed records and change streams in memory, for profile, with a gate to stop a read halfway."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from sendwhen.errors import Unavailable
from services.profile.ports import Change, Changes, ChangesLost, Head, Records


class MemoryProfileStore(Records, Changes):
    """Several partitions. ``commit`` writes as a shard does.

    Attributes:
        loads: What was asked for, one entry for each round trip.
        away: The store cannot be reached.
        gate: When set, a load takes its snapshot, then waits for this event before it answers.
        changes_gate: When set, changes are held back until this event.
    """

    def __init__(self, *, partitions: int) -> None:
        self.heads = {partition: Head(changes=0, position=0, position_ms=0) for partition in range(partitions)}
        self.loads: list[Mapping[int, Sequence[str]]] = []
        self.away = False
        self.gate: asyncio.Event | None = None
        self.changes_gate: asyncio.Event | None = None
        self._records: dict[int, dict[str, bytes]] = {partition: {} for partition in range(partitions)}
        self._changes: dict[int, list[Change]] = {partition: [] for partition in range(partitions)}
        self._connected = False
        self._written = asyncio.Event()

    async def commit(
        self, partition: int, records: Mapping[str, bytes], *, position: int, change_lost: bool = False
    ) -> None:
        """Write records; ``change_lost``: the change is trimmed away before anyone reads it."""
        self._records[partition].update(records)
        number = self.heads[partition].changes + 1
        self.heads[partition] = Head(changes=number, position=position, position_ms=position * 1_000)
        if not change_lost:
            self._changes[partition].append(
                Change(partition=partition, number=number, position=position, uids=tuple(records))
            )
        self._wake()

    async def roll_back(self, partition: int) -> None:
        """The partition is as it was at the very start; connections stay."""
        self._records[partition] = {}
        self._changes[partition] = []
        self.heads[partition] = Head(changes=0, position=0, position_ms=0)

    async def break_connections(self) -> None:
        self._connected = False
        self._wake()

    async def load(self, uids: Mapping[int, Sequence[str]]) -> Mapping[int, Sequence[bytes | None]]:
        if self.away:
            raise Unavailable("The store does not answer.")
        self.loads.append(uids)
        snapshot = {
            partition: [self._records[partition].get(uid) for uid in wanted] for partition, wanted in uids.items()
        }
        if self.gate is not None:
            await self.gate.wait()
        return snapshot

    async def head(self, partition: int) -> Head:
        if self.away:
            raise Unavailable("The store does not answer.")
        return self.heads[partition]

    async def connect(self) -> Mapping[int, Head]:
        if self.away:
            raise ChangesLost("The store does not answer.")
        self._connected = True
        return dict(self.heads)

    async def read(self, after: Mapping[int, int]) -> Sequence[Change]:
        written = self._written
        found = self._behind(after)
        if not found and self._connected:
            await written.wait()
            if self.changes_gate is not None:
                await self.changes_gate.wait()
            found = self._behind(after)
        if not self._connected:
            raise ChangesLost("The connection is gone.")
        return found

    async def close(self) -> None:
        self._connected = False

    def _behind(self, after: Mapping[int, int]) -> list[Change]:
        return [
            change
            for partition, number in after.items()
            for change in self._changes[partition]
            if change.number > number
        ]

    def _wake(self) -> None:
        self._written.set()
        self._written = asyncio.Event()
