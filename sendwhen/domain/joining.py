"""Joins what is known of one identity into the customer it was tied to.

Afterwards the customer is, as far as both sides remember, as if all that happened had been one customer's from the
start, with one exception: nothing fires for having been joined. Every kind of state has its rule here.

| state | joined |
|---|---|
| attributes, address | the one told later, by the producer's time; at the same instant the survivor's stays |
| recent events | both, in the order of their log times; the latest stay |
| decisions | likewise |
| what campaigns remember | stopped where either was; each key's latest firing; the trigger's own memory by its kind |
| open runs | both sides', each against what the other side did since (``sendwhen.domain.joined_runs``) |
"""

from __future__ import annotations

from sendwhen.domain.campaign_book import CampaignBook
from sendwhen.domain.customer import Customer, Memory
from sendwhen.domain.joined_runs import JoinedAt, JoinedRuns
from sendwhen.domain.moment import Moment
from sendwhen.domain.record import (
    RecentEvent,
    pack_decision,
    pack_recent,
    recent_events,
    remembered_decisions,
)
from sendwhen.domain.round import Round
from sendwhen.domain.shard_limits import ShardLimits


class Joining:
    """Joins customers of one partition with what comes from others."""

    def __init__(self, *, book: CampaignBook, limits: ShardLimits) -> None:
        self._book = book
        self._limits = limits
        self._runs = JoinedRuns(book=book, limits=limits)

    def join(self, own: Customer, other: Customer, at: JoinedAt, out: Round) -> None:
        """Join ``other`` into ``own``, a draft."""
        did, other_did = recent_events(own), recent_events(other)
        self._join_identity(own, other, out)
        self._join_fields(own, other, at.moment, out)
        self._join_recent(own, did, other_did)
        self._join_memories(own, other, out)
        self._runs.join(own, other, (did, other_did), at, out)
        told = [*remembered_decisions(own), *remembered_decisions(other)]
        told.sort(key=lambda decision: decision.at_ms)
        own.decisions = tuple(map(pack_decision, told[-self._limits.decisions :]))

    def _join_identity(self, own: Customer, other: Customer, out: Round) -> None:
        own.user_id = own.user_id or other.user_id
        ids = tuple(dict.fromkeys(one for one in other.anonymous_ids if one not in own.anonymous_ids))
        ids += own.anonymous_ids
        out.counters.overflows += max(0, len(ids) - self._limits.anonymous_ids)
        own.anonymous_ids = ids[-self._limits.anonymous_ids :]
        seen = [at_ms for at_ms in (own.first_seen_at_ms, other.first_seen_at_ms) if at_ms]
        own.first_seen_at_ms = min(seen, default=0)
        own.last_seen_at_ms = max(own.last_seen_at_ms, other.last_seen_at_ms)

    def _join_fields(self, own: Customer, other: Customer, moment: Moment, out: Round) -> None:
        if other.email and (not own.email or other.email_occurred_at_ms > own.email_occurred_at_ms):
            own.email = other.email
            own.email_occurred_at_ms = other.email_occurred_at_ms
            own.email_seq = moment.seq
        fields = dict(own.fields)
        for name, field in other.fields.items():
            known = fields.get(name)
            if known is None and len(fields) >= self._limits.fields:
                out.counters.overflows += 1
            elif known is None or field.occurred_at_ms > known.occurred_at_ms:
                # Sequences of two partitions cannot be compared; from now on it counts as told by this entry.
                fields[name] = type(field)(field.value, field.occurred_at_ms, moment.seq, field.source)
        own.fields = fields

    def _join_recent(self, own: Customer, did: tuple[RecentEvent, ...], other_did: tuple[RecentEvent, ...]) -> None:
        both = sorted((*other_did, *did), key=lambda event: event.logged_at_ms)[-self._limits.recent_events :]
        own.recent, own.recent_count = pack_recent(both), len(both)

    def _join_memories(self, own: Customer, other: Customer, out: Round) -> None:
        memories = dict(own.memories)
        for campaign_id, theirs in other.memories.items():
            ours = own.memory(campaign_id)
            fired = dict(theirs.fired)
            for key, at_ms in ours.fired.items():
                fired[key] = max(at_ms, fired.pop(key, at_ms))
            forgotten = sorted(fired, key=lambda key: fired[key])[: max(0, len(fired) - self._limits.reentry_keys)]
            out.counters.overflows += len(forgotten)
            for key in forgotten:
                del fired[key]
            kept = ours if ours.trigger_version else theirs
            memories[campaign_id] = Memory(ours.stopped or theirs.stopped, fired, kept.trigger, kept.trigger_version)
        own.memories = memories
