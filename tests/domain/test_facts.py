"""What follows from a customer's events: cart, orders, sessions, latest actions."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendwhen.campaigns import compile_condition, compile_expression
from sendwhen.campaigns.customer_schema import DERIVED
from sendwhen.domain import commerce, facts
from sendwhen.domain.customer import Customer, learn
from sendwhen.domain.predicate import Not, Since
from sendwhen.domain.record import read_record, write_record
from sendwhen.domain.shard_limits import ShardLimits
from sendwhen.domain.span import Span
from tests.builders import DAY_MS, HOUR_MS, MINUTE_MS, T0_MS, an_event
from tests.domain.watchers import Watched, entering, leaving

MUG = {"product_id": "mug", "sku": "m-1", "name": "Mug", "price": 12.5, "quantity": 2}
HAT = {"sku": "hat", "variant": "red", "price": "20.00"}


def customer_after(*events: tuple[str, dict[str, Any]], step_ms: int = MINUTE_MS) -> Customer:
    customer = Customer("u")
    for number, (name, properties) in enumerate(events):
        at_ms = T0_MS + number * step_ms
        customer, _ = learn(
            customer,
            an_event(name, properties=properties, at_ms=at_ms),
            seq=number + 1,
            at_ms=at_ms,
            limits=ShardLimits(),
        )
    return read_record(write_record(customer))


def cart(*events: tuple[str, dict[str, Any]]) -> dict[str, float]:
    words = customer_after(*events).scope()["cart"]
    return {line["product_id"] or line["sku"]: line["quantity"] for line in words["lines"]}


def test_products_come_into_the_cart_and_go_by_the_piece() -> None:
    customer = customer_after(("Product Added", {**MUG, "currency": "eur"}), ("Product Added", HAT))
    words = customer.scope()["cart"]

    assert (words["value"], words["currency"]) == (45, "EUR")
    assert words["lines"][0]["name"] == "Mug"
    assert words["lines"][1] == {
        "product_id": "", "sku": "hat", "variant": "red", "name": None, "brand": None, "category": None, "price": 20,
        "quantity": 1, "coupon": None, "url": None, "image_url": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("events", "left"),
    [
        ([("Product Added", MUG), ("Product Added", {**MUG, "quantity": 1})], {"mug": 3}),
        ([("Added Product", MUG), ("Product Removed", {**MUG, "quantity": 1})], {"mug": 1}),
        ([("Product Added", MUG), ("Removed Product", {**MUG, "quantity": 2})], {}),
        ([("Product Added", MUG), ("Product Removed", {"product_id": "mug"})], {}),
        ([("Product Added", HAT), ("Product Removed", {"sku": "hat"})], {"hat": 1}),
        ([("Product Added", {"name": "nobody"})], {}),
        ([("Product Added", {**MUG, "quantity": -1})], {}),
        ([("Product Added", {**MUG, "quantity": "3"})], {"mug": 3}),
        ([("Product Added", MUG), ("Cart Viewed", {"products": [{"product_id": "mug"}, HAT]})], {"mug": 2, "hat": 1}),
        ([("Product Added", MUG), ("Cart Viewed", {"products": []})], {}),
        ([("Product Added", MUG), ("Cart Viewed", {})], {"mug": 2}),
        ([("Product Added", MUG), ("Checkout Started", {"products": [{**HAT, "quantity": 4}]})], {"hat": 4}),
        ([("Product Added", MUG), ("Order Completed", {"total": 1})], {}),
        ([("Product Added", MUG), ("Page Viewed", {})], {"mug": 2}),
        ([("Cart Viewed", {"products": ["odd", 5, None, {"product_id": 7}]})], {"7": 1}),
    ],
)
def test_the_cart_is_what_the_events_say(events: list[tuple[str, dict[str, Any]]], left: dict[str, float]) -> None:
    assert cart(*events) == left


def test_what_is_told_anew_of_a_product_counts_and_the_rest_stays() -> None:
    customer = customer_after(("Product Added", MUG), ("Product Added", {"product_id": "mug", "price": 10}))

    [line] = customer.scope()["cart"]["lines"]
    assert (line["name"], line["price"], line["quantity"]) == ("Mug", 10, 3)


def test_orders_are_counted_once_and_cancelled_changed_or_refunded() -> None:
    customer = customer_after(
        ("Order Completed", {"order_id": "1", "total": "39.95"}),
        ("Order Completed", {"order_id": "1", "total": "39.95"}),
        ("Order Completed", {"order_id": "2", "revenue": 10}),
        ("Order Completed", {"order_id": "3", "total": 5}),
        ("Order Completed", {"value": 1}),
        ("Order Updated", {"order_id": "2", "total": 12}),
        ("Order Updated", {"order_id": "2"}),
        ("Order Cancelled", {"order_id": "3"}),
        ("Order Refunded", {"order_id": "1", "total": 9.95}),
        ("Order Refunded", {"order_id": "2"}),
    )

    words = customer.scope()
    assert words["orders"] == {"count": 3, "last_at": "2023-11-14T22:17:20Z", "value": 52.95}
    assert words["lifetime_value"] == 31


def test_a_session_begins_with_an_event_half_an_hour_after_the_one_before() -> None:
    short = customer_after(*[("Page Viewed", {})] * 3, step_ms=30 * MINUTE_MS - 1)
    long = customer_after(*[("Page Viewed", {})] * 3, step_ms=30 * MINUTE_MS)

    assert short.scope()["sessions"] == {"count": 1, "last_at": "2023-11-14T22:13:20Z"}
    assert long.scope()["sessions"] == {"count": 3, "last_at": "2023-11-14T23:13:20Z"}


def test_the_latest_actions_are_kept_the_latest_first() -> None:
    customer = customer_after(*((f"event {number}", {}) for number in range(8)), ("ä" * 30, {}))

    actions = customer.scope()["last_actions"]
    assert [action["event"] for action in actions] == ["ä" * 30, "event 7", "event 6", "event 5", "event 4"]
    assert actions[0]["at"] == "2023-11-14T22:21:20Z"


def test_first_and_last_seen_are_text_and_an_attribute_of_the_same_name_hides_no_fact() -> None:
    event = an_event("told", attributes={"last_seen": "never", "cart": 5, "plan": "pro"})
    customer, _ = learn(Customer("u"), event, seq=1, at_ms=T0_MS + 5, limits=ShardLimits())

    seen = customer.scope()
    assert seen["last_seen"] == seen["first_seen"] == "2023-11-14T22:13:20.005Z"
    assert seen["cart"]["lines"] == []
    assert seen["plan"] == "pro"
    assert seen.get("nothing") is None


def test_names_are_those_of_the_customer_schema() -> None:
    assert set(DERIVED) == facts.NAMES == set(facts.in_words(Customer("u")))


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("customer.cart.value > 20.0 && size(customer.cart.lines) == 1", True),
        ('customer["cart"].lines.exists(line, line.product_id == "mug")', True),
        ("customer.orders.count == 0 && customer.lifetime_value == 0", True),
        ('timestamp(customer.last_seen) > timestamp("2023-11-14T00:00:00Z")', True),
        ("has(customer.cart) && !has(customer.nothing)", True),
        ('customer.last_actions[0].event == "Product Added"', True),
        ("customer.sessions.count > 1", False),
    ],
)
def test_conditions_ask_for_facts(text: str, holds: bool) -> None:
    scope = customer_after(("Product Added", MUG)).scope()

    assert compile_condition(text, roots=("customer",)).test(None, scope, None, T0_MS) is holds


def test_a_cart_counts_as_a_change_for_who_watches() -> None:
    full = compile_condition("customer.cart.value >= 100.0", roots=("customer",))
    story = Watched(entering(full), leaving(full, campaign_id="leave"))

    story.does("Product Added", 0, properties={"sku": "a", "price": 60})
    story.does("Product Added", 1, properties={"sku": "b", "price": 60})
    story.does("Page Viewed", 2)
    story.does("Product Removed", 3, properties={"sku": "a"})

    assert story.days() == [1, 3]


def test_who_has_not_been_seen_for_thirty_days_is_in_by_time_alone() -> None:
    gone = Since(value=compile_expression("customer.last_seen", roots=("customer",)), at_least=Span(ms=30 * DAY_MS))
    story = Watched(entering(gone), leaving(Not(part=gone), campaign_id="leave", version="other"))

    story.does("Page Viewed", 0)
    story.does("Page Viewed", 10)
    story.tick(39)
    assert story.days() == []

    story.tick(40)
    assert story.days() == [40, 40]


def test_two_who_are_one_have_one_cart_and_each_order_once() -> None:
    order = ("Order Completed", {"order_id": "1", "total": 10})
    own = customer_after(("Product Added", MUG), order, ("Product Added", HAT))
    other = customer_after(
        order,
        ("Order Completed", {"order_id": "2", "total": 5}),
        ("Product Added", {**HAT, "quantity": 3}),
        ("Product Added", MUG),
    )

    facts.join(own, other)

    words = own.scope()
    assert {line["sku"]: line["quantity"] for line in words["cart"]["lines"]} == {"hat": 3, "m-1": 2}
    assert (words["orders"]["count"], words["orders"]["value"]) == (2, 15)
    assert words["sessions"]["count"] == 2
    assert len(words["last_actions"]) == 5
    assert [action["at"] for action in words["last_actions"]] == sorted(
        (action["at"] for action in words["last_actions"]), reverse=True
    )


def test_a_cart_has_a_limit_that_is_counted() -> None:
    customer, overflows = Customer("u"), list[int]()
    for n in range(1, commerce.CART_LINES_LIMIT + 2):
        event = an_event("Product Added", properties={"sku": str(n)})
        customer, over = learn(customer, event, seq=n, at_ms=T0_MS, limits=ShardLimits())
        overflows.append(over)

    assert overflows[-2:] == [0, 1]
    assert len(customer.scope()["cart"]["lines"]) == commerce.CART_LINES_LIMIT


_ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*MUG, "products"]), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(sorted(commerce.EVENTS)),
            st.dictionaries(st.sampled_from([*MUG, "products", "order_id", "total", "currency"]), _ODD, max_size=4),
        ),
        max_size=6,
    )
)
def test_no_property_is_too_odd(events: list[tuple[str, dict[str, Any]]]) -> None:
    """Kills: a money field or product of another type raises, and the event is set aside."""
    packed = b""
    for number, (name, properties) in enumerate(events):
        packed, _ = commerce.applied(packed, name, properties, T0_MS + number * HOUR_MS)

    state = commerce.read(packed)
    assert state == commerce.read(commerce.write(state))
    assert all(line.quantity > 0 for line in state.lines)
    assert commerce.joined(packed, packed) == packed or state.orders > len(state.known) or state.refunded
