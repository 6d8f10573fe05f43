"""Ten filters of one event: fused Python against the CEL library with one shared activation."""

from __future__ import annotations

import timeit
from datetime import UTC, datetime

from bench.figures import Figure
from sendwhen.campaigns import compile_condition, fuse
from sendwhen.campaigns.cel_library import library_environment
from sendwhen.domain.condition import EventScope

ROOTS = ("event", "customer", "now")
FILTERS = [
    "event.properties.price > 10",
    'event.properties.price > 10 && customer.plan == "pro"',
    'event.properties.category in ["shoes", "bags"]',
    'event.properties.currency != "EUR" && event.properties.price >= 50',
    "has(event.properties.coupon)",
    'event.properties.sku.startsWith("S-") || event.properties.price > 200',
    "event.properties.quantity >= 2 && customer.orders < 3",
    'customer.country == "DE" && customer.consent == true',
    'event.properties.category == "shoes" && !(customer.plan == "pro")',
    "event.properties.price < 100",
]
PROPERTIES = {
    "price": 59.9,
    "category": "shoes",
    "currency": "USD",
    "sku": "S-1002",
    "quantity": 2,
    "brand": "Acme",
    "color": "red",
    "size": 42,
}
CUSTOMER = {"plan": "pro", "orders": 2, "country": "DE", "consent": True, "email": "a@example.invalid", "user_id": "c1"}
NOW_MS = 1_700_000_000_000


def measure() -> list[Figure]:
    """Microseconds for all ten filters of one event, and how many times longer the library takes."""
    event = EventScope(name="Product Added", id="e1", occurred_at_ms=NOW_MS, properties=PROPERTIES)
    conditions = [compile_condition(text, roots=ROOTS) for text in FILTERS]
    fused = fuse(conditions)
    environment = library_environment(ROOTS)
    compiled = [environment.compile(text) for text in FILTERS]
    values = {
        "event.properties": PROPERTIES,
        "event.name": event.name,
        "customer": CUSTOMER,
        "now": datetime.fromtimestamp(NOW_MS / 1000, UTC),
    }

    def library() -> list[object]:
        activation = environment.Activation(values)
        return [expression.eval(activation).value() for expression in compiled]

    def single() -> list[bool]:
        return [condition.test(event, CUSTOMER, None, NOW_MS) for condition in conditions]

    assert (
        [value is True for value in library()]
        == single()
        == [bool(fused(event, CUSTOMER, NOW_MS) >> bit & 1) for bit in range(len(FILTERS))]
    )
    fused_us = _best_us(lambda: fused(event, CUSTOMER, NOW_MS), 20_000)
    single_us = _best_us(single, 5_000)
    library_us = _best_us(library, 2_000)
    beside = {"reference": "CEL library, one activation", "reference_value": library_us}
    return [
        Figure(name="conditions.fused", value=fused_us, unit="us", **beside),
        Figure(name="conditions.single", value=single_us, unit="us", **beside),
        Figure(
            name="conditions.library_over_fused", value=library_us / fused_us, unit="times", must="at least", bound=10
        ),
    ]


def _best_us(call: object, number: int) -> float:
    return min(timeit.repeat(call, number=number, repeat=5)) / number * 1e6  # type: ignore[arg-type]  # any callable
