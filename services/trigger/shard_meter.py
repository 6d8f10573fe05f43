"""What a shard reports about itself: around its store and its sender, so that host, relay and driver stay plain.

Nothing here runs for each event; a round of many costs a few dozen microseconds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from sendwhen.chassis.clock import Clock
from sendwhen.chassis.metrics import Meter
from sendwhen.domain.changes import Changes
from services.trigger.ports import (
    AppendTick,
    Claim,
    Claimed,
    Commit,
    Push,
    Refusal,
    SenderLost,
    ShardStore,
)
from services.trigger.shard_driver import Sender


class MeteredStore:
    """A ShardStore that reports what goes through it."""

    def __init__(self, store: ShardStore, *, meter: Meter, clock: Clock) -> None:
        self._store = store
        self._meter = meter
        self._clock = clock
        self.read, self.load, self.due = store.read, store.load, store.due
        self.mark_trying = store.mark_trying
        self.read_outbox, self.delete_outbox = store.read_outbox, store.delete_outbox

    def claim(self, request: Claim) -> Mapping[int, Claimed | Refusal]:
        """See the port."""
        answers = self._store.claim(request)
        for answer in answers.values():
            self._meter.count("sendwhen_claims_total", outcome="refused" if isinstance(answer, Refusal) else "claimed")
        return answers

    def commit(self, request: Commit) -> Mapping[int, Refusal | None]:
        """See the port."""
        started_s = self._clock.monotonic_s()
        answers = self._store.commit(request)
        self._meter.observe("sendwhen_commit_duration_seconds", self._clock.monotonic_s() - started_s)
        customers = sum(len(part.changes.customers) for part in request.rounds)
        self._meter.observe("sendwhen_commit_customers", customers)
        for refusal in answers.values():
            if refusal is not None:
                self._meter.count("sendwhen_commits_fenced_total", why=refusal.why.value)
        return answers

    def append_tick(self, request: AppendTick) -> bool | Refusal:
        """See the port."""
        answer = self._store.append_tick(request)
        outcome = "refused" if isinstance(answer, Refusal) else "appended"
        self._meter.count("sendwhen_ticks_total", outcome=outcome)
        return answer


class MeteredSender:
    """A Sender that reports what goes through it."""

    def __init__(self, sender: Sender, *, meter: Meter, clock: Clock) -> None:
        self._sender = sender
        self._meter = meter
        self._clock = clock

    def push(self, request: Push) -> None:
        """See the port."""
        started_s = self._clock.monotonic_s()
        try:
            self._sender.push(request)
        except SenderLost:
            self._meter.count("sendwhen_outbox_pushed_total", len(request.rows), outcome="unknown")
            raise
        self._meter.count("sendwhen_outbox_pushed_total", len(request.rows), outcome="durable")
        self._meter.observe("sendwhen_outbox_push_duration_seconds", self._clock.monotonic_s() - started_s)


class CommittedMeter:
    """Reports what was committed."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter

    def report(self, changes: Changes) -> None:
        """One partition's changes are durable."""
        counters, count = changes.counters, self._meter.count
        count("sendwhen_applied_events_total", counters.applied)
        if counters.duplicates:
            count("sendwhen_duplicates_dropped_total", counters.duplicates, source="event")
        if counters.late:
            count("sendwhen_late_events_total", counters.late)
        if counters.fired_timers:
            count("sendwhen_timers_fired_total", counters.fired_timers)
        if counters.overflows:
            count("sendwhen_limit_overflows_total", counters.overflows, limit="shard")
        for letter in changes.dead_letters:
            count("sendwhen_dead_letters_total", reason=letter.reason)
        decided = Counter((decision.campaign_id, decision.kind.value) for _, decision in changes.decisions)
        for (campaign, kind), number in decided.items():
            count("sendwhen_decisions_total", number, campaign=campaign, kind=kind)
