"""The store in memory: passes the same contract as Valkey, and breaks on demand.

``MemoryStore`` is the server and the front's ``Log``; ``connect()`` gives a shard's ``ShardStore``, one for each owner,
as real connections are. Its async methods never wait.

Faults:
    * ``snapshot()`` / ``restore()``: a lost tail is an earlier snapshot restored (every partition, or some); append
      after it and the tail is lost *and* refilled. ``restore`` breaks all connections unless told not to.
    * ``break_connections()``: the next request of every shard raises StoreLost, until it claims anew.
    * ``is_down = True``: every request raises StoreLost.
    * ``MemoryShards.lose_next_request()`` and ``.lose_next_reply()``: once; not carried out, or carried out unseen.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from sendwhen.chassis.clock import Clock
from sendwhen.domain.changes import CampaignRow, DeadLetter
from services.trigger.archive_ports import Standing
from services.trigger.log_port import Append, Appended, Lagging, PartitionHead
from services.trigger.ports import RawEntry, StoreLost
from tests.fakes.memory_partition import MemoryPartition
from tests.fakes.memory_shards import MemoryShards

T = TypeVar("T")
Snapshot = Mapping[int, MemoryPartition]
HOUR_MS = 3_600_000


class MemoryStore:
    """The server, and the log as the front uses it.

    Attributes:
        is_down: Every request raises StoreLost while True.
        connections_broken: How often connections broke.
    """

    def __init__(
        self,
        *,
        partitions: int,
        clock: Clock,
        events_clock: bool = False,
        lag_max_events: int = 1_000_000,
        trim_keep_bytes: int = 256 * 1024 * 1024,
        seed: int = 0,
    ) -> None:
        self.partitions = {number: MemoryPartition(number) for number in range(partitions)}
        self.clock = clock
        self.events_clock = events_clock
        self.is_down = False
        self.connections_broken = 0
        self._lag_max_events = lag_max_events
        self._trim_keep_bytes = trim_keep_bytes
        self._random = random.Random(seed)

    def connect(self, *, clock: Clock | None = None) -> MemoryShards:
        """A shard's connections. ``clock`` is the shard's own, else the store's."""
        return MemoryShards(self, clock or self.clock)

    # --- faults ---

    def snapshot(self) -> Snapshot:
        """Everything, as it is now."""
        return {number: partition.copied() for number, partition in self.partitions.items()}

    def restore(self, snapshot: Snapshot, *, only: Iterable[int] | None = None, quietly: bool = False) -> None:
        """Go back to a snapshot, in some partitions or all. ``quietly``: connections survive, as behind a proxy."""
        for number in snapshot if only is None else only:
            self.partitions[number] = snapshot[number].copied()
        if not quietly:
            self.break_connections()

    def break_connections(self) -> None:
        """As a restart does."""
        self.connections_broken += 1

    # --- for MemoryShards ---

    def log_time(self, given_ms: int) -> int:
        """A time bounded by the store's clock, but in an installation on the events' own time."""
        return given_ms if self.events_clock else min(given_ms, self.clock.now_ms())

    def nonce(self) -> bytes:
        """Eight random bytes."""
        return self._random.randbytes(8)

    def check_up(self) -> None:
        """Raises StoreLost while the store is down."""
        if self.is_down:
            raise StoreLost("The store does not answer.", remedy="Wait for it.")

    # --- Log ---

    async def append(self, appends: Sequence[Append]) -> Sequence[Appended | Lagging]:
        """See the port."""
        self.check_up()
        if len({append.partition for append in appends}) != len(appends):
            raise ValueError("appends must be to distinct partitions")
        return [self._append(append) for append in appends]

    def _append(self, append: Append) -> Appended | Lagging:
        partition = self.partitions[append.partition]
        lagging = partition.append(
            at_ms=self.log_time(append.at_ms),
            store_us=self.clock.now_us(),
            events=append.events,
            nonce=self.nonce(),
            body=append.body,
            lag_max=self._lag_max_events,
        )
        return lagging or Appended(partition=append.partition, seq=partition.seq, at_ms=partition.ts)

    async def heads(self, partitions: Sequence[int]) -> Sequence[PartitionHead]:
        """See the port."""
        return self._read(lambda: [self.partitions[number].head() for number in partitions])

    async def campaigns(self, partition: int) -> Sequence[CampaignRow]:
        """See the port."""
        return self._read(lambda: list(self.partitions[partition].campaigns.values()))

    async def record(self, partition: int, uid: str) -> bytes | None:
        """See the port."""
        return self._read(lambda: self.partitions[partition].record(uid))

    async def dead_letters(self, partition: int, limit: int) -> Sequence[DeadLetter]:
        """See the port."""
        return self._read(lambda: self.partitions[partition].dead_letters[::-1][:limit])

    async def trim(self, partition: int, archived: int | None = None) -> int:
        """See the port."""
        keep_bytes = self._trim_keep_bytes // len(self.partitions)
        now_ms = 0 if self.events_clock else self.clock.now_ms()
        return self._read(
            lambda: self.partitions[partition].trim(
                keep_ms=HOUR_MS, keep_bytes=keep_bytes, now_ms=now_ms, archived=archived
            )
        )

    async def standing(self, partition: int, after: int) -> Standing:
        """See the port LogTail."""
        return self._read(lambda: self.partitions[partition].standing(after))

    async def entries(self, partition: int, after: int, up_to: int, limit: int) -> Sequence[RawEntry]:
        """See the port LogTail."""
        return self._read(
            lambda: [entry for entry in self.partitions[partition].read(after, limit) if entry.seq <= up_to]
        )

    def _read(self, look: Callable[[], T]) -> T:
        self.check_up()
        return look()
