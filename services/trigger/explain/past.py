"""What is still known of a customer's past, as a history that can be played again, and what is not known any more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from sendwhen.domain.customer import Customer
from sendwhen.domain.entry import EventBatch
from sendwhen.domain.event import Event
from sendwhen.domain.properties import read_object, read_value
from sendwhen.domain.record import recent_events
from services.trigger.explain.words import at

FOR_EVER_MS: Final = 2**62
Timed = Sequence[tuple[int, Event]]
"""(log time, event), oldest first."""


class Past(msgspec.Struct, frozen=True, kw_only=True):
    """A customer's known history.

    Attributes:
        events: (log time, event), oldest first. One that the log still holds is whole; of others the attributes are not
            known, and long properties are not.
        attributes: What is taken as known before the first of the events: attributes as they are now, or nothing where
            the log tells the whole history.
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
        """The history as entries of a log; what is taken as known is told with the first event."""
        return [
            EventBatch(seq=0, at_ms=at_ms, events=(self._told(event) if number == 0 else self._named(event),))
            for number, (at_ms, event) in enumerate(self.events)
        ]

    def _told(self, event: Event) -> Event:
        own = read_object(event.attributes)
        return replace(self._named(event), attributes=msgspec.json.encode({**self.attributes, **own}))

    def _named(self, event: Event) -> Event:
        return replace(event, email=event.email or self.email, user_id=self.user_id, anonymous_id=self.anonymous_id)


def past_of(customer: Customer, *, until_ms: int, logged: Timed = (), logged_since_ms: int = FOR_EVER_MS) -> Past:
    """What a record still tells, up to an instant, and the log: ``logged`` is complete from ``logged_since_ms`` on."""
    known = {event.event_id: (at_ms, event) for at_ms, event in logged}
    remembered = [
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
        for one in recent_events(customer)
        if one.event_id not in known
    ]
    everything = sorted([*known.values(), *remembered], key=lambda one: one[0])
    events = tuple(one for one in everything if one[0] <= until_ms)
    whole = not remembered and bool(events) and logged_since_ms <= customer.first_seen_at_ms
    fields = {name: read_value(field.value) for name, field in customer.fields.items() if field.value}
    return Past(
        uid=customer.uid,
        user_id=customer.user_id,
        anonymous_id=customer.anonymous_ids[-1] if customer.anonymous_ids else "",
        email=customer.email,
        events=events,
        attributes={} if whole else fields,
        unknown=() if whole else tuple(_unknown(customer, events, until_ms)),
    )


def _unknown(customer: Customer, events: Timed, until_ms: int) -> list[str]:
    said = []
    if not events:
        return ["No event up to then is remembered." if customer.recent_count else "No event is remembered."]
    if events[0][0] > customer.first_seen_at_ms:
        said.append(
            f"What happened before {at(events[0][0])} is not remembered (the customer is known since "
            f"{at(customer.first_seen_at_ms)}; {len(events)} events are)."
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
