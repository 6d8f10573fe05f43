"""Conditions: the null rule, errors, positions, and that no text becomes code."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sendwhen.campaigns import compile_condition, compile_expression, fuse
from sendwhen.campaigns.conditions import read_condition
from sendwhen.domain.condition import EventScope
from sendwhen.errors import Invalid

PROPERTIES: dict[str, Any] = {
    "price": 12.5, "count": 3, "sku": "S-1", "gift": True, "none": None, "tags": ["a", "b"],
    "address": {"city": "Köln"}, "big": 2**70,
    "items": [{"price": 5, "name": "x"}, {"price": 50}],
    "many": list(range(2_000)), "nested": [[1, 2], [3]],
}  # fmt: skip
EVENT = EventScope(name="Product Added", id="e1", occurred_at_ms=1_700_000_000_000, properties=PROPERTIES)
CUSTOMER = {"plan": "pro", "email": "a@example.invalid", "consent": True}


def holds(text: str, *, start: EventScope | None = EVENT) -> bool:
    return compile_condition(text).test(EVENT, CUSTOMER, start, 1_700_000_100_000)


@pytest.mark.parametrize(
    "text",
    [
        "event.properties.absent == null",
        'event.properties.absent != "CA"',
        "event.properties.none == null",
        "event.properties.absent.deeper.still == null",
        'event.properties["absent"] == null',
        "!has(event.properties.absent)",
        "has(event.properties.none)",
        "!(event.properties.absent > 5)",
        "!(event.properties.sku > 5)",
        "!(event.properties.gift > 0)",
        "event.properties.gift != 1",
        "event.properties.gift",
        "event.properties.count == 3.0",
        "event.properties.big > 9223372036854775807",
        'event.properties.absent.startsWith("a") || event.properties.count == 3',
        "event.properties.items.exists(i, i.price > 40)",
        'event.properties.items.all(i, i.name == "x" || i.price > 40)',
        "event.properties.nested.exists(l, l.exists(x, x == 3))",
        "event.properties.tags.exists_one(t, t == 'a')",
        'event.properties.sku in ["S-1", "S-2"]',
        '"a" in event.properties.tags',
        'event.properties.address.city == "Köln"',
        'event.properties.address.city.matches("^K.ln$")',
        'now - event.occurred_at == duration("100s")',
        'event.occurred_at > timestamp("2023-11-14T00:00:00Z")',
        "start.properties.sku == event.properties.sku",
        'event.name == "Product Added" && event.id == "e1"',
        'customer.plan == "pro" && customer.consent == true',
        "double(event.properties.count) * event.properties.price == 37.5",
        "size(event.properties.many) == 2000",
    ],
)
def test_is_true(text: str) -> None:
    assert holds(text)


@pytest.mark.parametrize(
    "text",
    [
        "event.properties.absent > 5",
        "event.properties.absent < 5",
        "event.properties.absent >= event.properties.none",
        "event.properties.sku > 5",
        "event.properties.gift == 1",
        "event.properties.count",
        "event.properties.sku",
        # What is an error in CEL is false, and so is its negation.
        'event.properties.absent.startsWith("a")',
        '!event.properties.absent.startsWith("a")',
        "event.properties.tags[5] == null",
        "event.properties.count * event.properties.price > 0.0",
        "event.properties.count / 0 == 0",
        "event.properties.count + 9223372036854775807 > 0",
        "!(event.properties.count)",
        "event.properties.many.exists(x, x == 1)",
        "1 in event.properties.many",
        "event.properties.nested.exists(l, l.exists(x, event.properties.many.size() == 0))",
        "int(event.properties.sku) > 0",
    ],
)
def test_is_false(text: str) -> None:
    assert not holds(text)


def test_a_condition_that_refers_to_start_says_so_and_cannot_be_fused() -> None:
    condition = compile_condition("start.properties.sku == event.properties.sku")
    assert condition.needs_start
    assert not compile_condition("event.properties.sku == 'S-1'").needs_start
    with pytest.raises(Invalid, match="start"):
        fuse([condition])


def test_fused_conditions_answer_in_their_bits() -> None:
    texts = [
        "event.properties.price > 10",
        "event.properties.price > 100",
        "event.properties.price > 10",
        'customer.plan == "pro"',
    ]
    assert fuse([compile_condition(text) for text in texts])(EVENT, CUSTOMER, 0) == 0b1101
    assert fuse([])(EVENT, CUSTOMER, 0) == 0
    many = [compile_condition(f"event.properties.count == {i % 7}") for i in range(500)]
    assert fuse(many)(EVENT, CUSTOMER, 0) == sum(1 << i for i in range(500) if i % 7 == 3)


def test_values_that_json_does_not_have_make_a_condition_false_and_spare_its_neighbours() -> None:
    class Hostile:
        def __eq__(self, other: object) -> bool:
            raise RuntimeError

        __hash__ = object.__hash__

    event = EventScope(name="A", id="1", occurred_at_ms=0, properties={"x": Hostile(), "y": 1})
    conditions = [compile_condition("event.properties.x == 'a'"), compile_condition("event.properties.y == 1")]
    assert fuse(conditions)(event, {}, 0) == 0b10


def test_expressions_give_text_numbers_and_bools_and_null_for_the_rest() -> None:
    def value(text: str) -> Any:
        return compile_expression(text, roots=("event", "customer", "now")).value(EVENT, CUSTOMER, None, 0)

    assert value("event.properties.sku") == "S-1"
    assert value("event.properties.count + 1") == 4
    assert value('event.properties.sku + "/" + event.name') == "S-1/Product Added"
    assert value("event.properties.absent") is None
    assert value("event.properties.tags") is None
    assert value("event.properties.count + event.properties.sku") is None


@pytest.mark.parametrize(
    "text",
    [
        "'",
        '"',
        "\\",
        "__import__('os')",
        "{}",
        "x'); import os; ('",
        "\n\r\t\x0b",
        "\u2028",
        "{0}",
        "%s",
        "é😀",
        "'''",
        '"""',
    ],
)
def test_no_text_becomes_code(text: str) -> None:
    quoted = "".join(f"\\U{ord(c):08x}" for c in text)
    for condition in (
        compile_condition(f'event.properties["{quoted}"] == "{quoted}"'),
        compile_condition(
            f'event.properties["a"]["{quoted}"] in ["{quoted}"] || event.properties["{quoted}"].startsWith("{quoted}")'
        ),
    ):
        event = EventScope(name="A", id="1", occurred_at_ms=0, properties={text: text, "a": {}})
        assert condition.test(event, {}, None, 0)
        assert fuse([condition, condition])(event, {}, 0) == 0b11


@settings(max_examples=400, deadline=None, derandomize=True)
@given(
    st.text(max_size=60)
    | st.text(alphabet="event.properties()[]{}!&|<>=?:+-*/%'\"\\ 0123456789.abxhas,\n", max_size=60)
)
def test_any_text_is_compiled_or_refused_with_a_place(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    condition, flaws = read_condition(text, ("event", "customer", "now"))
    if condition is None:
        assert flaws
        assert all(0 <= flaw.offset <= max(len(text), 1) and flaw.problem and flaw.remedy for flaw in flaws)
    else:
        assert condition.test(EVENT, CUSTOMER, None, 0) in (True, False)


def test_regular_expressions_take_linear_time() -> None:
    event = EventScope(name="A", id="1", occurred_at_ms=0, properties={"s": "a" * 20_000 + "!"})
    assert not compile_condition('event.properties.s.matches("^(a+)+$")').test(event, {}, None, 0)


@pytest.mark.parametrize(
    "text",
    [
        "1 == null",
        "null == null",
        "true == true",
        "dyn(5)",
        "dyn(5) == null",
        "'a' in ['a']",
        "true ? false : true",
        "[1] == null",
    ],
)
def test_conditions_of_literals_alone_compile_without_a_warning(text: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        condition, _ = read_condition(text, ("event",))
    assert condition is None or fuse([condition, condition])(EVENT, {}, 0) in (0, 3)


def test_warnings_stand_where_they_belong() -> None:
    def warned(text: str) -> list[int]:
        return [flaw.offset for flaw in read_condition(text, ("event",))[1]]

    assert warned("!(event.properties.x > 1)") == [21]
    assert warned("!(event.properties.x == 1) && event.properties.x > 1") == []
    assert warned("event.properties.x * 2 > 1") == [19]
    assert warned("double(event.properties.x) * 2.0 > 1.0") == []


PROGRAM = """
from sendwhen.campaigns import compile_condition, fuse
from sendwhen.domain.condition import EventScope
texts = [f"event.properties.p{i % 13} >= {i} && customer.c != 'x' || event.properties.p1 == {i}" for i in range(60)]
conditions = [compile_condition(text) for text in texts]
event = EventScope(name="A", id="1", occurred_at_ms=0, properties={f"p{i}": i * 3 for i in range(13)})
print([c.python for c in conditions], fuse(conditions)(event, {}, 0))
"""


def test_nothing_depends_on_the_hash_seed() -> None:
    root = Path(__file__).parents[2]
    answers = {
        subprocess.run(
            [sys.executable, "-c", PROGRAM],
            cwd=root, env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(root)},
            capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("0", "1", "4242")
    }  # fmt: skip
    assert len(answers) == 1
