"""The shard host: owns many partitions, and yields what it needs of the store instead of doing it.

    claim → restore → ┌─ read (wait for entries, at most until the next deadline)
                      │  deadlines of the next ten minutes
                      │  a tick where a timer is due and nothing moves the clock
                      └─ rounds: load absent customers → apply → commit → release

Behind a backlog the next round is read and applied while the store commits the one before: then two rounds are
uncommitted, and a loss forgets both. Nothing leaves before the commit that holds it is durable. Whoever drives this
generator may stop between any two requests for ever: what was committed is what a next owner starts from.
``StoreLost``, thrown in at any request, means that nothing in memory is trusted any more; the stored position then
tells whether a commit whose answer was lost had been done.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, NoReturn

from sendwhen.domain.changes import Changes
from sendwhen.domain.shard import Shard
from sendwhen.errors import Fenced
from services.trigger.clock_pages import ClockPages
from services.trigger.host_commits import HostCommits
from services.trigger.host_limits import HostLimits
from services.trigger.host_status import HostStatus
from services.trigger.hosted_partition import HostedPartition, HostPorts
from services.trigger.log_gaps import LogGaps
from services.trigger.ports import (
    AppendTick,
    Claim,
    Claimed,
    Load,
    MarkTrying,
    Read,
    ReadAnswer,
    Refusal,
    Release,
    ShardRequest,
    StoreLost,
    Why,
)
from services.trigger.recalling import Work, last_instant, recall
from services.trigger.reviews import Reviews

Steps = Generator[ShardRequest, Any, None]
TICK_EVERY_MS = 5


class ShardHost:
    """One owner of partitions.

    Args of the constructor:
        owner: Unique to this process's life.
        generation: Of the assignment that says these partitions are ours.
        new_shard: An empty shard of a partition.
        committed: Told of each partition's changes after their commit, for metrics and logs.
        missing: Told of a partition that stands still because its log misses entries behind a sequence.
    """

    def __init__(
        self,
        *,
        partitions: Sequence[int],
        owner: str,
        generation: int,
        new_shard: Callable[[int], Shard],
        ports: HostPorts,
        event_clock: bool = False,
        limits: HostLimits | None = None,
        committed: Callable[[int, Changes], None] = lambda _partition, _changes: None,
        missing: Callable[[int, int], None] = lambda _partition, _behind: None,
    ) -> None:
        self._partitions = tuple(partitions)
        self._owner, self._generation = owner, generation
        self._new_shard, self._ports = new_shard, ports
        self._event_clock = event_clock
        self._limits = limits or HostLimits()
        self._commits = HostCommits(owner, holds=self._holds, committed=committed, refused=self._refused)
        self._pages = ClockPages(self._limits, commit=self._commits.commit, load=self._load, holds=self._holds)
        self._held: dict[int, HostedPartition] = {}
        self._gaps = LogGaps(missing)
        self._reviews = Reviews(self._limits, owner, lambda: self._held)
        self._now_ms = self._now_us = self._turn_start = 0
        self._entry_events = 10.0
        self._busy = 1
        self._is_behind = False
        self._applied = self._claims = 0

    def run(self) -> Generator[ShardRequest, Any, NoReturn]:
        """The requests, for ever.

        Raises:
            Fenced: Another owner has taken a partition over. The process must end and never claim back.
        """
        while True:
            try:
                yield from self._claim_missing()
                yield from self._turn()
            except StoreLost:
                self._held.clear()
                self._reviews.forget()
                self._commits.forget()
                self._now_ms = 0

    def status(self) -> HostStatus:
        """For control calls of another thread."""
        return HostStatus(
            owner=self._owner,
            generation=self._generation,
            positions={number: held.position for number, held in tuple(self._held.items())},
            applied=self._applied,
            commits=self._commits.done,
            claims=self._claims,
            standing_still=self._gaps.standing_still(),
            reviewing=self._reviews.standing(),
        )

    def _claim_missing(self) -> Steps:
        absent = (number for number in self._partitions if number not in self._held)
        missing = tuple(number for number in absent if self._gaps.may_be_claimed(number, self._now_us))
        if not missing:
            return
        answers: Mapping[int, Claimed | Refusal] = yield Claim(
            partitions=missing, owner=self._owner, generation=self._generation
        )
        for number in missing:
            answer = answers[number]
            if isinstance(answer, Refusal):
                raise Fenced(f"Partition {number} belongs to another owner: the store said {answer.why.value}.")
            self._held[number] = HostedPartition(
                number, self._new_shard(number), answer, self._ports, cautious_entries=self._limits.cautious_entries
            )
            self._claims += 1
        # Without rows: what an owner before us left in the outbox is to be sent again.
        yield Release(rows=dict.fromkeys(missing, ()))

    def _turn(self) -> Steps:
        yield from self._read(self._block_ms())
        if not self._event_clock:
            yield from self._pages.know(dict.fromkeys(self._held.values(), self._now_ms), ahead=True)
            yield from self._tick()
        yield from self._reviews.next(self._now_us)
        while work := self._next_work():
            yield from self._round(work)
        yield from self._commits.settle()

    def _read(self, block_ms: int) -> Steps:
        answer: ReadAnswer = yield Read(
            after={number: held.read_to for number, held in self._held.items()},
            entries_max=self._entries_max(),
            block_ms=block_ms,
        )
        self._take(answer)
        read = sum(len(entries) for entries in answer.entries.values())
        self._is_behind = read * self._entry_events >= self._limits.round_events / 2

    def _entries_max(self) -> int:
        wanted = self._limits.round_events / self._entry_events / self._busy
        return max(1, min(self._limits.read_entries, int(wanted) + 1))

    def _block_ms(self) -> int:
        if not self._now_ms and not self._event_clock:
            return 0
        block_ms = self._reviews.block_ms(self._limits.block_ms)
        if self._event_clock:
            return block_ms
        now_ms = max(self._now_ms, self._ports.now_us() // 1_000)
        dues = (held.shard.next_due_ms() for held in self._held.values())
        waits = [due_ms - now_ms for due_ms in dues if due_ms is not None]
        return max(0, min([block_ms, *waits]))

    def _take(self, answer: ReadAnswer) -> None:
        self._now_ms, self._now_us = answer.now_ms, answer.now_us
        self._busy = max(1, len(answer.entries))
        for number, held in tuple(self._held.items()):
            entries = answer.entries.get(number, ())
            follows = held.take(entries, answer.now_us) if entries else not held.tick_refused
            if not follows:
                del self._held[number]
            if entries and follows:
                self._gaps.whole(number)
            elif entries:
                self._gaps.found(number, held.read_to, answer.now_us)

    def _tick(self) -> Steps:
        for held in tuple(self._held.values()):
            idle = not held.waiting and self._now_ms >= held.next_tick_ms
            if not idle or not held.shard.wants_tick(self._now_ms):
                continue
            held.next_tick_ms = self._now_ms + TICK_EVERY_MS
            answer: bool | Refusal = yield AppendTick(
                partition=held.number, epoch=held.epoch, owner=self._owner, after_seq=held.read_to
            )
            if isinstance(answer, Refusal):
                if answer.why is Why.MOVED:
                    held.tick_refused = True
                else:
                    self._refused(held.number, answer)

    def _next_work(self) -> Sequence[Work]:
        if not self._waits_more():
            return ()
        held = list(self._held.values())
        self._turn_start += 1
        start = self._turn_start % len(held) if held else 0
        left, work = self._limits.round_events, list[Work]()
        for partition in (*held[start:], *held[:start]):
            if left <= 0:
                break
            if partition.waiting and partition.cautious:
                work.append((partition, ()))
            elif partition.waiting:
                entries, events = partition.next_entries(min(left, self._limits.round_partition_events))
                work.append((partition, entries))
                left -= events
                self._applied += events
                self._entry_events += (events / len(entries) - self._entry_events) / 8
        return work

    def _round(self, work: Sequence[Work]) -> Steps:
        for partition, entries in work:
            if not entries:
                yield from self._try_one(partition)
        last_ms = {partition: last_instant(partition, entries) for partition, entries in work if entries}
        yield from self._pages.know(last_ms, ahead=True)
        straight = [(p, entries) for p, entries in work if entries and not self._pages.jumps(p, last_ms[p])]
        uids: dict[int, Sequence[str]] = {}
        for partition, entries in straight:
            shard = partition.shard
            wanted = dict.fromkeys(shard.due_absent(last_ms[partition]))
            for _, entry in entries:
                wanted.update(dict.fromkeys(shard.absent(entry)))
            uids[partition.number] = tuple(wanted)
        yield from self._load(uids)
        yield from recall(straight)
        for partition, entries in straight:
            for arrived, entry in entries:
                partition.apply(arrived, entry)
        yield from self._commit([partition for partition, _ in straight])
        done = {partition for partition, _ in straight}
        for partition, entries in work:
            if partition not in done and self._holds(partition):
                yield from self._pages.apply(partition, entries)

    def _try_one(self, partition: HostedPartition) -> Steps:
        """Apply one entry alone, noted before, because an owner died here."""
        arrived = partition.waiting.popleft()
        seq = arrived.raw.seq
        answer: int | Refusal = yield MarkTrying(
            partition=partition.number, epoch=partition.epoch, owner=self._owner, seq=seq
        )
        if isinstance(answer, Refusal):
            self._refused(partition.number, answer)
            return
        partition.cautious -= 1
        tried = answer > self._limits.tries
        entry = partition.quarantined(arrived, self._limits.tries) if tried else partition.decoded(arrived)
        yield from self._pages.apply(partition, [(arrived, entry)])

    def _load(self, uids: Mapping[int, Sequence[str]]) -> Steps:
        wanted = [(number, uid) for number, some in uids.items() for uid in some]
        for start in range(0, len(wanted), self._limits.load_customers):
            chunk: dict[int, list[str]] = {}
            for number, uid in wanted[start : start + self._limits.load_customers]:
                chunk.setdefault(number, []).append(uid)
            answer: Mapping[int, Sequence[tuple[bytes | None, bytes]]] = yield Load(
                uids={number: tuple(some) for number, some in chunk.items()}
            )
            for number, some in chunk.items():
                admit = self._held[number].shard.admit
                for uid, (record, seen_ids) in zip(some, answer[number], strict=True):
                    admit(uid, record, seen_ids)

    def _commit(self, partitions: Sequence[HostedPartition]) -> Steps:
        """Commit; with more to do, only begin to: the store commits while the next round is applied."""
        yield from self._commits.settle()
        if self._is_behind and not self._waits_more():
            # Before the commit is begun: the store answers what comes behind it when it has synced.
            yield from self._read(0)
        yield from self._commits.begin(partitions) if self._waits_more() else self._commits.commit(partitions)

    def _waits_more(self) -> bool:
        return any(held.waiting for held in self._held.values())

    def _refused(self, number: int, refusal: Refusal) -> None:
        if refusal.why is Why.FENCED:
            raise Fenced(f"Another owner has taken partition {number} over.")
        del self._held[number]

    def _holds(self, partition: HostedPartition) -> bool:
        return self._held.get(partition.number) is partition
