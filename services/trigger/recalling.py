"""Brings back customers' older events for the entries that need them: where identities are joined, and nowhere else."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from typing import Any

from sendwhen.domain.entry import Entry
from services.trigger.hosted_partition import Arrived, HostedPartition
from services.trigger.ports import LoadPast, ShardRequest

Work = tuple[HostedPartition, Sequence[tuple[Arrived, Entry]]]


def recall(work: Iterable[Work]) -> Generator[ShardRequest, Any, None]:
    """Before these entries are applied, with no commit in between."""
    wanted: dict[HostedPartition, tuple[str, ...]] = {}
    for partition, entries in work:
        uids = dict.fromkeys(uid for _, entry in entries for uid in partition.shard.past_wanted(entry))
        if uids:
            wanted[partition] = tuple(uids)
    if not wanted:
        return
    answers: Mapping[int, Sequence[Sequence[bytes | None]]] = yield LoadPast(
        uids={partition.number: uids for partition, uids in wanted.items()}
    )
    for partition, some in wanted.items():
        for uid, chunks in zip(some, answers[partition.number], strict=True):
            partition.shard.recall(uid, chunks)


def last_instant(partition: HostedPartition, entries: Sequence[tuple[Arrived, Entry]]) -> int:
    """The instant to which these entries move the partition's clock."""
    return max(partition.shard.instants(entry)[-1] for _, entry in entries)
