"""What customers do in a run: campaigns, and events whose times are tuned to the campaigns' constants."""

from __future__ import annotations

import json
from collections.abc import Sequence
from random import Random

from sendwhen.domain.partition import customer_uid, routing_hash, routing_key
from sendwhen.v1.event_pb2 import Event
from sendwhen.v1.log_pb2 import CampaignVersion

PARTITIONS = 3
CUSTOMERS = 20
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


def partition_of(user_id: str) -> int:
    """Where a customer lives."""
    return routing_hash(routing_key(user_id=user_id, anonymous_id="", email="")) % PARTITIONS


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
        """One to four events, as (user_id, event), of which some are of one customer."""
        rng = self._rng
        size = min(self._left, rng.choice((1, 1, 2, 4)))
        self._left -= size
        favourite = user(rng.randrange(CUSTOMERS))
        return [
            self._event(favourite if rng.random() < 0.4 else user(rng.randrange(CUSTOMERS)), now_ms)
            for _ in range(size)
        ]

    def _event(self, user_id: str, now_ms: int) -> tuple[str, Event]:
        rng = self._rng
        self._number += 1
        properties: dict[str, object] = {"price": rng.choice((5, 10, 20)), "sku": rng.choice(("x", "y"))}
        if rng.random() < 0.01:
            properties["poison"] = True
        event = Event(
            event_id=f"e{self._number}",
            name=rng.choice(("A", "A", "A", "B", "C", "D")),
            user_id=user_id,
            email=f"{user_id}@example.invalid",
            occurred_at_ms=now_ms - rng.choice((0, 0, 1, 1_000)),
            properties_json=json.dumps(properties).encode(),
        )
        if rng.random() < 0.1:
            event.attributes_json = json.dumps(
                {"consent": rng.choice((True, False)), "tier": rng.randrange(3)}
            ).encode()
        return user_id, event


def step_of_time_ms(rng: Random) -> int:
    """How far time moves between two events: often nothing, often just before, at or after a deadline."""
    window = rng.choice(WINDOWS_MS)
    return rng.choice(
        (0, 0, 1, 50, 500, 2_000, window - 1, window, window + 1) if rng.random() < 0.35 else (0, 0, 1, 50, 500)
    )


def other_payload(events: Sequence[tuple[str, Event]]) -> list[tuple[str, Event]]:
    """The same ids with something else in them, as a broken producer would send."""
    changed = []
    for user_id, event in events:
        copy = Event()
        copy.CopyFrom(event)
        copy.properties_json = b'{"price": 77, "sku": "x"}'
        changed.append((user_id, copy))
    return changed
