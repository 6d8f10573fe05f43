"""Which emails the log's events must lead to: a loop over entries that shares nothing with the domain."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

CART_MS = 2_000
LAST_CALL_MS = 1_000


class Logged(NamedTuple):
    """An event as the log has it; ``at_ms`` is log time."""

    event_id: str
    name: str
    user_id: str
    at_ms: int
    properties: dict[str, Any]


class Email(NamedTuple):
    """An email that must be decided exactly once."""

    campaign: str
    user_id: str
    due_at_ms: int


@dataclass(slots=True)
class _Cart:
    deadline_ms: int | None = None
    last_calls_ms: list[int] = field(default_factory=list)


def expected_emails(events: Iterable[Logged]) -> Counter[Email]:
    """All emails of the three campaigns; ``events`` in the order of their log, without repetitions."""
    emails: Counter[Email] = Counter()
    carts: dict[str, _Cart] = {}
    for event in events:
        cart = carts.setdefault(event.user_id, _Cart())
        _let_time_pass(cart, event.user_id, event.at_ms, emails)
        if event.name == "Product Added":
            cart.deadline_ms = event.at_ms + CART_MS
        elif event.name == "Order Completed":
            cart.deadline_ms = None
            cart.last_calls_ms.clear()
            if event.properties["total"] >= 50:
                emails[Email("receipt", event.user_id, event.at_ms)] += 1
        elif event.name == "Seat Freed":
            emails[Email("seat-freed", event.user_id, event.at_ms)] += 1
    for user_id, cart in carts.items():
        _let_time_pass(cart, user_id, 1 << 62, emails)
    return emails


def _let_time_pass(cart: _Cart, user_id: str, now_ms: int, emails: Counter[Email]) -> None:
    if cart.deadline_ms is not None and cart.deadline_ms <= now_ms:
        emails[Email("abandoned", user_id, cart.deadline_ms)] += 1
        cart.last_calls_ms.append(cart.deadline_ms + LAST_CALL_MS)
        cart.deadline_ms = None
    for due_ms in [due_ms for due_ms in cart.last_calls_ms if due_ms <= now_ms]:
        emails[Email("abandoned", user_id, due_ms)] += 1
        cart.last_calls_ms.remove(due_ms)
