"""The scheduler: one seed decides who acts next, when time moves, and what breaks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

from sendwhen.domain.transfer import Transfer, write_transfer
from sendwhen.wire.entry import campaign_put_entry, transfer_entry
from services.sender.dispatch import Dispatch, Rules
from services.sender.ledger import State
from services.sender.ledger_port import BeginAttempt, ClaimDue, Forget, LedgerLost, Settle, Submit
from services.sender.ports import Rendered
from services.sender.retry import Backoff
from services.trigger.log_port import Append
from services.trigger.ports import OutboxRow, Push, RawEntry, SenderLost
from tests.fakes.fixed_clock import FixedClock
from tests.fakes.memory_ledger import MemoryLedger
from tests.fakes.memory_store import MemoryStore, Snapshot
from tests.simulation.actors import Client, Owner, Worker, decisions, deletions
from tests.simulation.faults import ANYWHERE, Plan
from tests.simulation.history import History, Violated
from tests.simulation.mutants import NONE, Mutant
from tests.simulation.production import finished
from tests.simulation.provider import SimulatedProvider
from tests.simulation.script import PARTITIONS, Script, campaign_versions, other_payload, partition_of, step_of_time_ms

SHARDS = 2
OPEN = (State.PENDING, State.CLAIMED, State.ATTEMPTED, State.RETRY_AT, State.IN_DOUBT)
HOLDS = ("lost tail", "replaced tail", "slow sync")
QUIET_ROUNDS_MAX = 300
HOLD_STEPS = 40
WISHES = 0.12
"""Of batches, before which an operator joins or deletes customers."""
PAUSE_WITHIN_STEPS = 80
STALLED = 1 << 30
PAUSES = (2, 4, 6, 10, 30, 200, 600)
RULES = Rules(claim_lease_ms=5_000, attempt_lease_ms=8_000, evidence_wait_ms=10_000)


class NeverQuiet(AssertionError):
    """The faults stopped, and the run did not come to rest: something is stuck."""


class Hold:
    """The store has carried out writes that are not synced yet, so it answers none of them; then it does or it dies."""

    def __init__(self, snapshot: Snapshot, mark: Mapping[int, int], *, kind: str, steps: int) -> None:
        self.snapshot, self.mark, self.kind, self.steps = snapshot, mark, kind, steps
        self.waiting: list[tuple[Callable[[], None], Callable[[], None]]] = []


class _Renderer:
    """Says the same to everybody."""

    def check(self, template_hash: str, template: Any) -> None:
        """Everything parses."""

    def render(self, template_hash: str, template: Any, context: Mapping[str, object]) -> Rendered:
        """One text."""
        return Rendered(subject="s", text="t", html="")


class World:
    """One run."""

    def __init__(self, seed: int, *, events: int = 300, mutant: Mutant = NONE) -> None:
        self.seed, self.mutant = seed, mutant
        self.rng = Random(seed)
        self.clock = FixedClock()
        self.store = MemoryStore(partitions=PARTITIONS, clock=self.clock, seed=seed)
        self.ledger = MemoryLedger()
        self.provider = SimulatedProvider(self)
        self.history = History()
        self.hold: Hold | None = None
        self._coming_hold = ""
        self._pause_within = 0
        self._stalled: Owner | None = None
        backoff = Backoff(first_ms=500, longest_ms=4_000)
        self.dispatch = Dispatch(
            rules=RULES, backoff=backoff, renderer=_Renderer(), provider_name="sim", clock=self.clock
        )
        self._script = Script(self.rng, events=events)
        self._plan = Plan(self.rng, batches=events // 2)
        self._armed: Counter[str] = Counter()
        self._batches = 0
        self._numbers = 0
        self._clients = [Client(self), Client(self)]
        self._sent: list[list[tuple[str, Any]]] = []
        self._put_campaigns()
        self._owners = [self._new_owner(shard) for shard in range(SHARDS)]
        self._workers = [self._new_worker(), self._new_worker()]

    @property
    def now_ms(self) -> int:
        """Virtual time."""
        return self.clock.now_ms()

    # --- the run ---

    def run(self) -> None:
        """Everything that happens, faults first and rest at the end."""
        with self.mutant.patched():
            while not self._script.done or any(client.waiting for client in self._clients):
                self._step()
            self._come_to_rest()

    def _step(self) -> None:
        if self._script.done and self.hold is None:
            self._armed.clear()
        self._hold_goes_on()
        if self._pause_within:
            self._pause_someone()
        self._stall_before_tick()
        rng = self.rng
        due_ms = self._next_due_ms() if self._stalled or self._armed["stale tick"] else None
        if due_ms is not None and self.hold is None:
            self._act(wait_ms=max(1, due_ms - self.now_ms))  # no traffic may move the clock instead of a tick
        elif rng.random() < 0.25:
            self._client_step(rng.choice(self._clients))
        elif rng.random() < 0.03:
            self.clock.advance(rng.choice((1, 10, 100)))
            self._wake_all()
        else:
            self._act()

    def _client_step(self, client: Client) -> None:
        if client.blocked:
            return
        if not client.waiting and not self._script.done:
            self._next_batch(client)
        if client.waiting:
            client.step()

    def _next_batch(self, client: Client) -> None:
        self._batches += 1
        self._armed.update(self._plan.due(self._batches))
        self._break_anywhere()
        self.clock.advance(step_of_time_ms(self.rng))
        self._wake_all()
        if self._sent and self.fault("duplicate"):
            client.waiting.append(self.rng.choice(self._sent))
        elif self._sent and self.fault("other payload"):
            client.waiting.append(other_payload(self.rng.choice(self._sent)))
        else:
            if self.rng.random() < WISHES:
                self._wish(*self._script.next_wish())
            batch = self._script.next_batch(self.now_ms)
            self._sent.append(batch)
            client.waiting.append(batch)

    def _wish(self, key: str, transfer: Transfer) -> None:
        """An operator asks, and does not ask again when the answer is lost."""
        body = transfer_entry([(-1, "", 0, write_transfer(transfer))])
        finished(self.store.append([Append(partition=partition_of(key), body=body, events=0, at_ms=self.now_ms)]))
        self.log_grew()

    def _next_due_ms(self) -> int | None:
        return min(
            [at_ms for partition in self.store.partitions.values() for at_ms in partition.due.values()], default=None
        )

    def _act(self, *, wait_ms: int = 1) -> None:
        for owner in self._owners:
            owner.paused -= owner.paused > 0
        self._owners = [owner for owner in self._owners if owner.alive]
        for shard in range(SHARDS):
            if not any(owner.shard == shard and not owner.paused for owner in self._owners):
                self._owners.append(self._new_owner(shard))
        able: list[Owner | Worker] = [o for o in self._owners if not o.paused and o.busy()]
        able += [worker for worker in self._workers if not worker.idle]
        if able:
            self.rng.choice(able).step()
        else:
            self.clock.advance(wait_ms)
            self._wake_all()

    def _wake_all(self) -> None:
        for actor in (*self._owners, *self._workers):
            actor.idle = False

    # --- the end ---

    def _come_to_rest(self) -> None:
        self._armed.clear()
        self._coming_hold = ""
        self._release_hold()
        for owner in self._owners:
            owner.paused = 0
        for _ in range(QUIET_ROUNDS_MAX):
            for _ in range(400):
                if not self._can_act():
                    break
                self._act()
            if self._is_at_rest():
                return
            due = [at_ms for partition in self.store.partitions.values() for at_ms in partition.due.values()]
            wait_ms = min([2_000, *(at_ms - self.now_ms for at_ms in due if at_ms > self.now_ms)])
            self.clock.advance(max(1, wait_ms))
            self._wake_all()
        raise NeverQuiet(self._unrest())

    def _can_act(self) -> bool:
        return any(o.alive and o.busy() for o in self._owners) or any(not w.idle for w in self._workers)

    def _is_at_rest(self) -> bool:
        partitions = self.store.partitions.values()
        counts, _ = finished(self.ledger.counts())
        settled = not any(count.emails for count in counts if count.state in OPEN)
        return settled and all(p.position == p.seq and not p.outbox and not p.due for p in partitions)

    def _unrest(self) -> str:
        counts, _ = finished(self.ledger.counts())
        parts = [
            f"partition {p.partition}: {p.position} of {p.seq} applied, {len(p.outbox)} in the outbox, {len(p.due)} due"
            for p in self.store.partitions.values()
        ]
        return "; ".join([*parts, f"ledger {[(c.state.name, c.emails) for c in counts]}", f"now {self.now_ms}"])

    # --- faults ---

    def fault(self, kind: str) -> bool:
        """Whether this kind of fault happens here and now; it is used up."""
        if not self._armed[kind]:
            return False
        self._armed[kind] -= 1
        self.history.faults[kind] += 1
        return True

    def _break_anywhere(self) -> None:
        for kind in ANYWHERE:
            if kind in HOLDS and (self.hold is not None or self._coming_hold):
                continue
            if self.fault(kind):
                self._break(kind)

    def _break(self, kind: str) -> None:
        rng = self.rng
        match kind:
            case "owner crash":
                self._owners.remove(rng.choice(self._owners))
            case "second owner":
                self._owners.append(self._new_owner(rng.randrange(SHARDS)))
            case "owner paused":
                self._pause_within = PAUSE_WITHIN_STEPS
            case "store restart":
                self.store.break_connections()
            case "sender crash":
                self._workers[rng.randrange(len(self._workers))] = self._new_worker()
            case "lost tail" | "replaced tail" | "slow sync":
                self._coming_hold = kind
            case _:
                raise AssertionError(kind)

    def _pause_someone(self) -> None:
        """The worst moment to stand still is before a write, and the worst of those before a tick."""
        self._pause_within -= 1
        awake = [owner for owner in self._owners if owner.alive and not owner.paused]
        chosen = [owner for owner in awake if owner.is_about_to_tick]
        if not chosen and self._pause_within < PAUSE_WITHIN_STEPS // 2:
            chosen = [owner for owner in awake if owner.is_about_to_commit]
        if chosen or not self._pause_within:
            self.rng.choice(chosen or self._owners).paused = self.rng.choice(PAUSES)
            self._pause_within = 0

    def _stall_before_tick(self) -> None:
        """An owner stands still before a tick until another has claimed its partition, and ticks then."""
        stalled = self._stalled
        if stalled is None or stalled not in self._owners:
            self._stalled = None
            ready = [owner for owner in self._owners if owner.alive and not owner.paused and owner.is_about_to_tick]
            if self._armed["stale tick"] and ready:
                self._armed["stale tick"] -= 1
                self._stalled = ready[0]
                ready[0].paused = STALLED
                self._owners.append(self._new_owner(ready[0].shard))
        elif stalled.is_replaced:
            self._stalled = None
            stalled.paused = 0
            stalled.tick_now()

    def _hold_goes_on(self) -> None:
        hold = self.hold
        if hold is None:
            self._begin_hold()
            return
        hold.steps -= 1
        ripe = hold.kind == "replaced tail" and any(o.alive and o.has_read_tail for o in self._owners)
        if hold.steps > 0 and not ripe:
            return
        if hold.kind == "slow sync":
            self._release_hold()
        else:
            self._roll_back(hold, quietly=hold.kind == "replaced tail")

    def _begin_hold(self) -> None:
        # A tail is replaced under an owner that has read it and not committed: not one busy with older entries.
        if self._coming_hold == "replaced tail" and not any(o.is_reading for o in self._owners if not o.paused):
            return
        if self._coming_hold:
            steps = self.rng.randrange(5, HOLD_STEPS)
            self.hold = Hold(self.store.snapshot(), self.history.mark(), kind=self._coming_hold, steps=steps)
            self._coming_hold = ""

    def _release_hold(self) -> None:
        hold, self.hold = self.hold, None
        for deliver, _ in hold.waiting if hold else ():
            deliver()
        self._wake_all()

    def _roll_back(self, hold: Hold, *, quietly: bool) -> None:
        self.hold = None
        self.store.restore(hold.snapshot, quietly=quietly)
        self.history.rolled_back(hold.mark)
        for _, refuse in hold.waiting:
            refuse()
        self._wake_all()
        if quietly:
            for client in reversed(self._clients):  # the lost places are taken by others at once
                self._client_step(client)

    def answer_write(self, deliver: Callable[[], None], refuse: Callable[[], None]) -> None:
        """Answer a write that was carried out: now, or when the store has synced."""
        if self.hold is None:
            deliver()
        else:
            self.hold.waiting.append((deliver, refuse))

    def is_beyond_hold(self, entries: Mapping[int, Sequence[RawEntry]]) -> bool:
        """Whether some of these entries are not synced yet."""
        hold = self.hold
        return hold is not None and any(some[-1].seq > hold.snapshot[number].seq for number, some in entries.items())

    # --- what actors ask ---

    def log_grew(self) -> None:
        """Owners have something to read."""
        for owner in self._owners:
            owner.idle = False

    def push(self, request: Push) -> None:
        """The relay hands rows to sender."""
        self.check_rows(request.partition, request.rows, "sender")
        lost = self.fault("push reply lost")
        try:
            emails = decisions(request)
            self.history.decided_of.update(
                (one.intent.send_id, (one.intent.customer_uid, one.intent.customer_born_seq)) for one in emails
            )
            self.rng.choice(self._workers).take_in(emails, attempts_max=self.rng.choice((0, 1, 3)))
            self._forget(deletions(request))
        except LedgerLost:
            raise SenderLost("Sender's ledger did not answer.") from None
        for worker in self._workers:
            worker.idle = False
        if lost:
            raise SenderLost("The answer of sender was lost.")

    def _forget(self, customers: tuple[tuple[str, int], ...]) -> None:
        if not customers:
            return
        for uid, born in customers:
            self.history.forgotten[uid] = max(born, self.history.forgotten.get(uid, 0))
        self.history.begun_before |= {
            (row.send_id, attempt) for row in self.ledger.rows.values() for attempt in range(1, row.attempts + 1)
        }
        finished(self.ledger.forget(Forget(customers=customers, now_ms=self.now_ms)))
        if self.fault("ledger reply lost"):
            raise LedgerLost("The ledger's answer was lost.")

    def check_rows(self, partition: int, rows: Sequence[OutboxRow], receiver: str) -> None:
        """Nothing leaves before its commit."""
        if any((partition, row.lineage, row.ordinal) not in self.history.rows for row in rows):
            raise Violated(f"Rows of partition {partition} went to {receiver} before their commit.")

    def ledger_answer(self, request: Submit | ClaimDue | BeginAttempt | Settle) -> Any:
        """What the ledger answers."""
        match request:
            case Submit():
                return self.ledger.submit(request)
            case ClaimDue():
                return self.ledger.claim_due(request)
            case BeginAttempt():
                return self.ledger.begin(request)
            case Settle():
                return self.ledger.settle(request)

    # --- making ---

    def _put_campaigns(self) -> None:
        for name, version in campaign_versions():
            body = campaign_put_entry(name, version.SerializeToString())
            appends = [Append(partition=p, body=body, events=0, at_ms=self.now_ms) for p in range(PARTITIONS)]
            finished(self.store.append(appends))

    def _new_owner(self, shard: int) -> Owner:
        self._numbers += 1
        return Owner(self, shard, self._numbers)

    def _new_worker(self) -> Worker:
        self._numbers += 1
        return Worker(self, self._numbers)


__all__ = ["LedgerLost", "NeverQuiet", "World"]
