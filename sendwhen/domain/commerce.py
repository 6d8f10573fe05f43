"""What a customer has in the cart and has ordered, as the e-commerce events of Segment's spec (v2, and v1's names) say.

Most events say nothing of it: they cost one look into a table of names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite
from types import MappingProxyType
from typing import Any, Final

import msgspec
from msgspec.structs import replace

CART_LINES_LIMIT = 50
"""Lines of a cart; a further one is not taken, counted."""
KNOWN_ORDERS_LIMIT = 16
"""Latest orders whose value is known, so that updates, cancellations and refunds find it; the oldest goes."""
TEXT_LIMIT = 512
"""Characters of a text in a line; a longer one is left out."""
_NUMBER_LIMIT = 1e15
_NUMBER_CHARS = 32


class Line(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A line of a cart. Texts that are not known are empty."""

    product_id: str = ""
    sku: str = ""
    variant: str = ""
    name: str = ""
    brand: str = ""
    category: str = ""
    price: float = 0.0
    quantity: float = 1.0
    coupon: str = ""
    url: str = ""
    image_url: str = ""


class Order(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An order and what it is worth."""

    order_id: str
    value: float


class Commerce(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The state.

    Attributes:
        currency: Of the cart, in capitals; "" where none was told.
        orders, last_order_at_ms, orders_value: How many, log time of the latest, and what they were worth.
        refunded: What was given back of it.
        known: The latest orders, oldest first.
    """

    lines: tuple[Line, ...] = ()
    currency: str = ""
    orders: int = 0
    last_order_at_ms: int = 0
    orders_value: float = 0.0
    refunded: float = 0.0
    known: tuple[Order, ...] = ()


NOTHING = Commerce()
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Commerce).decode


def read(packed: bytes) -> Commerce:
    """The state that was written; b"" for nothing."""
    return _decode(packed) if packed else NOTHING


def write(state: Commerce) -> bytes:
    """As it is kept with the customer."""
    return _encode(state) if state != NOTHING else b""


def applied(packed: bytes, name: str, properties: Mapping[str, Any], at_ms: int) -> tuple[bytes, int]:
    """The packed state after an event of EVENTS, and how many limits overflowed. What is not usable is passed over."""
    before = read(packed)
    after = EVENTS[name](before, properties, at_ms)
    overflows = max(0, len(after.lines) - CART_LINES_LIMIT)
    if overflows:
        after = replace(after, lines=after.lines[:CART_LINES_LIMIT])
    return (packed, overflows) if after == before else (write(after), overflows)


def joined(own: bytes, other: bytes) -> bytes:
    """The state of two customers who are one: a line that both have is one line, an order that both know is one."""
    if not own or not other:
        return own or other
    ours, theirs = read(own), read(other)
    lines = {_key(line): line for line in theirs.lines}
    for line in ours.lines:
        twin = lines.get(_key(line))
        lines[_key(line)] = line if twin is None else replace(line, quantity=max(line.quantity, twin.quantity))
    known = {order.order_id: order for order in theirs.known}
    both = [order for order in ours.known if order.order_id in known]
    known |= {order.order_id: order for order in ours.known}
    return write(
        Commerce(
            lines=tuple(lines.values())[:CART_LINES_LIMIT],
            currency=ours.currency or theirs.currency,
            orders=ours.orders + theirs.orders - len(both),
            last_order_at_ms=max(ours.last_order_at_ms, theirs.last_order_at_ms),
            orders_value=ours.orders_value + theirs.orders_value - sum(order.value for order in both),
            refunded=ours.refunded + theirs.refunded,
            known=tuple(known.values())[-KNOWN_ORDERS_LIMIT:],
        )
    )


def _added(state: Commerce, said: Mapping[str, Any], _at_ms: int) -> Commerce:
    line = _line(said)
    if line is None:
        return state
    key, lines = _key(line), state.lines
    for place, one in enumerate(lines):
        if _key(one) == key:
            more = _merged(one, line, one.quantity + line.quantity)
            lines = (*lines[:place], more, *lines[place + 1 :])
            break
    else:
        lines = (*lines, line)
    return replace(state, lines=lines, currency=_currency(said) or state.currency)


def _removed(state: Commerce, said: Mapping[str, Any], _at_ms: int) -> Commerce:
    line = _line(said)
    if line is None:
        return state
    # Without a quantity the line goes.
    quantity = _number(said.get("quantity"))
    left = []
    for one in state.lines:
        if _key(one) != _key(line):
            left.append(one)
        elif quantity is not None and one.quantity > quantity:
            left.append(replace(one, quantity=one.quantity - quantity))
    return replace(state, lines=tuple(left))


def _shown(state: Commerce, said: Mapping[str, Any], _at_ms: int) -> Commerce:
    """The cart as a whole; where a product comes without a quantity, the known one stays."""
    products = said.get("products")
    if not isinstance(products, list):
        return replace(state, currency=_currency(said) or state.currency)
    known = {_key(one): one for one in state.lines}
    lines: dict[str, Line] = {}
    for product in products:
        line = _line(product) if isinstance(product, dict) else None
        if line is None:
            continue
        before = known.get(_key(line))
        if before is not None:
            counted = _number(product.get("quantity"))
            line = _merged(before, line, before.quantity if counted is None else counted)
        lines[_key(line)] = line
    return replace(state, lines=tuple(lines.values()), currency=_currency(said) or state.currency)


def _ordered(state: Commerce, said: Mapping[str, Any], at_ms: int) -> Commerce:
    order = Order(_text(said.get("order_id")), _value(said))
    state = replace(state, lines=())
    if order.order_id and any(one.order_id == order.order_id for one in state.known):
        return state
    known = (*state.known, order)[-KNOWN_ORDERS_LIMIT:] if order.order_id else state.known
    return replace(
        state,
        orders=state.orders + 1,
        last_order_at_ms=at_ms,
        orders_value=state.orders_value + order.value,
        known=known,
    )


def _updated(state: Commerce, said: Mapping[str, Any], _at_ms: int) -> Commerce:
    order = _known(state, said)
    if order is None or not any(word in said for word in _VALUES):
        return state
    value = _value(said)
    known = tuple(Order(one.order_id, value) if one is order else one for one in state.known)
    return replace(state, orders_value=state.orders_value + value - order.value, known=known)


def _cancelled(state: Commerce, said: Mapping[str, Any], _at_ms: int) -> Commerce:
    order = _known(state, said)
    if order is None:
        return state
    known = tuple(one for one in state.known if one is not order)
    return replace(state, orders=state.orders - 1, orders_value=state.orders_value - order.value, known=known)


def _refunded(state: Commerce, said: Mapping[str, Any], _at_ms: int) -> Commerce:
    order = _known(state, said)
    back = _value(said) if any(word in said for word in _VALUES) else order.value if order else 0.0
    return replace(state, refunded=state.refunded + back)


_LINE_TEXTS = ("variant", "name", "brand", "category", "coupon", "url", "image_url")
_VALUES = ("total", "revenue", "value", "subtotal")
EVENTS: Final[Mapping[str, Callable[[Commerce, Mapping[str, Any], int], Commerce]]] = MappingProxyType(
    {
        **dict.fromkeys(("Product Added", "Added Product", "Wishlist Product Added to Cart"), _added),
        **dict.fromkeys(("Product Removed", "Removed Product"), _removed),
        **dict.fromkeys(("Cart Viewed", "Checkout Started", "Started Order"), _shown),
        **dict.fromkeys(("Order Completed", "Completed Order"), _ordered),
        **dict.fromkeys(("Order Updated", "Updated Order"), _updated),
        "Order Cancelled": _cancelled,
        "Order Refunded": _refunded,
    }
)
"""Names of events that say something of it."""


def _known(state: Commerce, said: Mapping[str, Any]) -> Order | None:
    order_id = _text(said.get("order_id"))
    return next((one for one in state.known if order_id and one.order_id == order_id), None)


def _line(said: Mapping[str, Any]) -> Line | None:
    product_id, sku = _text(said.get("product_id")), _text(said.get("sku"))
    quantity = _number(said.get("quantity"))
    if not (product_id or sku) or (quantity is not None and quantity <= 0):
        return None
    texts = {name: _text(said[name]) for name in _LINE_TEXTS if name in said}
    price = _number(said.get("price")) or 0.0
    return Line(product_id=product_id, sku=sku, price=price, quantity=1.0 if quantity is None else quantity, **texts)


def _key(line: Line) -> str:
    return f"{line.product_id or line.sku}\n{line.variant}"


def _merged(before: Line, after: Line, quantity: float) -> Line:
    """What is told anew counts; what is not told again stays."""
    told = {name: value for name in Line.__struct_fields__ if (value := getattr(after, name))}
    return replace(before, **{**told, "quantity": quantity})


def _value(said: Mapping[str, Any]) -> float:
    return next((number for word in _VALUES if (number := _number(said.get(word))) is not None), 0.0)


def _number(value: object) -> float | None:
    """A number, or a text that is one: prices come as both."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str) and len(value) > _NUMBER_CHARS:
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if isfinite(number) and abs(number) < _NUMBER_LIMIT else None


def _text(value: object) -> str:
    if value.__class__ is str:
        return value if len(value) <= TEXT_LIMIT else ""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    text = str(value) if isinstance(value, str) or abs(value) < _NUMBER_LIMIT else ""
    return text if len(text) <= TEXT_LIMIT else ""


def _currency(said: Mapping[str, Any]) -> str:
    text = _text(said.get("currency")).strip().upper()
    return text if len(text) == 3 else ""
