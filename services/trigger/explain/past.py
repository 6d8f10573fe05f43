"""What is still known of a customer's past, as a history that can be played again, and what is not known any more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from sendwhen.domain.customer import Customer
from sendwhen.domain.entry import EventBatch
from sendwhen.domain.event import Event
from sendwhen.domain.properties import read_value
from sendwhen.domain.record import recent_events
from services.trigger.explain.words import at


class Past(msgspec.Struct, frozen=True, kw_only=True):
    """A customer's remembered history.

    Attributes:
        events: (log time, event), oldest first; the properties of ``shortened`` of them were too long to be kept.
        attributes: As they are now: their past is not kept.
        unknown: Sentences on what is not known.
    """

    uid: str
    user_id: str
    anonymous_id: str
    email: str
    events: tuple[tuple[int, Event], ...]
    attributes: Mapping[str, Any]
    unknown: tuple[str, ...] = ()

    def entries(self) -> list[EventBatch]:
        """The history as entries of a log; what is known of the customer is told with the first event."""
        told = msgspec.json.encode(self.attributes)
        return [
            EventBatch(
                seq=0,
                at_ms=at_ms,
                events=(
                    msgspec.structs.replace(
                        event,
                        attributes=told if number == 0 else b"",
                        email=self.email,
                        user_id=self.user_id,
                        anonymous_id=self.anonymous_id,
                    ),
                ),
            )
            for number, (at_ms, event) in enumerate(self.events)
        ]


def past_of(customer: Customer, *, until_ms: int) -> Past:
    """What a record still tells, up to an instant."""
    recent = recent_events(customer)
    events = tuple(
        (
            one.logged_at_ms,
            Event(
                event_id=one.event_id,
                name=one.name,
                uid=customer.uid,
                occurred_at_ms=one.occurred_at_ms,
                properties=one.properties,
            ),
        )
        for one in recent
        if one.logged_at_ms <= until_ms
    )
    return Past(
        uid=customer.uid,
        user_id=customer.user_id,
        anonymous_id=customer.anonymous_ids[-1] if customer.anonymous_ids else "",
        email=customer.email,
        events=events,
        attributes={name: read_value(field.value) for name, field in customer.fields.items() if field.value},
        unknown=tuple(_unknown(customer, events, until_ms)),
    )


def _unknown(customer: Customer, events: tuple[tuple[int, Event], ...], until_ms: int) -> list[str]:
    said = []
    if not events:
        return ["No event up to then is remembered." if customer.recent_count else "No event is remembered."]
    if events[0][0] > customer.first_seen_at_ms:
        said.append(
            f"What happened before {at(events[0][0])} is not remembered (the customer is known since "
            f"{at(customer.first_seen_at_ms)}; the latest {len(events)} events are kept)."
        )
    without = sum(not event.properties for _, event in events)
    if without:
        said.append(f"{without} of the events had no properties, or properties too long to be kept.")
    changed = sorted(name for name, field in customer.fields.items() if field.occurred_at_ms > events[0][0])
    if changed:
        said.append(
            f"Attributes are taken as they are now; what these were before is not known: {', '.join(changed[:8])}."
        )
    if any(field.occurred_at_ms > until_ms for field in customer.fields.values()):
        said.append("Some attributes were told after the instant asked about.")
    return said
