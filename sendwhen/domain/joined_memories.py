"""What campaigns remember of two customers who are one.

A trigger joins what it remembers of both (``TriggerLogic.join``): counts add up, the later of two instants stays. Where
memory is what events in their order lead to (``Replayed``: sequences that were begun), it is moved on by what each side
did, as far as that is remembered, so that a pattern begun under one identity is completed by what comes after. What was
completed before is over: nothing fires for having been joined.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sendwhen.domain.campaign_book import CampaignBook
from sendwhen.domain.condition import CustomerScope, EventScope
from sendwhen.domain.customer import Customer, Memory
from sendwhen.domain.past import kept_events
from sendwhen.domain.plan import Plan, holds
from sendwhen.domain.properties import read_object
from sendwhen.domain.record import RecentEvent
from sendwhen.domain.run import StartEvent
from sendwhen.domain.shard_limits import ShardLimits
from sendwhen.domain.tally import joined
from sendwhen.domain.triggers.logic import Hit, Past, Replayed

Did = tuple[Sequence[RecentEvent], Sequence[RecentEvent]]
"""What the survivor did, and what the other identity did, as far as is remembered; oldest first."""


_Seen = tuple[Customer, CustomerScope, int]
"""The joined customer, as conditions see it, and the instant of the joining."""


class JoinedMemories:
    """Joins memories and tallies."""

    def __init__(self, *, book: CampaignBook, limits: ShardLimits) -> None:
        self._book = book
        self._limits = limits

    def join(self, own: Customer, other: Customer, did: Did, now_ms: int) -> int:
        """Join into ``own``, whose attributes are joined already; how many limits overflowed."""
        overflows = 0
        memories = dict(own.memories)
        for campaign_id, theirs in other.memories.items():
            ours = own.memory(campaign_id)
            fired, forgotten = self._fired(ours.fired, theirs.fired)
            overflows += forgotten
            memories[campaign_id] = Memory(ours.stopped or theirs.stopped, fired)
        scope = own.scope()
        for campaign_id, memory in memories.items():
            ours, theirs = own.memory(campaign_id), other.memory(campaign_id)
            trigger, version = self._trigger(campaign_id, ours, theirs, did, (own, scope, now_ms))
            memories[campaign_id] = Memory(memory.stopped, memory.fired, trigger, version)
        own.memories = memories
        own.tallies = self._tallies(own.tallies, other.tallies)
        return overflows

    def _fired(self, ours: Mapping[str, int], theirs: Mapping[str, int]) -> tuple[Mapping[str, int], int]:
        latest = {key: max(ours.get(key, 0), theirs.get(key, 0)) for key in (*theirs, *ours)}
        in_order = sorted(latest.items(), key=lambda item: (item[1], item[0]))
        forgotten = max(0, len(in_order) - self._limits.reentry_keys)
        return dict(in_order[forgotten:]), forgotten

    def _trigger(self, campaign_id: str, ours: Memory, theirs: Memory, did: Did, customer: _Seen) -> tuple[bytes, str]:
        plan = self._book.in_force(campaign_id)
        if plan is None:
            # Should the campaign be put again, its trigger begins with nothing.
            return b"", ""
        version = self._book.writes(plan)
        own, other = (one.trigger if self._book.remembers(plan, one) else b"" for one in (ours, theirs))
        if isinstance(plan.logic, Replayed):
            past = sorted(self._past(plan, did, customer), key=lambda one: one.hit.at_ms)
            since_ms = max(map(self._complete_since_ms, did))
            return plan.logic.rejoin(own, other, past, since_ms, self._limits), version
        if own and other:
            return plan.logic.join(own, other), version
        return own or other, version if own or other else ""

    def _complete_since_ms(self, events: Sequence[RecentEvent]) -> int:
        return events[0].logged_at_ms if len(events) >= kept_events(self._limits.recent_events) else 0

    def _past(self, plan: Plan, did: Did, customer: _Seen) -> Iterable[Past]:
        known, scope, now_ms = customer
        put_at_ms = self._book.put_at_ms(plan.campaign.campaign_id)
        for theirs, events in enumerate(did):
            for event in events:
                if event.logged_at_ms < put_at_ms:
                    continue  # a trigger does not see what came before it
                seen, at_ms = scope_of(event), instant_of(event, plan)
                if plan.on_event_time and at_ms + plan.grace_ms > now_ms:
                    continue  # it is held back, and comes to its turn
                key = plan.key(seen, scope, at_ms, self._limits)
                indexes = [
                    index
                    for index, start in enumerate(plan.logic.starts)
                    if start.event == event.name
                    and (start.where is None or start.where.needs_start or holds(start.where, seen, scope, None, at_ms))
                ]
                if key is None or not indexes:
                    continue
                hit = Hit(
                    indexes=indexes,
                    event=seen,
                    customer=scope,
                    key=key,
                    at_ms=at_ms,
                    occurrence=StartEvent(event.event_id, event.name, event.occurred_at_ms, event.properties, "", 0),
                    first_seen_at_ms=known.first_seen_at_ms,
                    put_at_ms=put_at_ms,
                )
                yield Past(hit, own=not theirs)

    def _tallies(self, own: Mapping[str, bytes], other: Mapping[str, bytes]) -> Mapping[str, bytes]:
        if not other:
            return own
        tallies = {**other, **own}
        for histories in self._book.tally_events.values():
            for history in histories:
                if history.tally in own and history.tally in other:
                    tallies[history.tally] = joined(own[history.tally], other[history.tally], history)
        return tallies


def instant_of(event: RecentEvent, plan: Plan) -> int:
    """When a past event happened for a campaign: in the log, or by the producer's time."""
    return event.occurred_at_ms if plan.on_event_time else event.logged_at_ms


def scope_of(event: RecentEvent) -> EventScope:
    """A past event as conditions see it."""
    return EventScope(
        name=event.name,
        id=event.event_id,
        occurred_at_ms=event.occurred_at_ms,
        properties=read_object(event.properties),
    )
