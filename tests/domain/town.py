"""Several partitions that hand customers over to each other, driven by a test: who is applied when is its choice.

Every entry goes through a new shard where ``restored``, from what the commit before kept, as after any crash.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from sendwhen.domain.changes import Changes
from sendwhen.domain.entry import Delivered, Entry, EventBatch, Tick, Transfers
from sendwhen.domain.event import Event
from sendwhen.domain.partition import customer_uid, routing_hash, routing_key
from sendwhen.domain.record import read_record
from sendwhen.domain.shard import Shard
from sendwhen.domain.transfer import Adopt, Delete, Transfer, read_transfer, write_transfer
from tests.domain.keeping import Kept

FOR_EVER_MS = 2**60


@dataclass(slots=True)
class Quarter:
    """One partition: what is kept of it, its shard, and its outbox."""

    number: int
    shard: Shard
    kept: Kept = field(default_factory=Kept)
    outbox: deque[tuple[int, int, Transfer]] = field(default_factory=deque)
    ordinal: int = 0
    seq: int = 0


class Town:
    """All partitions.

    Attributes:
        changes: Every commit, with its partition, in order.
        repeat: Deliver every row twice.
    """

    def __init__(
        self,
        make_shard: Callable[[int, int], Shard],
        *,
        partitions: int = 3,
        restored: bool = False,
        repeat: bool = False,
    ) -> None:
        """``make_shard(partition, partitions)``."""
        self._make, self._restored, self.repeat = make_shard, restored, repeat
        self.partitions = partitions
        self.quarters = [Quarter(number, make_shard(number, partitions)) for number in range(partitions)]
        self.changes: list[tuple[int, Changes]] = []
        self.at_ms = 0
        for quarter in self.quarters:
            self._begin(quarter)

    # --- what happens ---

    def everywhere(self, make: Callable[[int], Entry]) -> None:
        """An entry for every partition, made from its sequence there."""
        for quarter in self.quarters:
            self.apply(quarter.number, make(quarter.seq + 1))

    def happens(self, event: Event, at_ms: int) -> None:
        """An event is logged where it belongs, and applied."""
        key = routing_key(user_id=event.user_id, anonymous_id=event.anonymous_id, email=event.email)
        number = routing_hash(key) % self.partitions
        self.apply(number, EventBatch(seq=self.quarters[number].seq + 1, at_ms=at_ms, events=(event,)))

    def tick(self, at_ms: int) -> None:
        """Time passes everywhere."""
        self.everywhere(lambda seq: Tick(seq=seq, at_ms=at_ms))

    def merge(self, other_key: str, key: str, at_ms: int, *, both_known: bool = False) -> None:
        """An operator joins two."""
        self._transfer(key, Adopt(customer_uid(key), key, other_key, both_known), at_ms)

    def delete(self, key: str, at_ms: int) -> None:
        """An operator deletes one."""
        self._transfer(key, Delete(customer_uid(key)), at_ms)

    # --- the way of transfers ---

    def settle(self, at_ms: int | None = None, *, rng: Random | None = None) -> None:
        """Deliver until nothing is on its way; in a random order of partitions where ``rng`` is given."""
        for _ in range(1_000):
            waiting = [quarter for quarter in self.quarters if quarter.outbox]
            if not waiting:
                return
            self.deliver((rng.choice(waiting) if rng else waiting[0]).number, at_ms)
        raise AssertionError("transfers go round for ever")

    def deliver(self, source: int, at_ms: int | None = None) -> None:
        """Deliver the first row of a partition's outbox."""
        target, ordinal, transfer = self.quarters[source].outbox.popleft()
        again = read_transfer(write_transfer(transfer))
        assert again == transfer
        item = Delivered(transfer=transfer, source=source, lineage="l", ordinal=ordinal)
        for _ in range(2 if self.repeat else 1):
            seq = self.quarters[target].seq + 1
            self.apply(target, Transfers(seq=seq, at_ms=self.at_ms if at_ms is None else at_ms, items=(item,)))

    def _transfer(self, key: str, transfer: Transfer, at_ms: int) -> None:
        number = routing_hash(key) % self.partitions
        entry = Transfers(seq=self.quarters[number].seq + 1, at_ms=at_ms, items=(Delivered(transfer=transfer),))
        self.apply(number, entry)

    # --- one entry ---

    def apply(self, number: int, entry: Entry) -> None:
        """Apply an entry and commit."""
        quarter = self.quarters[number]
        if self._restored:
            quarter.shard = self._make(number, self.partitions)
            self._begin(quarter)
        shard, kept = quarter.shard, quarter.kept
        for uid in (*shard.absent(entry), *shard.due_absent(shard.instants(entry)[-1])):
            shard.admit(uid, kept.records.get(uid), kept.seen.get(uid, b""))
        for uid in shard.past_wanted(entry):
            shard.recall(uid, kept.past_of(uid))
        shard.apply(entry)
        quarter.seq = entry.seq
        self.at_ms = max(self.at_ms, entry.at_ms)
        changes = shard.collect()
        shard.evict()
        kept.commit(changes)
        for target, transfer in changes.transfers:
            quarter.ordinal += 1
            quarter.outbox.append((target, quarter.ordinal, transfer))
        self.changes.append((number, changes))

    def _begin(self, quarter: Quarter) -> None:
        kept = quarter.kept
        quarter.shard.restore(
            position=kept.position,
            clock_ms=kept.clock_ms,
            campaigns=tuple(kept.campaigns.values()),
            received=tuple(kept.received.values()),
        )
        quarter.shard.expect(tuple((due, uid) for uid, due in kept.due.items()), FOR_EVER_MS)

    # --- what came of it ---

    def customer(self, key: str):
        """The record of a routing key's own customer, tombstone or not."""
        return self._known(routing_hash(key) % self.partitions, customer_uid(key))

    def _known(self, number: int, uid: str):
        kept = self.quarters[number].kept
        return read_record(kept.record(uid)) if uid in kept.records else None

    def survivor(self, key: str):
        """The customer that a routing key leads to."""
        found = self.customer(key)
        for _ in range(20):
            if found is None or found.into is None:
                return found
            found = self._known(found.into.partition, found.into.uid)
        raise AssertionError("tombstones lead in a circle")

    def records(self) -> Sequence[tuple[int, str, bytes]]:
        """All records."""
        return [(q.number, uid, record) for q in self.quarters for uid, record in sorted(q.kept.records.items())]
