"""Measures a shard from outside: what its store and its sender are asked, how long they take, what was committed.

The host and the relay stay free of metrics: every figure can be told from what passes between them and the outside.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from sendwhen.chassis.metric import Histogram
from sendwhen.chassis.metrics import Meter
from sendwhen.domain.changes import Changes
from sendwhen.domain.decision import Decision, Kind
from sendwhen.domain.goals import HOLDOUT
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
    Push,
    Read,
    ReadAnswer,
    ReadOutbox,
    Refusal,
    SenderLost,
    SenderRefused,
    StoreLost,
)
from services.trigger.review_port import ReviewCustomers, Reviewed
from services.trigger.shard_driver import Sender
from services.trigger.store_port import ShardStore

_IDENTITY = ("forwarded", "merged", "deleted", "expired", "ties_refused", "repeated_transfers")


class _Losses:
    """Counts what passes through it as StoreLost. Not a generator: it is entered for every request."""

    def __init__(self, metrics: Meter) -> None:
        self._metrics = metrics

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, *about: object) -> None:
        if kind is not None and issubclass(kind, StoreLost):
            self._metrics.count("sendwhen_store_reconnects_total")


class MeteredShardStore(ShardStore):
    """Passes everything on to ``store``. Used by one thread, as the store is."""

    def __init__(self, store: ShardStore, metrics: Meter) -> None:
        self._store = store
        self._metrics = metrics
        self._read_at_s: float | None = None
        self._begun: Commit | None = None
        self._begun_at_s = 0.0
        self._losses = _Losses(metrics)

    def claim(self, request: Claim) -> Mapping[int, Claimed | Refusal]:
        """See ShardStore."""
        with self._losses:
            answer = self._store.claim(request)
        for outcome in answer.values():
            word = "refused" if isinstance(outcome, Refusal) else "claimed"
            self._metrics.count("sendwhen_claims_total", outcome=word)
        return answer

    def read(self, request: Read) -> ReadAnswer:
        """See ShardStore."""
        with self._losses:
            answer = self._store.read(request)
        self._read_at_s = time.perf_counter() if answer.entries else None
        return answer

    def load(self, request: Load) -> Mapping[int, tuple[tuple[bytes | None, bytes], ...]]:
        """See ShardStore."""
        with self._losses:
            return self._store.load(request)

    def load_past(self, request: LoadPast) -> Mapping[int, tuple[tuple[bytes | None, ...], ...]]:
        """See ShardStore."""
        with self._losses:
            return self._store.load_past(request)

    def due(self, request: Due) -> Mapping[int, DueAnswer]:
        """See ShardStore."""
        with self._losses:
            return self._store.due(request)

    def commit(self, request: Commit) -> Mapping[int, Refusal | None]:
        """See ShardStore."""
        if self._read_at_s is not None:
            # From the read's answer to the first commit after it; loads of cold customers are in it.
            self._metrics.observe("sendwhen_decision_duration_seconds", time.perf_counter() - self._read_at_s)
            self._read_at_s = None
        if request.begun:
            self._begun, self._begun_at_s = request, time.perf_counter()
            with self._losses:
                return self._store.commit(request)
        with self._losses, self._timed("sendwhen_commit_duration_seconds"):
            answer = self._store.commit(request)
        self._outcome(request, answer)
        return answer

    def await_commit(self) -> Mapping[int, Refusal | None]:
        """See ShardStore."""
        with self._losses:
            answer = self._store.await_commit()
        self._metrics.observe("sendwhen_commit_duration_seconds", time.perf_counter() - self._begun_at_s)
        if self._begun is not None:
            self._outcome(self._begun, answer)
        return answer

    def _outcome(self, request: Commit, answer: Mapping[int, Refusal | None]) -> None:
        for part in request.rounds:
            refusal = answer.get(part.partition)
            if refusal is None:
                self._committed(part.changes)
            else:
                self._metrics.count("sendwhen_commits_fenced_total", why=refusal.why.value)

    def append_tick(self, request: AppendTick) -> bool | Refusal:
        """See ShardStore."""
        with self._losses:
            answer = self._store.append_tick(request)
        self._metrics.count("sendwhen_ticks_total", outcome="appended" if answer is True else "refused")
        return answer

    def mark_trying(self, request: MarkTrying) -> int | Refusal:
        """See ShardStore."""
        with self._losses:
            return self._store.mark_trying(request)

    def review(self, request: ReviewCustomers) -> Reviewed | None:
        """See ShardStore."""
        with self._losses:
            answer = self._store.review(request)
        if answer is not None and answer.customers:
            self._metrics.count("sendwhen_customers_reviewed_total", answer.customers)
        return answer

    def read_outbox(self, request: ReadOutbox) -> tuple[OutboxRow, ...]:
        """See ShardStore."""
        with self._losses:
            return self._store.read_outbox(request)

    def deliver(self, request: Deliver) -> None:
        """See ShardStore."""
        with self._losses:
            self._store.deliver(request)
        self._metrics.count("sendwhen_transfers_delivered_total", len(request.rows))

    def delete_outbox(self, request: DeleteOutbox) -> None:
        """See ShardStore."""
        with self._losses:
            self._store.delete_outbox(request)
        if request.letter is not None:
            self._metrics.count("sendwhen_dead_letters_total", reason=request.letter.reason)

    @contextmanager
    def _timed(self, name: Histogram) -> Iterator[None]:
        before_s = time.perf_counter()
        yield
        self._metrics.observe(name, time.perf_counter() - before_s)

    def _committed(self, changes: Changes) -> None:
        counters, metrics = changes.counters, self._metrics
        metrics.observe("sendwhen_commit_customers", len(changes.customers))
        metrics.count("sendwhen_applied_events_total", counters.applied)
        if counters.duplicates:
            metrics.count("sendwhen_duplicates_dropped_total", counters.duplicates, source="event")
        if counters.late:
            metrics.count("sendwhen_late_events_total", counters.late)
        if counters.fired_timers:
            metrics.count("sendwhen_timers_fired_total", counters.fired_timers)
        if counters.overflows:
            metrics.count("sendwhen_limit_overflows_total", counters.overflows, limit="customer")
        for outcome in _IDENTITY:
            if times := getattr(counters, outcome):
                metrics.count("sendwhen_identity_total", times, outcome=outcome)
        for letter in changes.dead_letters:
            metrics.count("sendwhen_dead_letters_total", reason=letter.reason)
        if changes.decisions:
            # Gathered first: many events lead to a decision, and a count costs more than deciding.
            decided = Counter((decision.campaign_id, _kind(decision)) for _, decision in changes.decisions)
            for (campaign, kind), times in decided.items():
                metrics.count("sendwhen_decisions_total", times, campaign=campaign, kind=kind)
        for send in changes.sends:
            if send.delayed:
                late_ms = max(0, send.at_ms - send.due_at_ms - send.grace_ms)
                metrics.observe("sendwhen_timer_lateness_seconds", late_ms / 1_000)


def _kind(decision: Decision) -> str:
    """Goals after emails that were withheld are counted apart, to be compared."""
    held_out = decision.kind is Kind.GOAL and decision.reason == HOLDOUT
    return f"{decision.kind.value}_{HOLDOUT}" if held_out else decision.kind.value


class MeteredSender(Sender):
    """Passes rows on to ``sender``."""

    def __init__(self, sender: Sender, metrics: Meter) -> None:
        self._sender = sender
        self._metrics = metrics

    def push(self, request: Push) -> None:
        """See Sender."""
        before_s = time.perf_counter()
        try:
            self._sender.push(request)
        except SenderLost:
            self._metrics.count("sendwhen_outbox_pushed_total", len(request.rows), outcome="unknown")
            raise
        except SenderRefused:
            self._metrics.count("sendwhen_outbox_pushed_total", len(request.rows), outcome="refused")
            raise
        self._metrics.count("sendwhen_outbox_pushed_total", len(request.rows), outcome="durable")
        self._metrics.observe("sendwhen_outbox_push_duration_seconds", time.perf_counter() - before_s)
