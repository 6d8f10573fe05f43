"""What follows from a customer's events without anybody declaring it: ``customer.cart``, ``customer.orders`` and so on.

It is kept up with every event in a few nanoseconds, and put into words only when somebody asks. Names and shapes are
those of ``sendwhen.campaigns.customer_schema``; an attribute of the same name does not hide a fact.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sendwhen.domain import commerce
from sendwhen.domain.calendar import instant_text
from sendwhen.domain.properties import read_object

if TYPE_CHECKING:
    from sendwhen.domain.customer import Customer
    from sendwhen.domain.event import Event

NAMES = frozenset({"cart", "orders", "lifetime_value", "first_seen", "last_seen", "sessions", "last_actions"})
MOVING = ("first_seen", "last_seen", "sessions", "last_actions")
"""Facts that every event may change."""
SESSION_GAP_MS = 30 * 60_000
"""A session begins with an event so long after the one before."""
ACTIONS_LIMIT = 5
"""Latest actions that are shown; the oldest goes."""
_COMMERCE = frozenset(commerce.EVENTS)
_ACTION_NAME_BYTES = 64
_TIME_BYTES = 6
_ACTIONS_BYTES = 160
"""Room for the latest actions: as many as are shown, fewer where names are long."""


def actions_after(actions: bytes, name: str, at_ms: int) -> bytes:
    """Latest actions, packed, after one more."""
    actions += _action(name, at_ms)
    over, at = len(actions) - _ACTIONS_BYTES, 0
    while at < over:
        at += 1 + actions[at] + _TIME_BYTES
    return actions[at:]


def keep_up(customer: Customer, event: Event, at_ms: int, *, last_seen_at_ms: int) -> int:
    """Take in an event but for the latest actions, ``last_seen_at_ms`` being that of the one before; overflows."""
    if not customer.sessions or at_ms - last_seen_at_ms >= SESSION_GAP_MS:
        customer.sessions += 1
        customer.session_at_ms = at_ms
    if event.name not in _COMMERCE:
        return 0
    customer.commerce, overflows = commerce.applied(customer.commerce, event.name, read_object(event.properties), at_ms)
    return overflows


def join(own: Customer, other: Customer) -> None:
    """Let ``own`` have what followed from the events of both."""
    own.commerce = commerce.joined(own.commerce, other.commerce)
    own.sessions += other.sessions
    own.session_at_ms = max(own.session_at_ms, other.session_at_ms)
    both = sorted([*_actions(own.actions), *_actions(other.actions)], key=lambda action: action[1])
    own.actions = _packed(both[-ACTIONS_LIMIT:])


class CustomerView(dict[str, Any]):
    """A customer as conditions see one: attributes as they are, facts worked out when asked for by ``[]``."""

    __slots__ = ("_customer",)

    def __init__(self, attributes: Mapping[str, Any], customer: Customer) -> None:
        super().__init__(attributes)
        self._customer = customer

    def __missing__(self, name: str) -> Any:
        """Called where there is no such attribute."""
        if name not in NAMES:
            raise KeyError(name)
        value = self[name] = _WORDS[name](self._customer)
        return value


def in_words(customer: Customer) -> dict[str, Any]:
    """All facts by their names."""
    return {name: say(customer) for name, say in _WORDS.items()}


def _cart(customer: Customer) -> dict[str, Any]:
    state = commerce.read(customer.commerce)
    value = round(sum((line.price * line.quantity for line in state.lines), 0.0), 4)
    return {
        "lines": [_line(line) for line in state.lines],
        "value": _number(value),
        "currency": state.currency or None,
    }


def _line(line: commerce.Line) -> dict[str, Any]:
    said: dict[str, Any] = {name: getattr(line, name) for name in commerce.Line.__struct_fields__}
    optional = {name: said[name] or None for name in said if name not in ("product_id", "sku", "price", "quantity")}
    return {**said, **optional, "price": _number(line.price), "quantity": _number(line.quantity)}


def _orders(customer: Customer) -> dict[str, Any]:
    state = commerce.read(customer.commerce)
    return {
        "count": state.orders,
        "last_at": instant_text(state.last_order_at_ms) if state.last_order_at_ms else None,
        "value": _number(round(state.orders_value, 4)),
    }


def _lifetime_value(customer: Customer) -> float:
    state = commerce.read(customer.commerce)
    return _number(round(state.orders_value - state.refunded, 4))


def _sessions(customer: Customer) -> dict[str, Any]:
    last_at = instant_text(customer.session_at_ms) if customer.session_at_ms else None
    return {"count": customer.sessions, "last_at": last_at}


def _last_actions(customer: Customer) -> list[dict[str, Any]]:
    return [
        {"event": name.decode("utf-8", "ignore"), "at": instant_text(at_ms)}
        for name, at_ms in reversed(_actions(customer.actions))
    ]


# The events of an entry share its time, and a few names.
@lru_cache(maxsize=4_096)
def _action(name: str, at_ms: int) -> bytes:
    encoded = name.encode("utf-8", "replace")[:_ACTION_NAME_BYTES]
    return bytes([len(encoded)]) + encoded + at_ms.to_bytes(_TIME_BYTES, "big")


def _packed(actions: Sequence[tuple[bytes, int]]) -> bytes:
    return b"".join(b"%c%b%b" % (len(name), name, at_ms.to_bytes(_TIME_BYTES, "big")) for name, at_ms in actions)


def _actions(packed: bytes) -> Sequence[tuple[bytes, int]]:
    """The latest, oldest first."""
    actions, at = [], 0
    while at < len(packed):
        end = at + 1 + packed[at]
        actions.append((packed[at + 1 : end], int.from_bytes(packed[end : end + _TIME_BYTES], "big")))
        at = end + _TIME_BYTES
    return actions[-ACTIONS_LIMIT:]


def _number(value: float) -> float:
    return int(value) if value.is_integer() else value


_WORDS = {
    "cart": _cart,
    "orders": _orders,
    "lifetime_value": _lifetime_value,
    "first_seen": lambda customer: instant_text(customer.first_seen_at_ms),
    "last_seen": lambda customer: instant_text(customer.last_seen_at_ms),
    "sessions": _sessions,
    "last_actions": _last_actions,
}
