"""What the store's contract suite needs of an implementation, and a small language to write its tests in."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar, cast

from sendwhen.domain.changes import CampaignRow, Changes, Counters, CustomerChange, DeadLetter, ReceivedRow
from services.trigger.archive_ports import LogTail
from services.trigger.log_port import Append, Appended, Lagging, Log
from services.trigger.ports import (
    Claim,
    Claimed,
    Commit,
    OutboxRow,
    PartitionCommit,
    RawEntry,
    Read,
    Refusal,
)
from services.trigger.store_port import ShardStore
from services.trigger.waiting_port import WaitingRecords

T = TypeVar("T")
ChangeTuple = tuple[int, int, str, int, tuple[str, ...]]


class World(ABC):
    """One store with three partitions (0, 1, 2), freshly empty."""

    log: Log
    waiting: WaitingRecords

    @abstractmethod
    def connect(self) -> ShardStore:
        """Connections of one owner; its clock is the store's."""

    @abstractmethod
    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run to its end."""

    @abstractmethod
    def now_ms(self) -> int:
        """The store's clock."""

    @abstractmethod
    def break_connections(self) -> None:
        """Break every connection; nothing stored is lost."""

    @abstractmethod
    def change_rows(self, partition: int) -> list[ChangeTuple]:
        """The change stream: number, epoch, owner, position, uids."""

    # --- the front ---

    def tail(self) -> LogTail:
        """The log as the archivist reads it."""
        return cast("LogTail", self.log)

    def append(
        self, partition: int = 0, *, events: int = 1, body: bytes = b"x", at_ms: int | None = None
    ) -> Appended | Lagging:
        given = Append(partition=partition, body=body, events=events, at_ms=self.now_ms() if at_ms is None else at_ms)
        (answer,) = self.run(self.log.append([given]))
        return answer

    def fill(self, count: int, partition: int = 0, **more: Any) -> None:
        for _ in range(count):
            assert isinstance(self.append(partition, **more), Appended)


class Owner:
    """An owner of partition 0 with its memory, as little as a test needs."""

    def __init__(self, world: World, name: str = "shard-a", *, generation: int = 1, partition: int = 0) -> None:
        self.world = world
        self.name = name
        self.generation = generation
        self.partition = partition
        self.store = world.connect()
        self.claimed = self.claim()

    def claim(self) -> Claimed:
        answer = self.try_claim()
        assert isinstance(answer, Claimed)
        self.claimed = answer
        self.position = answer.position
        self.ordinal = answer.next_ordinal
        return answer

    def try_claim(self) -> Claimed | Refusal:
        asked = Claim(partitions=(self.partition,), owner=self.name, generation=self.generation)
        return self.store.claim(asked)[self.partition]

    def read(self, *, after: int | None = None, entries_max: int = 100, block_ms: int = 0) -> tuple[RawEntry, ...]:
        start = self.position if after is None else after
        answer = self.store.read(Read(after={self.partition: start}, entries_max=entries_max, block_ms=block_ms))
        return answer.entries.get(self.partition, ())

    def round(
        self, to: int, *, nonce: bytes | None = None, sends: Sequence[bytes] = (), **changes: Any
    ) -> PartitionCommit:
        """A round up to entry ``to``, made ready."""
        if nonce is None:
            nonce = self.read(after=to - 1, entries_max=1)[0].nonce if to else b""
        first = self.ordinal
        return PartitionCommit(
            partition=self.partition,
            epoch=self.claimed.epoch,
            owner=self.name,
            from_position=self.position,
            to_position=to,
            to_nonce=nonce,
            changes=changed(position=to, **changes),
            outbox=tuple(
                OutboxRow(ordinal=first + n, lineage=self.claimed.lineage, intent=intent)
                for n, intent in enumerate(sends)
            ),
        )

    def commit(self, to: int, **more: Any) -> Refusal | None:
        """Commit up to entry ``to`` and remember it."""
        return self.commit_round(self.round(to, **more))

    def commit_round(self, round_: PartitionCommit) -> Refusal | None:
        refusal = self.store.commit(Commit(rounds=(round_,)))[self.partition]
        if refusal is None:
            self.position = round_.to_position
            self.ordinal += len(round_.outbox)
        return refusal


def changed(
    *,
    position: int,
    clock_ms: int = 1_000,
    customers: Sequence[CustomerChange] = (),
    dead_letters: Sequence[DeadLetter] = (),
    campaigns: Sequence[CampaignRow] = (),
    counters: Counters | None = None,
    received: Sequence[ReceivedRow] = (),
) -> Changes:
    return Changes(
        position=position,
        clock_ms=clock_ms,
        customers=tuple(customers),
        sends=(),
        decisions=(),
        dead_letters=tuple(dead_letters),
        campaigns=tuple(campaigns),
        counters=counters or Counters(),
        received=tuple(received),
    )


def customer(uid: str, record: bytes | None = b"r", **more: Any) -> CustomerChange:
    return CustomerChange(uid=uid, record=record, **more)


def dead_letter(seq: int, index: int, *, logged: bool = False, reason: str = "failed") -> DeadLetter:
    return DeadLetter(
        seq=seq,
        index=index,
        event_id=f"e{seq}",
        reason=reason,
        detail="it raised",
        at_ms=5,
        logged=logged,
        payload=b"p",
    )


def campaign_row(campaign_id: str, version: str, source: bytes = b"yaml", *, current: bool = True) -> CampaignRow:
    return CampaignRow(
        campaign_id=campaign_id, version=version, source=source, current=current, paused=False, put_at_ms=7
    )
