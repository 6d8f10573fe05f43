"""Lets shards look at customers who were known before a campaign that watches customers was put.

What they see follows from the log alone: entries name the customers, a few hundred each and so seldom that traffic
hardly notices.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from typing import Any

from sendwhen.errors import Fenced
from services.trigger.host_limits import HostLimits
from services.trigger.hosted_partition import HostedPartition
from services.trigger.ports import ShardRequest
from services.trigger.review_port import ReviewCustomers, Reviewed


class Reviews:
    """The reviews of one host's partitions."""

    def __init__(self, limits: HostLimits, owner: str, held: Callable[[], Mapping[int, HostedPartition]]) -> None:
        self._limits = limits
        self._owner = owner
        self._held = held
        self._done: dict[int, str] = {}
        self._named: dict[int, int] = {}
        self._next_us = 0
        self._last = -1

    def forget(self) -> None:
        """The store was lost: it knows how far it is."""
        self._done.clear()

    def standing(self) -> Mapping[int, int]:
        """Partitions that are not through, with the customers named since this process began."""
        return {partition.number: self._named.get(partition.number, 0) for partition in self._pending()}

    def block_ms(self, block_ms: int) -> int:
        """How long one may wait for entries."""
        return min(block_ms, self._limits.review_every_ms) if self._pending() else block_ms

    def next(self, now_us: int) -> Generator[ShardRequest, Any, None]:
        """Name the next customers of one partition, where it is time to."""
        if now_us < self._next_us:
            return
        # One partition after the other, and one at least that has customers.
        for partition in sorted(self._pending(), key=lambda one: (one.number <= self._last, one.number)):
            mark = partition.shard.watch_mark
            answer: Reviewed | None = yield ReviewCustomers(
                partition=partition.number,
                epoch=partition.epoch,
                owner=self._owner,
                mark=mark,
                customers_max=self._limits.review_customers,
            )
            if answer is None:
                raise Fenced(f"Another owner has taken partition {partition.number} over.")
            if answer.done:
                self._done[partition.number] = mark
            if answer.customers:
                self._last = partition.number
                self._named[partition.number] = self._named.get(partition.number, 0) + answer.customers
                self._next_us = now_us + self._limits.review_every_ms * 1_000
                return

    def _pending(self) -> list[HostedPartition]:
        return [
            partition
            for partition in self._held().values()
            if partition.shard.watch_mark not in ("", self._done.get(partition.number))
        ]
