"""Every compiled condition answers as the CEL library does, but for the one documented deviation (see
cel_generator)."""

from __future__ import annotations

import math
from typing import Any

import pytest
from cel_expr_python import cel

from sendwhen.campaigns.cel_library import ROOTS, library_expression
from sendwhen.campaigns.cel_runtime import ORDERINGS
from sendwhen.campaigns.conditions import fuse, read_condition, read_expression
from sendwhen.domain.condition import Condition
from tests.campaigns.cel_generator import Generator, Pair, activation

SEEDS = range(6)
EXPRESSIONS_PER_SEED = 1_000
CONTEXTS = 3


def the_librarys_answer(expression: Any, values: dict[str, Any]) -> Any:
    answer = expression.eval(data=values)
    if answer.type() == cel.Type.ERROR:
        return "error"
    # Reading a null takes a reference to None away from the interpreter (see cel_library), so only these are read.
    return (
        answer.plain_value()
        if answer.type() in (cel.Type.BOOL, cel.Type.INT, cel.Type.DOUBLE, cel.Type.STRING)
        else None
    )


def compiled(pair: Pair) -> Condition | None:
    condition, flaws = read_condition(pair.ours, ROOTS)
    if condition is None:
        # The type checker refuses some random texts; only what it refuses may be refused here.
        try:
            type_ = library_expression(pair.ours, ROOTS).return_type()
        except RuntimeError:
            return None
        assert type_ not in (cel.Type.BOOL, cel.Type.DYN), (pair.ours, flaws)
    return condition


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_conditions_answer_as_the_library_does(seed: int) -> None:
    generator = Generator(seed)
    done, outcomes, group = 0, {True: 0, False: 0}, []
    while done < EXPRESSIONS_PER_SEED:
        pair = generator.condition()
        condition = compiled(pair)
        if condition is None:
            continue
        done += 1
        mapped, direct = library_expression(pair.theirs, ROOTS), library_expression(pair.ours, ROOTS)
        for _ in range(CONTEXTS):
            context = generator.context()
            values = activation(context)
            ours = condition.test(context["event"], context["customer"], context["start"], context["now"])
            where = (
                f"seed {seed}\nours   {pair.ours}\ntheirs {pair.theirs}\npython {condition.python}\ncontext {context}"
            )
            expected = the_librarys_answer(mapped, values)
            assert ours is (expected is True), f"{where}\nexpected {expected}"
            plain = the_librarys_answer(direct, values)
            assert plain == "error" or ours is (plain is True), f"{where}\nwithout the mapping expected {plain}"
            outcomes[ours] += 1
        if not condition.needs_start:
            group.append(condition)
        if len(group) == 40:
            fused_agrees_with_single(group, generator, seed)
            group = []
    assert min(outcomes.values()) > EXPRESSIONS_PER_SEED / 5, outcomes


def fused_agrees_with_single(conditions: list[Condition], generator: Generator, seed: int) -> None:
    together = fuse(conditions)
    for _ in range(10):
        context = generator.context()
        event, customer, now_ms = context["event"], context["customer"], context["now"]
        bits = together(event, customer, now_ms)
        for bit, condition in enumerate(conditions):
            single = condition.test(event, customer, None, now_ms)
            assert bool(bits >> bit & 1) is single, (
                f"seed {seed}\n{condition.source}\n{condition.python}\ncontext {context}"
            )


def differs(generator: Generator) -> bool:
    """Whether one more condition is answered otherwise than by the library."""
    pair = generator.condition()
    condition = compiled(pair)
    if condition is None:
        return False
    mapped = library_expression(pair.theirs, ROOTS)
    contexts = [generator.context() for _ in range(CONTEXTS)]
    return any(
        condition.test(context["event"], context["customer"], context["start"], context["now"])
        is not (the_librarys_answer(mapped, activation(context)) is True)
        for context in contexts
    )


@pytest.mark.slow
@pytest.mark.parametrize(("sign", "wrong"), [("<", "<="), ("<=", "<"), (">", ">="), (">=", ">"), ("<", ">")])
def test_a_wrong_ordering_would_be_noticed(sign: str, wrong: str) -> None:
    word = f"_{sign}_"
    right = ORDERINGS[word]
    generator = Generator(7)

    ORDERINGS[word] = (wrong, right[1])
    try:
        assert any(differs(generator) for _ in range(EXPRESSIONS_PER_SEED))
    finally:
        ORDERINGS[word] = right


@pytest.mark.parametrize("seed", range(2))
def test_expressions_give_the_values_of_the_library(seed: int) -> None:
    generator = Generator(seed + 1_000)
    compared = 0
    for _ in range(600):
        pair = generator.value(2)
        expression, _ = read_expression(pair.ours, ROOTS)
        if expression is None:
            continue
        mapped = library_expression(pair.theirs, ROOTS)
        for _ in range(3):
            context = generator.context()
            ours = expression.value(context["event"], context["customer"], context["start"], context["now"])
            expected = the_librarys_answer(mapped, activation(context))
            if expected == "error":
                expected = None
            compared += ours is not None
            assert same(ours, expected), (
                f"seed {seed}\n{pair.ours}\n{pair.theirs}\n{context}\nours {ours!r} expected {expected!r}"
            )
    assert compared > 200


def same(ours: Any, expected: Any) -> bool:
    if isinstance(ours, float) and isinstance(expected, float) and math.isnan(ours):
        return math.isnan(expected)
    return type(ours) is type(expected) and ours == expected
