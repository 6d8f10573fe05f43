"""A customer as committed, as the message that profile and explanations answer with."""

from __future__ import annotations

import msgspec

from sendwhen.domain.customer import Customer
from sendwhen.domain.facts import in_words
from sendwhen.domain.record import recent_events
from sendwhen.domain.run import Run
from sendwhen.v1 import customer_pb2, decision_pb2


def customer_message(customer: Customer, *, partition: int) -> customer_pb2.Customer:
    """The message of a customer; removed attributes are left out, their tombstones stay inside."""
    message = customer_pb2.Customer(
        uid=customer.uid,
        user_id=customer.user_id,
        anonymous_ids=customer.anonymous_ids,
        email=customer.email,
        partition=partition,
        seq=customer.seq,
        changed_at_ms=customer.changed_at_ms,
        first_seen_at_ms=customer.first_seen_at_ms,
        last_seen_at_ms=customer.last_seen_at_ms,
        facts_json=msgspec.json.encode(in_words(customer)),
        recent_events=[
            customer_pb2.RecentEvent(
                event_id=event.event_id,
                name=event.name,
                occurred_at_ms=event.occurred_at_ms,
                logged_at_ms=event.logged_at_ms,
                properties_json=event.properties,
            )
            for event in recent_events(customer)
        ],
    )
    for name, field in customer.fields.items():
        if field.value:
            message.fields[name].CopyFrom(
                customer_pb2.Field(
                    value_json=field.value, occurred_at_ms=field.occurred_at_ms, seq=field.seq, source=field.source
                )
            )
    return message


def waiting_message(run: Run) -> decision_pb2.Decision:
    """An open run as KIND_WAITING until its deadline."""
    return decision_pb2.Decision(
        kind=decision_pb2.Decision.KIND_WAITING,
        campaign_id=run.campaign_id,
        version=run.version,
        run_id=run.run_id,
        key=run.key,
        decided_at_ms=run.start_at_ms,
        due_at_ms=run.due_at_ms,
        reason=run.held,
        event_id=run.start.event_id,
    )
