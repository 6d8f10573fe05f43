"""What customers do in a run: campaigns, and events whose times are tuned to the campaigns' constants."""

from __future__ import annotations

import json
from collections.abc import Sequence
from random import Random

from sendwhen.domain.partition import customer_uid, routing_hash, routing_key
from sendwhen.domain.transfer import Adopt, Delete, Transfer
from sendwhen.v1.event_pb2 import Event
from sendwhen.v1.log_pb2 import CampaignVersion

PARTITIONS = 3
CUSTOMERS = 14
VISITORS = 12
VISITOR_MS = 100_000
"""So short a life of a visitor that some are forgotten in most runs."""
RECENT_EVENTS = 8
"""So few events remembered that what came before matters no more to whoever is joined."""
IDENTITIES = 4
"""So few identities of one customer that some are refused."""
MINUTE_EVENTS = 12
"""So few events of one customer within a minute that some are capped in most runs."""
WINDOWS_MS = (60_000, 30_000, 45_000, 20_000)
"""Lengths of the campaigns' waits and cooldowns; steps of time are drawn from them, so that boundaries are common."""

CAMPAIGNS: dict[str, str] = {
    "cart": """
campaign: cart
trigger:
  absence:
    start: {event: A, where: event.properties.price >= 10}
    unless: [{event: B}]
    for: 60s
steps:
  - send: mail
send: {category: transactional}
max_lateness: none
max_event_age: none
""",
    "keyed": """
campaign: keyed
trigger:
  absence:
    start: {event: A}
    unless: [{event: B, where: event.properties.price > start.properties.price}]
    for: 30s
    on_restart: parallel
per: event.properties.sku
steps:
  - send: mail
send: {category: transactional, in_doubt: at_least_once}
max_lateness: none
max_event_age: none
""",
    "thanks": """
campaign: thanks
trigger:
  match: {event: B}
steps:
  - send: mail
  - wait: 20s
    exit_on: [{event: C}]
  - send: mail
reentry: {cooldown: 45s}
send: {category: transactional}
max_lateness: none
max_event_age: none
""",
    "once": """
campaign: once
trigger:
  match: {event: C}
steps:
  - send: mail
reentry: once
max_lateness: none
max_event_age: none
""",
}

TEMPLATE_HASH = "0" * 32


def campaign_versions() -> list[tuple[str, CampaignVersion]]:
    """The campaigns as entries carry them."""
    return [
        (name, CampaignVersion(version=f"{name}-1", source_yaml=text.encode(), template_hashes={"mail": TEMPLATE_HASH}))
        for name, text in CAMPAIGNS.items()
    ]


def user(number: int) -> str:
    """The id of customer ``number``."""
    return f"customer-{number}"


def visitor(number: int) -> str:
    """The id of visitor ``number``."""
    return f"visitor-{number}"


def partition_of(key: str) -> int:
    """Where the customer of a routing key lives."""
    return routing_hash(key) % PARTITIONS


def key_of(event: Event) -> str:
    """The routing key of an event."""
    return routing_key(user_id=event.user_id, anonymous_id=event.anonymous_id, email="")


def uid_of(user_id: str) -> str:
    """Our own id of a customer."""
    return customer_uid(routing_key(user_id=user_id, anonymous_id="", email=""))


class Script:
    """Makes events, one after another, from the run's random numbers."""

    def __init__(self, rng: Random, *, events: int) -> None:
        self._rng = rng
        self._left = events
        self._number = 0

    @property
    def done(self) -> bool:
        """No event is left."""
        return self._left <= 0

    def next_batch(self, now_ms: int) -> list[tuple[str, Event]]:
        """One to four events, as (routing key, event), of which some are of one customer."""
        rng = self._rng
        size = min(self._left, rng.choice((1, 1, 2, 4)))
        self._left -= size
        favourite = self._someone()
        return [self._event(*(favourite if rng.random() < 0.4 else self._someone()), now_ms) for _ in range(size)]

    def next_wish(self) -> tuple[str, Transfer]:
        """What an operator wants, as (routing key of whom it goes to, transfer)."""
        rng = self._rng
        key, other = self._key(), self._key()
        if rng.random() < 0.2:
            return key, Delete(customer_uid(key))
        return key, Adopt(customer_uid(key), key, other, both_known=rng.random() < 0.5)

    def _key(self) -> str:
        user_id, anonymous_id = self._someone()
        return routing_key(user_id=user_id, anonymous_id="" if user_id else anonymous_id, email="")

    def _someone(self) -> tuple[str, str]:
        """(user_id, anonymous_id): a customer, a visitor, or both at once, who are tied by that."""
        rng = self._rng
        chance = rng.random()
        if chance < 0.55:
            return user(rng.randrange(CUSTOMERS)), ""
        if chance < 0.92:
            return "", visitor(rng.randrange(VISITORS))
        return user(rng.randrange(CUSTOMERS)), visitor(rng.randrange(VISITORS))

    def _event(self, user_id: str, anonymous_id: str, now_ms: int) -> tuple[str, Event]:
        rng = self._rng
        self._number += 1
        properties: dict[str, object] = {"price": rng.choice((5, 10, 20)), "sku": rng.choice(("x", "y"))}
        if rng.random() < 0.01:
            properties["poison"] = True
        event = Event(
            event_id=f"e{self._number}",
            name=rng.choice(("A", "A", "A", "B", "C", "D")),
            user_id=user_id,
            anonymous_id=anonymous_id,
            email=f"{user_id}@example.invalid" if user_id else "",
            occurred_at_ms=now_ms - rng.choice((0, 0, 1, 1_000)),
            properties_json=json.dumps(properties).encode(),
        )
        if rng.random() < 0.1:
            event.attributes_json = json.dumps(
                {"consent": rng.choice((True, False)), "tier": rng.randrange(3)}
            ).encode()
        if rng.random() < 0.03:
            event.previous_id = rng.choice((visitor(rng.randrange(VISITORS)), "user:" + user(rng.randrange(CUSTOMERS))))
        return key_of(event), event


def step_of_time_ms(rng: Random) -> int:
    """How far time moves between two events: often nothing, often just before, at or after a deadline."""
    window = rng.choice(WINDOWS_MS)
    return rng.choice(
        (0, 0, 1, 50, 500, 2_000, window - 1, window, window + 1) if rng.random() < 0.35 else (0, 0, 1, 50, 500)
    )


def other_payload(events: Sequence[tuple[str, Event]]) -> list[tuple[str, Event]]:
    """The same ids with something else in them, as a broken producer would send."""
    changed = []
    for key, event in events:
        copy = Event()
        copy.CopyFrom(event)
        copy.properties_json = b'{"price": 77, "sku": "x"}'
        changed.append((key, copy))
    return changed
