"""The load of the pipeline's measurements: ten campaigns, 100,000 customers, and batches of their events as bytes."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from sendwhen.v1 import event_pb2
from sendwhen.v1 import ingest_service_pb2 as pb

CUSTOMERS = 100_000
KINDS = 5
"""Campaigns of each kind."""

_MATCH = """campaign: match-{n}
trigger:
  match: {{event: Product Viewed, where: event.properties.price > 100 && event.properties.category == "hit{n}"}}
steps: [{{send: hello}}]
send: {{category: transactional}}
"""
_ABSENCE = """campaign: absence-{n}
trigger:
  absence:
    start: {{event: Product Added, where: event.properties.price > 900 && event.properties.category == "c{n}"}}
    unless: [{{event: Order Completed}}]
    for: 1h
steps: [{{send: hello}}]
send: {{category: transactional}}
"""
# The subject says which event it was, so that what the provider gets can be found in the log.
_SUBJECT = "{{ event.id }}"
_TEXT = "Hello {{ customer.first_name | default: 'you' }},\n\nyour {{ event.properties.sku }} waits.\n"
_HTML = "<h1>Hello {{ customer.first_name | default: 'you' }}</h1><p>Your <b>{{ event.properties.sku }}</b> waits.</p>"

_NAMES = ("Product Viewed", "Product Added", "Order Completed", "Page Viewed", "Searched")
_WEIGHTS = (30, 10, 3, 47, 10)


def write_campaigns(folder: Path) -> None:
    """Ten campaign folders, five of each kind; with two conditions each."""
    for kind, text in (("match", _MATCH), ("absence", _ABSENCE)):
        for number in range(KINDS):
            campaign = folder / f"{kind}-{number}"
            campaign.mkdir(parents=True)
            (campaign / "campaign.yaml").write_text(text.format(n=number))
            (campaign / "hello.subject.liquid").write_text(_SUBJECT)
            (campaign / "hello.text.liquid").write_text(_TEXT)
            (campaign / "hello.html.liquid").write_text(_HTML)


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Batches ready to be written.

    Attributes:
        batches: Serialised sendwhen.v1.TrackStreamRequest.
        events: How many there are in all.
        hits: Ids of events that lead to an email at once.
    """

    batches: Sequence[bytes]
    events: int
    hits: frozenset[str]


def customers(batch: int = 500) -> Load:
    """One event for each customer, which makes it known."""

    def events() -> Iterator[event_pb2.Event]:
        for number in range(CUSTOMERS):
            yield event_pb2.Event(
                event_id=f"signup-{number}",
                name="Signed Up",
                user_id=f"user-{number}",
                email=f"user-{number}@example.invalid",
                attributes_json=b'{"consent":true,"first_name":"Ada","plan":"pro"}',
            )

    return load(events(), batch, frozenset())


def shopping(name: str, *, events: int, batch: int, hit_share: float, seed: int = 1) -> Load:
    """Events of customers who look around; ``hit_share`` of them lead to an email by a match campaign.

    Args:
        name: Goes into the ids, so that no two loads share one.
        events: How many.
        batch: Of how many each.
        hit_share: Evenly spread, not by chance: a measurement of seconds is to have as many as one of minutes.
        seed: Of all chance.
    """
    chance = random.Random(seed)
    every = round(1 / hit_share)
    ids = [f"{name}-{number:09d}" for number in range(0, events, every)]

    def made() -> Iterator[event_pb2.Event]:
        for number in range(events):
            hit = number % every == 0
            properties = {
                "sku": f"S{chance.randrange(5_000)}",
                "price": 200 if hit else chance.randrange(1_000),
                "category": f"hit{number // every % KINDS}" if hit else f"c{chance.randrange(20)}",
                "url": f"https://shop.example/p/{number}",
            }
            yield event_pb2.Event(
                event_id=f"{name}-{number:09d}",
                name="Product Viewed" if hit else chance.choices(_NAMES, _WEIGHTS)[0],
                user_id=f"user-{chance.randrange(CUSTOMERS)}",
                properties_json=msgspec.json.encode(properties),
            )

    return load(made(), batch, frozenset(ids))


def load(events: Iterator[event_pb2.Event], batch: int, hits: frozenset[str] = frozenset()) -> Load:
    """Events as batches of so many."""
    batches, total, waiting = [], 0, list[event_pb2.Event]()
    for event in events:
        waiting.append(event)
        total += 1
        if len(waiting) == batch:
            batches.append(_request(len(batches) + 1, waiting))
            waiting = []
    if waiting:
        batches.append(_request(len(batches) + 1, waiting))
    return Load(batches=batches, events=total, hits=hits)


def _request(number: int, events: Sequence[event_pb2.Event]) -> bytes:
    return pb.TrackStreamRequest(batch_number=number, events=events).SerializeToString()
