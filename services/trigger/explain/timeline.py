"""One customer in one list by time: events, decisions, waits that are open, and what became of emails."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from sendwhen.domain.customer import Customer
from sendwhen.domain.record import recent_events, remembered_decisions
from services.trigger.explain.sentences import did, state_said
from services.trigger.explain.words import at
from services.trigger.front_ports import SentEmail

PROPERTIES_CHARS: Final = 200


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One thing.

    Attributes:
        kind: "event", "decision", "wait" (still open, at its deadline) or "email" (when its state last changed).
        reference: The event's id, the run's, or the email's.
    """

    at_ms: int
    kind: str
    text: str
    campaign_id: str = ""
    reference: str = ""


_ORDER: Final = ("event", "decision", "email", "wait")


def timeline(customer: Customer, emails: Iterable[tuple[SentEmail, int]]) -> list[Item]:
    """All that is remembered, oldest first; ``emails`` with the instant of their last change."""
    items = [
        Item(
            at_ms=event.logged_at_ms,
            kind="event",
            text=f"“{event.name}” {event.properties.decode(errors='replace')[:PROPERTIES_CHARS]}".rstrip(),
            reference=event.event_id,
        )
        for event in recent_events(customer)
    ]
    campaigns = {}
    for decision in remembered_decisions(customer):
        if decision.send_id:
            campaigns[decision.send_id] = decision.campaign_id
        items.append(
            Item(
                at_ms=decision.at_ms,
                kind="decision",
                text=did(decision),
                campaign_id=decision.campaign_id,
                reference=decision.run_id,
            )
        )
    for email, changed_ms in emails:
        items.append(
            Item(
                at_ms=changed_ms,
                kind="email",
                text=state_said(email),
                campaign_id=campaigns.get(email.send_id, ""),
                reference=email.send_id,
            )
        )
    items += [
        Item(
            at_ms=run.due_at_ms,
            kind="wait",
            text=f"waits until then{f' for {run.key}' if run.key else ''}, since {at(run.start_at_ms)}",
            campaign_id=run.campaign_id,
            reference=run.run_id,
        )
        for run in customer.runs
    ]
    return sorted(items, key=lambda item: (item.at_ms, _ORDER.index(item.kind)))
