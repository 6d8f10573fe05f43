"""A stored customer record as the outside sees it (sendwhen.v1.Customer)."""

from __future__ import annotations

from sendwhen.domain.record import read_record, recent_events
from sendwhen.v1.customer_pb2 import Customer, Field, RecentEvent


def record_message(record: bytes, *, partition: int) -> Customer:
    """The customer. Attributes that were removed are left out.

    Raises:
        Precondition: A later version of sendwhen wrote it.
    """
    known = read_record(record)
    return Customer(
        uid=known.uid,
        user_id=known.user_id,
        anonymous_ids=known.anonymous_ids,
        email=known.email,
        fields={
            name: Field(value_json=field.value, occurred_at_ms=field.occurred_at_ms, seq=field.seq, source=field.source)
            for name, field in known.fields.items()
            if field.value
        },
        partition=partition,
        seq=known.seq,
        changed_at_ms=known.changed_at_ms,
        first_seen_at_ms=known.first_seen_at_ms,
        last_seen_at_ms=known.last_seen_at_ms,
        recent_events=[
            RecentEvent(
                event_id=event.event_id,
                name=event.name,
                occurred_at_ms=event.occurred_at_ms,
                logged_at_ms=event.logged_at_ms,
                properties_json=event.properties,
            )
            for event in recent_events(known)
        ],
    )
