"""What an email's template may use of the customer and the events that led to it."""

from __future__ import annotations

import msgspec

from sendwhen.domain.customer import Customer
from sendwhen.domain.facts import in_words
from sendwhen.domain.run import Run, StartEvent


def send_context(customer: Customer, run: Run) -> bytes:
    """JSON for templates: ``event``, ``start``, ``customer`` and what the trigger captured and measured."""
    start = _event_context(run.start)
    event = start if run.event is None else _event_context(run.event)
    attributes: dict[str, object] = {
        name: msgspec.Raw(field.value) for name, field in customer.fields.items() if field.value
    }
    attributes |= in_words(customer)
    attributes["email"] = customer.email
    attributes["user_id"] = customer.user_id or None
    attributes["anonymous_id"] = customer.anonymous_ids[-1] if customer.anonymous_ids else None
    context: dict[str, object] = {"event": event, "start": start, "customer": attributes}
    if run.captured:
        context["steps"] = {name: _event_context(one) for name, one in run.captured.items()}
    if run.value is not None:
        context["trigger"] = {"value": int(run.value) if run.value.is_integer() else run.value}
    return msgspec.json.encode(context)


def _event_context(event: StartEvent) -> dict[str, object]:
    return {
        "name": event.name,
        "id": event.event_id,
        "occurred_at_ms": event.occurred_at_ms,
        "properties": msgspec.Raw(event.properties or b"{}"),
    }
