"""The commits of a shard host: at once, or begun and settled later, so that the next round is applied meanwhile.

There is never more than one commit under way, and a round is made only when the one before it is known to be stored:
positions and ordinals follow each other. What was applied meanwhile is forgotten with its partition where the store
refuses the round before.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from typing import Any

from sendwhen.domain.changes import Changes
from services.trigger.hosted_partition import HostedPartition
from services.trigger.ports import AwaitCommit, Commit, PartitionCommit, Refusal, Release, ShardRequest

Steps = Generator[ShardRequest, Any, None]


class HostCommits:
    """Carries rounds into the store, and says what became of them.

    Attributes:
        done: Commits answered so far.
    """

    def __init__(
        self,
        owner: str,
        *,
        holds: Callable[[HostedPartition], bool],
        committed: Callable[[int, Changes], None],
        refused: Callable[[int, Refusal], None],
    ) -> None:
        self._owner = owner
        self._holds = holds
        self._committed = committed
        self._refused = refused
        self._begun: Mapping[HostedPartition, PartitionCommit] = {}
        self.done = 0

    def commit(self, partitions: Iterable[HostedPartition]) -> Steps:
        """Commit all that these have applied."""
        yield from self.settle()
        if rounds := self._rounds(partitions):
            yield from self._answered(rounds, (yield Commit(rounds=tuple(rounds.values()))))

    def begin(self, partitions: Iterable[HostedPartition]) -> Steps:
        """Begin to commit all that these have applied; ``settle`` must come before the next."""
        if rounds := self._rounds(partitions):
            yield Commit(rounds=tuple(rounds.values()), begun=True)
            self._begun = rounds

    def settle(self) -> Steps:
        """Wait for the commit under way, if there is one."""
        if self._begun:
            answers: Mapping[int, Refusal | None] = yield AwaitCommit()
            begun, self._begun = self._begun, {}
            yield from self._answered(begun, answers)

    def forget(self) -> None:
        """The store was lost: whether the commit under way was done, the stored position tells."""
        self._begun = {}

    def _rounds(self, partitions: Iterable[HostedPartition]) -> dict[HostedPartition, PartitionCommit]:
        return {one: one.round(self._owner) for one in partitions if self._holds(one)}

    def _answered(
        self, rounds: Mapping[HostedPartition, PartitionCommit], answers: Mapping[int, Refusal | None]
    ) -> Steps:
        self.done += 1
        stored = {one: made for one, made in rounds.items() if answers[one.number] is None and self._holds(one)}
        # First of all: emails wait for it.
        if rows := {partition.number: made.outbox for partition, made in stored.items() if made.outbox}:
            yield Release(rows=rows)
        for partition, made in stored.items():
            partition.committed(made)
            self._committed(partition.number, made.changes)
        for partition in rounds:
            refusal = answers[partition.number]
            if refusal is not None and self._holds(partition):
                self._refused(partition.number, refusal)
