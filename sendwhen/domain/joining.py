"""Joins what is known of one identity into the customer it was tied to.

Afterwards the customer is, as far as both sides remember, as if all that happened had been one customer's from the
start, with one exception: nothing fires for having been joined. Every kind of state has its rule here.

| state | joined |
|---|---|
| attributes, address | the one told later, by the producer's time; at the same instant the survivor's stays |
| recent events | both, in the order of their log times; the latest stay |
| decisions | likewise |
| what campaigns remember | stopped where either was; each key's latest firing; the rest by its kind |
| emails that caps count | both, in their order |
| goals that are awaited | of each campaign the one after the later email |
| alarms | both; those who watch the customer look again, and nothing fires for it |
| what follows from events | a cart's lines and orders once, sessions together, the latest actions |
| open runs | both sides', each against what the other side did since (``sendwhen.domain.joined_runs``) |
"""

from __future__ import annotations

from msgspec.structs import replace

from sendwhen.domain import facts
from sendwhen.domain.campaign_book import CampaignBook
from sendwhen.domain.customer import Customer
from sendwhen.domain.goals import joined_goals
from sendwhen.domain.holding import Holding
from sendwhen.domain.joined_memories import JoinedMemories
from sendwhen.domain.joined_runs import BY_JOINING, JoinedAt, JoinedRuns, place_of
from sendwhen.domain.moment import Moment
from sendwhen.domain.passage import Passage
from sendwhen.domain.past import kept_events
from sendwhen.domain.record import (
    RecentEvent,
    pack_decision,
    pack_recent,
    recent_events,
    remembered_decisions,
)
from sendwhen.domain.round import Round
from sendwhen.domain.sent_mail import joined_sent
from sendwhen.domain.shard_limits import ShardLimits
from sendwhen.domain.visitors import VISITOR, Visitors
from sendwhen.domain.watching import WATCH, Occasion, Watching


class Joining:
    """Joins customers of one partition with what comes from others."""

    def __init__(
        self,
        *,
        book: CampaignBook,
        passage: Passage,
        watching: Watching,
        holding: Holding,
        visitors: Visitors,
        limits: ShardLimits,
    ) -> None:
        self._limits = limits
        self._memories = JoinedMemories(book=book, limits=limits)
        self._runs = JoinedRuns(book=book, passage=passage, limits=limits)
        self._watching = watching
        self._holding = holding
        self._visitors = visitors

    def join(self, own: Customer, other: Customer, at: JoinedAt, out: Round) -> None:
        """Join ``other`` into ``own``, a draft."""
        did, other_did = recent_events(own), recent_events(other)
        self._join_identity(own, other, out)
        facts.join(own, other)
        self._join_fields(own, other, at.moment, out)
        self._join_recent(own, did, other_did)
        out.counters.overflows += self._memories.join(own, other, (did, other_did), at.moment.now_ms)
        self._join_alarms(own, other, at, out)
        own.sent, own.goals = joined_sent(own.sent, other.sent), joined_goals(own.goals, other.goals)
        waiting = self._runs.join(own, other, (did, other_did), at, out)
        self._visitors.met(own, (at.moment.seq, at.moment.now_ms, BY_JOINING, at.place, 0), at.moment.now_ms, out)
        self._look(own, replace(own), at, out, silent=True)
        before = replace(own)
        self._runs.go_on(own, waiting, at, out)
        if own.email:
            self._holding.release(own, at.moment, (BY_JOINING, at.place), out)
        if own.fields is not before.fields:
            # What steps tell of the customer is new, whatever let them be taken.
            self._look(own, before, at, out, silent=False)
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
        both = sorted((*other_did, *did), key=lambda event: event.logged_at_ms)[
            -kept_events(self._limits.recent_events) :
        ]
        own.recent, own.recent_count = pack_recent(both), len(both)

    @staticmethod
    def _join_alarms(own: Customer, other: Customer, at: JoinedAt, out: Round) -> None:
        # Those who look at the customer set their alarms anew, as does the time a visitor has; the others come along.
        moved = [
            replace(alarm, armed=place_of(alarm.armed, at.moment.seq, (BY_JOINING, at.place, -number)))
            for number, alarm in enumerate(other.alarms, 1)
            if alarm.kind not in (WATCH, VISITOR)
        ]
        own.alarms = (*own.alarms, *moved)
        out.armed.extend(moved)

    def _look(self, own: Customer, before: Customer, at: JoinedAt, out: Round, *, silent: bool) -> None:
        armed = (at.moment.seq, at.moment.now_ms, BY_JOINING, at.place, (1 << 20) + (not silent))
        self._watching.look(own, before, Occasion(at.moment, armed, silent=silent), out)
