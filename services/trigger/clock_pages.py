"""Moving a partition's clock: the deadlines ahead are asked of the store, and many that are due fire page by page.

Each page is committed before the next is asked for, so memory stays bounded however far the clock jumps; the committed
clock stands at the last instant fired, so whoever resumes goes on from there in the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from typing import Any

from sendwhen.domain.entry import Entry
from services.trigger.host_limits import HostLimits
from services.trigger.hosted_partition import Arrived, HostedPartition
from services.trigger.ports import Due, DueAnswer, ShardRequest
from services.trigger.recalling import recall

Steps = Generator[ShardRequest, Any, None]


class ClockPages:
    """The part of the host that deals with deadlines."""

    def __init__(
        self,
        limits: HostLimits,
        *,
        commit: Callable[[Iterable[HostedPartition]], Steps],
        load: Callable[[Mapping[int, Sequence[str]]], Steps],
        holds: Callable[[HostedPartition], bool],
    ) -> None:
        self._limits = limits
        self._commit = commit
        self._load = load
        self._holds = holds

    def know(self, to_ms: Mapping[HostedPartition, int], *, ahead: bool) -> Steps:
        """Make deadlines up to these instants known and, with ``ahead``, those of the horizon behind them.

        One request, so a partition with very many may know less afterwards; see ``jumps``. Nothing may be uncommitted.
        """
        wanted: dict[int, int] = {}
        for partition, target_ms in to_ms.items():
            known_ms = partition.shard.known_to_ms
            near = known_ms < target_ms + self._limits.horizon_ms // 2 and not partition.page_full
            if known_ms < target_ms or (ahead and near):
                wanted[partition.number] = target_ms + self._limits.horizon_ms
        if not wanted:
            return
        answers: Mapping[int, DueAnswer] = yield Due(up_to_ms=wanted, customers_max=self._limits.wakes)
        for partition in to_ms:
            if partition.number in wanted:
                answer = answers[partition.number]
                partition.shard.expect(answer.customers, answer.complete_to_ms)
                partition.page_full = answer.complete_to_ms < wanted[partition.number]

    def jumps(self, partition: HostedPartition, to_ms: int) -> bool:
        """Whether the clock's way to ``to_ms`` may have more timers on it than one commit should hold."""
        shard = partition.shard
        if shard.known_to_ms < to_ms:
            return True
        due_ms = shard.next_due_ms()
        return due_ms is not None and due_ms <= to_ms and to_ms - shard.clock_ms > self._limits.jump_ms

    def apply(self, partition: HostedPartition, entries: Sequence[tuple[Arrived, Entry]]) -> Steps:
        """Apply entries one by one, firing what is due before each in pages. Ends early if the partition is lost."""
        shard = partition.shard
        for arrived, entry in entries:
            yield from self._advance(partition, arrived, entry)
            if not self._holds(partition):
                return
            last_ms = shard.instants(entry)[-1]
            yield from self._know_all(partition, last_ms)
            uids = dict.fromkeys((*shard.due_absent(last_ms), *shard.absent(entry)))
            yield from self._load({partition.number: tuple(uids)})
            yield from recall([(partition, [(arrived, entry)])])
            partition.apply(arrived, entry)
            yield from self._commit([partition])
            if not self._holds(partition):
                return

    def _advance(self, partition: HostedPartition, arrived: Arrived, entry: Entry) -> Steps:
        shard = partition.shard
        first_ms = shard.instants(entry)[0]
        while True:
            if shard.known_to_ms < first_ms:
                yield from self._ask(partition, first_ms, self._limits.page_customers)
            reach_ms = min(first_ms, shard.known_to_ms)
            yield from self._load({partition.number: shard.due_absent(reach_ms)})
            partition.expecting(arrived)
            fired, finished = self._fire(partition, reach_ms, entry)
            if finished and reach_ms >= first_ms:
                return
            if fired:
                yield from self._commit([partition])
                if not self._holds(partition):
                    return

    def _fire(self, partition: HostedPartition, reach_ms: int, entry: Entry) -> tuple[int, bool]:
        """Advance from deadline to deadline; how many instants, and whether ``reach_ms`` was reached."""
        shard = partition.shard
        for instants in range(self._limits.page_customers):
            due_ms = shard.next_due_before_ms(entry)
            if due_ms is None or due_ms > reach_ms:
                shard.advance(reach_ms, entry=entry)
                return instants, True
            shard.advance(due_ms, entry=entry)
        return self._limits.page_customers, False

    def _know_all(self, partition: HostedPartition, to_ms: int) -> Steps:
        # Only events on their own time move the clock within an entry: what is due in between must be known before.
        customers_max = self._limits.page_customers
        while partition.shard.known_to_ms < to_ms:
            yield from self._ask(partition, to_ms, customers_max)
            customers_max *= 2

    def _ask(self, partition: HostedPartition, to_ms: int, customers_max: int) -> Steps:
        while True:
            answers: Mapping[int, DueAnswer] = yield Due(
                up_to_ms={partition.number: to_ms}, customers_max=customers_max
            )
            answer = answers[partition.number]
            known_ms = partition.shard.known_to_ms
            partition.shard.expect(answer.customers, answer.complete_to_ms)
            partition.page_full = answer.complete_to_ms < to_ms
            if answer.complete_to_ms > known_ms:
                return
            # All of them were known already and have not been committed since: look past them.
            customers_max *= 2
