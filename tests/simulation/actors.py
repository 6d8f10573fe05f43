"""Who acts in a run: clients, owners of partitions with their relay, workers of sender. Each step is one request.

A step may be carried out and its answer lost, or the actor may be gone between any two steps: the world decides.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from sendwhen.errors import Fenced
from sendwhen.v1.email_pb2 import SendIntent
from sendwhen.v1.event_pb2 import Event
from sendwhen.v1.sender_service_pb2 import ForgetCustomer
from sendwhen.wire.entry import event_entry
from services.sender.dispatch import TakenIn
from services.sender.ledger_port import BeginAttempt, ClaimDue, ClaimDueAnswer, LedgerLost, NewEmail, Settle, Submit
from services.sender.ports import Call, GetProfile, GetTemplate, Report, TemplateText
from services.sender.ports import Pause as SenderPause
from services.trigger.host_limits import HostLimits, RelayLimits
from services.trigger.hosted_partition import HostPorts
from services.trigger.log_port import Append, Appended
from services.trigger.outbox_relay import OutboxRelay
from services.trigger.ports import (
    TO_SENDER_FORGET,
    AppendTick,
    AwaitCommit,
    Claim,
    Claimed,
    Commit,
    DeleteOutbox,
    Deliver,
    MarkTrying,
    OutboxRow,
    PartitionCommit,
    Pause,
    Push,
    Read,
    ReadOutbox,
    Refusal,
    Release,
    SenderLost,
    StoreLost,
    Why,
)
from services.trigger.refused_row import letter_of
from services.trigger.shard_host import ShardHost
from services.trigger.store_requests import carry_out
from tests.simulation.history import Committed, Violated
from tests.simulation.production import decode, encoded, finished, new_shard, payload
from tests.simulation.script import PARTITIONS, partition_of, uid_of

if TYPE_CHECKING:
    from tests.simulation.world import World

HOST_LIMITS = HostLimits(
    round_events=40, round_partition_events=16, read_entries=8, page_customers=3, wakes=4, jump_ms=40_000
)
WRITES = (Claim, Commit, AppendTick, MarkTrying)


class Client:
    """Sends batches until each was acknowledged, with the same ids, and remembers every acknowledgement."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.waiting: deque[list[tuple[str, Event]]] = deque()
        self.blocked = False

    def step(self) -> None:
        """Append the first waiting batch; an append whose answer is lost stays waiting."""
        world = self._world
        batch = self.waiting[0]
        grouped: dict[int, list[tuple[str, Event]]] = {}
        for key, event in batch:
            grouped.setdefault(partition_of(key), []).append((key, event))
        appends = [
            Append(
                partition=partition,
                body=event_entry([event.SerializeToString() for _, event in events], world.now_ms * 1_000),
                events=len(events),
                at_ms=world.now_ms
                + world.rng.choice((0, 0, -5_000, 9_000_000)),  # this front's clock is wrong at times
            )
            for partition, events in grouped.items()
        ]
        lost = world.fault("append reply lost")
        try:
            answers = finished(world.store.append(appends))
        except StoreLost:
            return
        world.log_grew()
        world.history.appended_events += len(batch)
        assert all(isinstance(answer, Appended) for answer in answers)
        if lost:
            return
        ids = [(event.event_id, partition_of(key)) for key, event in batch]
        self.blocked = True
        world.answer_write(lambda: self._acknowledged(ids), self._refused)

    def _acknowledged(self, ids: list[tuple[str, int]]) -> None:
        self.blocked = False
        self._world.history.acknowledged.update(ids)
        self.waiting.popleft()

    def _refused(self) -> None:
        self.blocked = False


class Owner:
    """A process that owns the partitions of a shard: its host and its relay, one request a step."""

    def __init__(self, world: World, shard: int, number: int) -> None:
        self.shard = shard
        self.name = f"shard-{shard}/{number}"
        self.alive, self.blocked, self.idle, self.paused = True, False, False, 0
        self.has_read_tail = self._unsynced = self._settles = False
        self._world = world
        self._store = world.store.connect()
        self._released: dict[int, tuple[OutboxRow, ...]] = {}
        ports = HostPorts(decode=decode, encode=encoded, payload=payload, now_us=lambda: world.now_ms * 1_000)
        host = ShardHost(
            partitions=[p for p in range(PARTITIONS) if p % 2 == shard],
            owner=self.name,
            generation=1,
            new_shard=new_shard,
            ports=ports,
            limits=HOST_LIMITS,
        )
        relay = OutboxRelay(
            monotonic_ms=lambda: world.now_ms, letter=letter_of, limits=RelayLimits(push_rows=3, memory_rows=8)
        )
        self._host = world.mutant.host(host.run())
        self._relay = relay.run()
        self._host_request: Any = next(self._host)
        self._relay_request: Any = next(self._relay)
        self._relay_wake_ms = 0
        self._relay_blocked = False
        self._host_turn = True

    def step(self) -> None:
        """One request of the host or of the relay."""
        self._host_turn = not self._host_turn
        if self._relay_is_busy() and (self.blocked or not self._host_turn):
            self._relay_step()
        elif not self.blocked:
            self._host_step()

    @property
    def is_about_to_tick(self) -> bool:
        """The host's next request is a tick."""
        return isinstance(self._host_request, AppendTick)

    @property
    def is_about_to_commit(self) -> bool:
        """The host's next request is a commit."""
        return isinstance(self._host_request, Commit)

    @property
    def is_reading(self) -> bool:
        """The host has applied and committed what it has read."""
        return isinstance(self._host_request, Read)

    @property
    def is_replaced(self) -> bool:
        """Another owner has claimed the partition that the host is about to write to."""
        return bool(self._stale(self._host_request))

    def tick_now(self) -> None:
        """Carry out the tick that is the next request."""
        self._host_step()

    def busy(self) -> bool:
        """Something is to be done now."""
        return (not self.idle and not self.blocked) or self._relay_is_busy()

    def _relay_is_busy(self) -> bool:
        if self._relay_blocked:
            return False
        if isinstance(self._relay_request, ReadOutbox) and self._world.hold is not None:
            return False  # a store that has not synced yet answers nobody
        due = bool(self._released) or self._world.now_ms >= self._relay_wake_ms
        return due or not isinstance(self._relay_request, Pause)

    def _relay_goes_on(self, request: Any) -> None:
        self._relay_request = request
        if isinstance(request, Pause):
            self._relay_wake_ms = self._world.now_ms + max(1, request.at_most_ms)

    # --- host ---

    def _host_step(self) -> None:
        request, world = self._host_request, self._world
        if isinstance(request, Release):
            self._release(request.rows)
            self._to_host(None)
            return
        if isinstance(request, AwaitCommit) and self._unsynced:
            self.blocked = self._settles = True
            return
        lost_reply = world.fault("store reply lost")
        if not lost_reply and world.fault("store request lost"):
            self._store.lose_next_request()
        stale = self._stale(request)
        try:
            answer = carry_out(self._store, request)
        except StoreLost as lost:
            self.has_read_tail = False
            self._throw_to_host(lost)
            return
        begun = isinstance(request, Commit) and request.begun
        self._note(request, self._store.begun if begun else answer, stale=stale)
        if lost_reply:
            self.has_read_tail = False
            self._throw_to_host(StoreLost("The answer was lost."))
            return
        if isinstance(request, Read):
            self.idle = not answer.entries
            self.has_read_tail = world.is_beyond_hold(answer.entries)
        elif isinstance(request, Commit):
            self.has_read_tail = False
        if begun:
            self._begin()
        elif isinstance(request, WRITES):
            self.blocked = True
            world.answer_write(lambda: self._unblock(answer), lambda: self._throw_to_host(StoreLost("rolled back")))
        else:
            self._to_host(answer)

    def _stale(self, request: Any) -> set[int]:
        """Partitions that somebody else owns by now."""
        partitions = self._world.store.partitions
        writes = request.rounds if isinstance(request, Commit) else [request] if isinstance(request, AppendTick) else ()
        return {
            write.partition
            for write in writes
            if (partitions[write.partition].epoch, partitions[write.partition].owner) != (write.epoch, write.owner)
        }

    def _note(self, request: Any, answer: Any, *, stale: set[int]) -> None:
        history = self._world.history
        if isinstance(request, Commit):
            for made in request.rounds:
                self._note_commit(made, answer[made.partition], stale=made.partition in stale)
        elif isinstance(request, AppendTick):
            history.faults["stale tick"] += len(stale)
            if answer is True and stale:
                raise Violated("A tick of one who was not the owner is in the log.")
            self._world.log_grew()
        elif isinstance(request, Claim) and any(isinstance(a, Claimed) for a in answer.values()):
            self._world.log_grew()

    def _note_commit(self, made: PartitionCommit, refusal: Refusal | None, *, stale: bool) -> None:
        history = self._world.history
        if refusal is not None:
            history.fenced += refusal.why is Why.FENCED
            history.lost += refusal.why is Why.LOST
            return
        if stale:
            raise Violated("A commit of one who was not the owner was taken.")
        commit = Committed(
            from_position=made.from_position, position=made.to_position, customers=made.changes.customers
        )
        history.committed(made.partition, commit)
        history.rows.update((made.partition, row.lineage, row.ordinal) for row in made.outbox)
        self._world.log_grew()

    def _begin(self) -> None:
        """The host goes on while its commit waits to be synced."""
        self._unsynced = True
        self._world.answer_write(self._synced, lambda: self._throw_to_host(StoreLost("rolled back")))
        self._world.history.faults["commit begun"] += 1
        self._to_host({})

    def _synced(self) -> None:
        self._unsynced = False
        if self._settles:
            self.blocked = self._settles = False

    def _unblock(self, answer: Any) -> None:
        self.blocked = False
        self._to_host(answer)

    def _to_host(self, answer: Any) -> None:
        try:
            self._host_request = self._host.send(answer)
        except Fenced:
            self.alive = False

    def _throw_to_host(self, lost: StoreLost) -> None:
        self.blocked = self.idle = self._unsynced = self._settles = False
        try:
            self._host_request = self._host.throw(lost)
        except Fenced:
            self.alive = False

    def _release(self, rows: Mapping[int, tuple[OutboxRow, ...]]) -> None:
        for partition, released in rows.items():
            # No rows say that the outbox is to be read from its start; what was released before it is in there.
            earlier = self._released.get(partition, ())
            self._released[partition] = (*earlier, *released) if released and partition not in self._rereads() else ()

    def _rereads(self) -> set[int]:
        return {partition for partition, rows in self._released.items() if not rows}

    # --- relay ---

    def _relay_step(self) -> None:
        request, world = self._relay_request, self._world
        try:
            match request:
                case Pause():
                    answer: Any = self._released
                    self._released = {}
                case ReadOutbox():
                    answer = self._store.read_outbox(request)
                case DeleteOutbox():
                    answer = self._store.delete_outbox(request)
                case Push():
                    answer = world.push(request)
                case Deliver():
                    self._deliver(request)
                    return
                case _:
                    raise AssertionError(f"the relay asked for {request!r}")
        except (StoreLost, SenderLost) as lost:
            self._relay_goes_on(self._relay.throw(lost))
            return
        self._relay_goes_on(self._relay.send(answer))

    def _deliver(self, request: Deliver) -> None:
        world = self._world
        world.check_rows(request.source, request.rows, "a partition")
        lost = world.fault("delivery reply lost")
        self._store.deliver(request)
        world.log_grew()
        if lost:
            raise StoreLost("The answer was lost.")
        self._relay_blocked = True
        world.answer_write(lambda: self._delivered(None), lambda: self._delivered(StoreLost("rolled back")))

    def _delivered(self, lost: StoreLost | None) -> None:
        self._relay_blocked = False
        self._relay_goes_on(self._relay.send(None) if lost is None else self._relay.throw(lost))


class Worker:
    """A worker of sender: takes decisions in, claims what is due and works on it, one request a step."""

    def __init__(self, world: World, number: int) -> None:
        self.name = f"worker-{number}"
        self.alive, self.idle = True, False
        self._world = world
        self._submissions = 0
        self._handed: deque[Any] = deque()
        self._round: Any = None
        self._request: Any = None

    def take_in(self, emails: list[NewEmail], *, attempts_max: int) -> None:
        """Make decisions durable; attempts that begin with it are carried out later, unless this process ends before.

        The others are left for workers to race for. Raises LedgerLost.
        """
        self._submissions += 1
        steps = self._world.mutant.dispatch(
            self._world.dispatch.take_in(
                emails,
                worker=f"{self.name}/{self._submissions}",
                claim_max=attempts_max,
                attempts_max=attempts_max,
            )
        )
        request = next(steps)
        try:
            while True:
                request = self._carried_out(steps, request)
        except StopIteration as done:
            taken_in: TakenIn = done.value
        self._handed += taken_in.attempts
        self._handed += [self._world.dispatch.emails(claimed) for claimed in taken_in.answer.claimed]

    def step(self) -> None:
        """One request."""
        if self._round is None:
            dispatch = self._world.dispatch
            steps = self._handed.popleft() if self._handed else dispatch.round(self.name, emails_max=3)
            self._round = self._world.mutant.dispatch(steps)
            self._request = next(self._round)
        try:
            self._request = self._carried_out(self._round, self._request)
        except StopIteration as done:
            self._round = None
            self.idle = not done.value and not self._handed
        except LedgerLost:
            self._round = None  # what was claimed is claimed again after its lease

    def _carried_out(self, steps: Any, request: Any) -> Any:
        world = self._world
        if isinstance(request, (Submit, ClaimDue, BeginAttempt, Settle)):
            lost = world.fault("ledger reply lost")
            answer: Any = finished(world.ledger_answer(request))
            if lost:
                return steps.throw(LedgerLost("The ledger's answer was lost."))
            if isinstance(answer, ClaimDueAnswer):
                self.idle = False
            return steps.send(answer)
        match request:
            case GetTemplate():
                return steps.send(TemplateText(subject="s", text="t", html=""))
            case GetProfile():
                return steps.send({"consent": True})
            case SenderPause() | Report():
                return steps.send(None)
            case Call():
                return steps.send(world.provider.call(request.message.send_id, request.message.attempt))
        raise AssertionError(f"dispatch asked for {request!r}")


def decisions(request: Push) -> list[NewEmail]:
    """Rows as sender's servicer takes them in."""
    emails = []
    for row in request.rows:
        if row.target == TO_SENDER_FORGET:
            continue
        intent = SendIntent.FromString(row.intent)
        emails.append(
            NewEmail(
                partition=request.partition,
                ordinal=row.ordinal,
                lineage=row.lineage,
                address_hash=uid_of(intent.to_address),
                intent=intent,
            )
        )
    return emails


def deletions(request: Push) -> tuple[tuple[str, int], ...]:
    """(uid, life) of the customers who were deleted, as sender's servicer takes them in."""
    rows = [ForgetCustomer.FromString(row.intent) for row in request.rows if row.target == TO_SENDER_FORGET]
    return tuple((row.customer_uid, row.customer_born_seq) for row in rows)


def replaced(request: Commit, **changes: Any) -> Commit:
    """A commit with other values in its rounds; for mutants."""
    return Commit(rounds=tuple(msgspec.structs.replace(made, **changes) for made in request.rounds))
