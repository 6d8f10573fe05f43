"""Campaigns on event time: their events are held back until the watermark passes, then taken in their own order.

The watermark is log time less the campaign's grace. An event is an alarm of its customer, due at its own time plus the
grace; deadlines of these campaigns are moved by the grace too, so that one order, that of due times, is the order of
event time. At one instant deadlines come first, then events as they stand in the log.

An entry first brings its events, then it moves the watermark; too late is what lies behind the watermark of the entries
before. So what an entry brings takes its place among everything that is not decided yet.
"""

from __future__ import annotations

from typing import Protocol

import msgspec
from msgspec.structs import replace

from sendwhen.domain.campaign_book import CampaignBook
from sendwhen.domain.customer import Customer
from sendwhen.domain.event import Event
from sendwhen.domain.length import length
from sendwhen.domain.moment import Moment
from sendwhen.domain.plan import Plan
from sendwhen.domain.round import Round
from sendwhen.domain.run import EVENT_TIME, Alarm, StartEvent
from sendwhen.domain.shard_limits import ShardLimits
from sendwhen.domain.telling import refuse

KIND = "held_event"
_BEHIND_DEADLINES = EVENT_TIME + 1


class Held(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An event that waits.

    Attributes:
        arrived_ms: Log time at which it came.
        starts: Its campaign's version was in force then; otherwise it only ends runs of it.
    """

    arrived_ms: int
    starts: bool
    event: StartEvent


class Taker(Protocol):
    """Who takes the event when its time has come."""

    def take_held(
        self,
        customer: Customer,
        plan: Plan,
        event: Event,
        held: Held,
        *,
        moment: Moment,
        armed: tuple[int, ...],
        out: Round,
    ) -> None:
        """Let it end runs of the campaign, stop it and start a run."""
        ...


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Held).decode


class HoldingBack:
    """Holds events back."""

    def __init__(self, *, book: CampaignBook, limits: ShardLimits) -> None:
        self._book = book
        self._held_max = limits.held_events

    def hold(self, customer: Customer, event: Event, index: int, moment: Moment, out: Round) -> None:
        """Hold an event back for every campaign on event time that it may concern, once for each length of grace.

        Of a campaign's versions with one grace it ends runs of all, also of one that is put before its time has come.
        """
        current = self._book.on_event_time.get(event.name, ())
        held_for = {_clock_of(plan) for plan in current}
        pinned: dict[tuple[str, int], Plan] = {}
        versions = [(run.campaign_id, run.version) for run in customer.runs]
        for version in (*versions, *((alarm.campaign_id, alarm.version) for alarm in customer.alarms)):
            plan = self._book.plan(*version)
            concerned = plan is not None and plan.on_event_time and event.name in plan.event_names
            if plan is not None and concerned and _clock_of(plan) not in held_for:
                pinned.setdefault(_clock_of(plan), plan)
        # What ends waits, be they of earlier versions, comes before what starts them.
        for count, plan in enumerate((*pinned.values(), *current)):
            armed = (_BEHIND_DEADLINES, moment.seq, moment.now_ms, 1, index, count)
            held = Held(moment.now_ms, plan in current, StartEvent.of(event))
            self._hold(customer, plan, held, armed=armed, moment=moment, out=out)

    def _hold(
        self, customer: Customer, plan: Plan, held: Held, *, armed: tuple[int, ...], moment: Moment, out: Round
    ) -> None:
        event = held.event
        watermark_ms = moment.before_ms - plan.grace_ms
        why = ("", "")
        if event.occurred_at_ms < watermark_ms:
            out.counters.late += 1
            why = (
                "too_late",
                f"It happened {length(watermark_ms - event.occurred_at_ms)} before what is decided already.",
            )
        elif sum(one.kind == KIND for one in customer.alarms) >= self._held_max:
            out.counters.overflows += 1
            why = "limit", f"{self._held_max} events of the customer wait for their time already."
        if why[0]:
            refuse(customer, plan, "", why, event_id=event.event_id, moment=moment, out=out)
            return
        campaign = plan.campaign
        alarm = Alarm(
            KIND,
            campaign.campaign_id,
            campaign.version,
            event.occurred_at_ms + plan.grace_ms,
            armed,
            payload=_encode(held),
        )
        customer.alarms = (*customer.alarms, alarm)
        out.armed.append(alarm)


class HeldEventHandler:
    """Gives held events to their campaigns."""

    def __init__(self, *, book: CampaignBook, taker: Taker) -> None:
        self._book = book
        self._taker = taker

    def ring(self, customer: Customer, alarm: Alarm, moment: Moment, armed: tuple[int, ...], out: Round) -> None:
        """The watermark has passed it."""
        plan = self._book.plan(alarm.campaign_id, alarm.version)
        if plan is None:
            return
        held = _decode(alarm.payload)
        happened = held.event
        event = Event(
            event_id=happened.event_id,
            name=happened.name,
            uid=customer.uid,
            occurred_at_ms=happened.occurred_at_ms,
            properties=happened.properties,
            traceparent=happened.traceparent,
            received_at_us=happened.received_at_us,
        )
        then = replace(moment, now_ms=happened.occurred_at_ms)
        self._taker.take_held(customer, plan, event, held, moment=then, armed=(EVENT_TIME, *armed), out=out)


def _clock_of(plan: Plan) -> tuple[str, int]:
    """Versions of a campaign that have it in common see one order of events."""
    return plan.campaign.campaign_id, plan.grace_ms
