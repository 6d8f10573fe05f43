"""A shard's connections to the in-memory store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, TypeVar

from sendwhen.chassis.clock import Clock
from sendwhen.v1 import log_pb2
from sendwhen.wire.entry import review_entry
from services.trigger.delivery import entries_of
from services.trigger.ports import (
    AppendTick,
    Claim,
    Claimed,
    Commit,
    DeleteOutbox,
    Deliver,
    Due,
    DueAnswer,
    Load,
    LoadPast,
    MarkTrying,
    OutboxRow,
    PartitionCommit,
    Read,
    ReadAnswer,
    ReadOutbox,
    Refusal,
    StoreLost,
    Why,
)
from services.trigger.review_port import ReviewCustomers, Reviewed

if TYPE_CHECKING:
    from tests.fakes.memory_store import MemoryStore

T = TypeVar("T")
TICK = log_pb2.LogEntry(tick=log_pb2.TickEntry()).SerializeToString()


class MemoryShards:
    """ShardStore of one owner. ``read`` never waits: with nothing there it answers with nothing."""

    def __init__(self, store: MemoryStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._claimed: set[int] = set()
        self._broken_seen = store.connections_broken
        self._lose_request = False
        self._lose_reply = False
        self._begun: Mapping[int, Refusal | None] = {}

    @property
    def begun(self) -> Mapping[int, Refusal | None]:
        """What became of the commit that was begun last."""
        return self._begun

    # --- faults ---

    def lose_next_request(self) -> None:
        """The next request is not carried out, and raises StoreLost."""
        self._lose_request = True

    def lose_next_reply(self) -> None:
        """The next request is carried out, and raises StoreLost all the same."""
        self._lose_reply = True

    # --- ShardStore ---

    def claim(self, request: Claim) -> Mapping[int, Claimed | Refusal]:
        """See the port. Connects anew where the connection was lost."""
        self._broken_seen = self._store.connections_broken

        def act() -> Mapping[int, Claimed | Refusal]:
            answers: dict[int, Claimed | Refusal] = {}
            for number in request.partitions:
                lineage = self._store.nonce().hex()
                answers[number] = self._store.partitions[number].claim(
                    owner=request.owner, generation=request.generation, lineage=lineage
                )
                if isinstance(answers[number], Claimed):
                    self._claimed.add(number)
            return answers

        return self._carry_out(act)

    def read(self, request: Read) -> ReadAnswer:
        """See the port."""

        def act() -> ReadAnswer:
            found = {
                number: entries
                for number, after in request.after.items()
                if (entries := self._store.partitions[number].read(after, request.entries_max))
            }
            now_us = self._clock.now_us()
            now_ms = 0 if self._store.events_clock else self._store.log_time(now_us // 1_000)
            return ReadAnswer(entries=found, now_ms=now_ms, now_us=now_us)

        return self._carry_out(act, request.after)

    def load(self, request: Load) -> Mapping[int, tuple[tuple[bytes | None, bytes], ...]]:
        """See the port."""

        def act() -> Mapping[int, tuple[tuple[bytes | None, bytes], ...]]:
            parts = self._store.partitions
            return {
                number: tuple((parts[number].records.get(uid), parts[number].seen.get(uid, b"")) for uid in uids)
                for number, uids in request.uids.items()
            }

        return self._carry_out(act, request.uids)

    def load_past(self, request: LoadPast) -> Mapping[int, tuple[tuple[bytes | None, ...], ...]]:
        """See the port."""

        def act() -> Mapping[int, tuple[tuple[bytes | None, ...], ...]]:
            return {
                number: tuple(self._store.partitions[number].past_of(uid) for uid in uids)
                for number, uids in request.uids.items()
            }

        return self._carry_out(act, request.uids)

    def due(self, request: Due) -> Mapping[int, DueAnswer]:
        """See the port."""
        return self._carry_out(
            lambda: {
                number: self._store.partitions[number].due_up_to(up_to_ms, request.customers_max)
                for number, up_to_ms in request.up_to_ms.items()
            },
            request.up_to_ms,
        )

    def commit(self, request: Commit) -> Mapping[int, Refusal | None]:
        """See the port."""
        answers = self._carry_out(
            lambda: {round_.partition: self._commit(round_) for round_ in request.rounds},
            [round_.partition for round_ in request.rounds],
        )
        if not request.begun:
            return answers
        self._begun = answers
        return {}

    def await_commit(self) -> Mapping[int, Refusal | None]:
        """See the port."""
        return self._carry_out(lambda: self._begun, self._begun)

    def _commit(self, round_: PartitionCommit) -> Refusal | None:
        partition = self._store.partitions[round_.partition]
        given_ms = partition.ts if self._store.events_clock else self._clock.now_ms()
        return partition.commit(
            round_,
            skip_at_ms=self._store.log_time(given_ms),
            store_us=self._store.clock.now_us(),
            nonces=[self._store.nonce() for letter in round_.changes.dead_letters if letter.logged],
        )

    def append_tick(self, request: AppendTick) -> bool | Refusal:
        """See the port. On the events' own time a tick leaves the time as it is."""

        def act() -> bool | Refusal:
            partition = self._store.partitions[request.partition]
            if partition.fenced(request.epoch, request.owner):
                return Refusal(why=Why.FENCED)
            if partition.seq != request.after_seq:
                return Refusal(why=Why.MOVED)
            given_ms = partition.ts if self._store.events_clock else self._clock.now_ms()
            partition.append(
                at_ms=self._store.log_time(given_ms),
                store_us=self._store.clock.now_us(),
                events=0,
                nonce=self._store.nonce(),
                body=TICK,
                lag_max=0,
            )
            return True

        return self._carry_out(act, [request.partition])

    def mark_trying(self, request: MarkTrying) -> int | Refusal:
        """See the port."""
        return self._carry_out(
            lambda: self._store.partitions[request.partition].mark_trying(request.epoch, request.owner, request.seq),
            [request.partition],
        )

    def review(self, request: ReviewCustomers) -> Reviewed | None:
        """See the port. On the events' own time the time stays as it is."""

        def act() -> Reviewed | None:
            partition = self._store.partitions[request.partition]
            if partition.fenced(request.epoch, request.owner):
                return None
            named, done = partition.review(request.mark, request.customers_max)
            if named:
                given_ms = partition.ts if self._store.events_clock else self._clock.now_ms()
                partition.append(
                    at_ms=self._store.log_time(given_ms),
                    store_us=self._store.clock.now_us(),
                    events=0,
                    nonce=self._store.nonce(),
                    body=review_entry(named),
                    lag_max=0,
                )
            return Reviewed(customers=len(named), done=done)

        return self._carry_out(act, [request.partition])

    def read_outbox(self, request: ReadOutbox) -> tuple[OutboxRow, ...]:
        """See the port."""

        def act() -> tuple[OutboxRow, ...]:
            outbox = self._store.partitions[request.partition].outbox
            return tuple(row for ordinal, row in outbox.items() if ordinal > request.after_ordinal)[: request.rows_max]

        return self._carry_out(act)

    def deliver(self, request: Deliver) -> None:
        """See the port. On the events' own time the log's time stays."""

        def act() -> None:
            for number, body in entries_of(request).items():
                self._store.partitions[number].append(
                    at_ms=0 if self._store.events_clock else self._store.log_time(self._clock.now_ms()),
                    store_us=self._store.clock.now_us(),
                    events=0,
                    nonce=self._store.nonce(),
                    body=body,
                    lag_max=0,
                )

        self._carry_out(act)

    def delete_outbox(self, request: DeleteOutbox) -> None:
        """See the port."""
        self._carry_out(
            lambda: self._store.partitions[request.partition].delete_outbox(
                request.up_to_ordinal, request.lineage, request.letter
            )
        )

    # --- what each request goes through ---

    def _carry_out(self, act: Callable[[], T], claimed: Iterable[int] = ()) -> T:
        if self._broken_seen != self._store.connections_broken:
            self._broken_seen = self._store.connections_broken
            self._lost()
        if not self._claimed.issuperset(claimed):
            self._lost()
        if self._store.is_down or self._lose_request:
            self._lose_request = False
            self._lost()
        answer = act()
        if self._lose_reply:
            self._lose_reply = False
            self._lost()
        return answer

    def _lost(self) -> None:
        self._claimed.clear()
        raise StoreLost("The connection to the store broke.", remedy="Claim anew.")
