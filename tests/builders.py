"""Values that are valid by default, with one line to vary."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from zlib import crc32

import msgspec

from sendwhen.domain.campaign import Campaign, Reentry
from sendwhen.domain.condition import Condition, CustomerScope, EventScope, Expression, Fused
from sendwhen.domain.entry import CampaignPut, Entry, EventBatch, Tick
from sendwhen.domain.event import Event
from sendwhen.domain.event_filter import EventFilter
from sendwhen.domain.partition import customer_uid, routing_key
from sendwhen.domain.sending_rules import Category, Sending
from sendwhen.domain.shard import Shard
from sendwhen.domain.shard_limits import ShardLimits
from sendwhen.domain.steps import SendStep
from sendwhen.domain.trigger_kinds import Absence, Duration, Match, OnRestart

SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
T0_MS = 1_700_000_000_000
FOR_EVER_MS = 2**60


def uid_of(user_id: str) -> str:
    """Our id of a customer who is known by a user id."""
    return customer_uid(routing_key(user_id=user_id, anonymous_id="", email=""))


def an_event(
    name: str = "Product Added",
    who: str = "ada",
    *,
    event_id: str = "",
    at_ms: int = T0_MS,
    properties: Mapping[str, Any] | None = None,
    attributes: Mapping[str, Any] | None = None,
    email: str | None = None,
    source: str = "test",
    anonymous_id: str = "",
) -> Event:
    """An event of a customer with an address; its id is made of all that distinguishes it unless given."""
    props = msgspec.json.encode(properties) if properties else b""
    attrs = msgspec.json.encode(attributes) if attributes else b""
    content = repr((name, who, at_ms, props, attrs, email, anonymous_id))
    return Event(
        event_id=event_id or f"{name}/{who}/{at_ms}",
        name=name,
        uid=uid_of(who),
        user_id=who,
        anonymous_id=anonymous_id,
        email=f"{who}@example.invalid" if email is None else email,
        occurred_at_ms=at_ms,
        properties=props,
        attributes=attrs,
        source=source,
        fingerprint=crc32(content.encode()),
    )


def a_condition(test: Callable[..., bool], *, source: str = "a test", needs_start: bool = False) -> Condition:
    """A filter from a Python function of (event, customer, start, now_ms)."""
    return Condition(source=source, python="", needs_start=needs_start, test=test)


def a_property_above(name: str, floor: float) -> Condition:
    """event.properties.<name> > floor"""

    def test(event: EventScope, customer: CustomerScope, start: EventScope | None, now_ms: int) -> bool:
        value = event.properties.get(name)
        return isinstance(value, int | float) and value > floor

    return a_condition(test, source=f"event.properties.{name} > {floor}")


def a_property(name: str) -> Expression:
    """event.properties.<name>"""
    return Expression(source=f"event.properties.{name}", value=lambda event, *_: event.properties.get(name))


def fuse(conditions: Sequence[Condition]) -> Fused:
    """Fuses by asking one after the other."""
    tests = [condition.test for condition in conditions]

    def fused(event: EventScope, customer: CustomerScope, now_ms: int) -> int:
        return sum(1 << bit for bit, test in enumerate(tests) if test(event, customer, None, now_ms))

    return fused


def on(event: str, where: Condition | None = None) -> EventFilter:
    """Events of one name."""
    return EventFilter(event=event, where=where)


def a_match(event: str = "Product Viewed", where: Condition | None = None, **more: Any) -> Campaign:
    """A campaign that writes on every event of a name."""
    return a_campaign(trigger=Match(match=on(event, where)), **more)


def an_abandoned_cart(
    *,
    start: Sequence[EventFilter] = (on("Product Added"),),
    start_within_ms: int = 0,
    unless: Sequence[EventFilter] = (on("Order Completed"),),
    duration: Duration | None = None,
    on_restart: OnRestart = OnRestart.RESET,
    **more: Any,
) -> Campaign:
    """A campaign that writes when a cart is left for an hour."""
    trigger = Absence(
        start=tuple(start),
        start_within_ms=start_within_ms,
        unless=tuple(unless),
        duration=duration or Duration(fixed_ms=HOUR_MS),
        on_restart=on_restart,
    )
    return a_campaign(trigger=trigger, **{"campaign_id": "abandoned-cart", **more})


def a_campaign(**more: Any) -> Campaign:
    """A transactional campaign of one email; words of ``Sending`` may stand among the others."""
    sending = {name: more.pop(name) for name in Sending.__struct_fields__ if name in more}
    defaults: dict[str, Any] = {
        "campaign_id": "viewed",
        "version": "v1",
        "steps": (a_send(),),
        "sending": Sending(**{"category": Category.TRANSACTIONAL, **sending}),
        "reentry": Reentry.ALWAYS,
    }
    return Campaign(**{**defaults, **more})


def a_send(template: str = "hello") -> SendStep:
    """An email."""
    return SendStep(template=template, template_hash=f"hash-of-{template}")


class Catalogue:
    """Stands for the compiler: sources are names of campaigns built by hand."""

    def __init__(self, *campaigns: Campaign) -> None:
        self._campaigns = {source_of(campaign): campaign for campaign in campaigns}

    def __call__(self, source: bytes) -> Campaign:
        return self._campaigns[source]


def source_of(campaign: Campaign) -> bytes:
    """What the Catalogue makes a campaign of."""
    return f"{campaign.campaign_id}/{campaign.version}".encode()


def put(campaign: Campaign, *, seq: int, at_ms: int = T0_MS) -> CampaignPut:
    """The entry that brings a campaign into force."""
    return CampaignPut(
        seq=seq,
        at_ms=at_ms,
        campaign_id=campaign.campaign_id,
        version=campaign.version,
        source=source_of(campaign),
    )


def a_shard(*campaigns: Campaign, limits: ShardLimits | None = None, event_clock: bool = False) -> Shard:
    """A shard that can compile these campaigns; none is in force yet, all customers are in memory."""
    shard = Shard(
        partition=0,
        send_key=b"send-key",
        compile_campaign=Catalogue(*campaigns),
        fuse=fuse,
        limits=limits or ShardLimits(),
        event_clock=event_clock,
    )
    shard.expect((), FOR_EVER_MS)
    return shard


class Story:
    """A shard told what happens, in words: entries get their sequences, customers are admitted as new."""

    def __init__(self, *campaigns: Campaign, limits: ShardLimits | None = None, event_clock: bool = False) -> None:
        self.shard = a_shard(*campaigns, limits=limits, event_clock=event_clock)
        self.entries: list[Entry] = []
        self.seq = 0
        for campaign in campaigns[:1] if _versions(campaigns) else campaigns:
            self.put(campaign)

    def put(self, campaign: Campaign, at_ms: int = 0) -> None:
        self.seq += 1
        self.apply(put(campaign, seq=self.seq, at_ms=T0_MS + at_ms))

    def happens(self, *events: Event, at_ms: int | None = None) -> None:
        """Events come in one entry, at the time of the last of them unless given (since T0)."""
        self.seq += 1
        now_ms = events[-1].occurred_at_ms if at_ms is None else T0_MS + at_ms
        self.apply(EventBatch(seq=self.seq, at_ms=now_ms, events=events))

    def tick(self, at_ms: int) -> None:
        self.seq += 1
        self.apply(Tick(seq=self.seq, at_ms=T0_MS + at_ms))

    def apply(self, entry: Entry) -> None:
        self.entries.append(entry)
        self.seq = entry.seq
        for uid in self.shard.absent(entry):
            self.shard.admit(uid, None, b"")
        self.shard.apply(entry)


def _versions(campaigns: Sequence[Campaign]) -> bool:
    return len({campaign.campaign_id for campaign in campaigns}) < len(campaigns)
