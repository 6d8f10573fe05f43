"""Conditions and expressions: from CEL text to functions, one by one or many fused into one."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from typing import Any

from sendwhen.campaigns.cel_library import ROOTS, check_text
from sendwhen.campaigns.cel_python import Code, Writer
from sendwhen.campaigns.cel_refusals import Refused
from sendwhen.campaigns.cel_runtime import RUNTIME
from sendwhen.campaigns.problem import Flaw, shortened
from sendwhen.domain.condition import Condition, CustomerScope, EventScope, Expression, Fused
from sendwhen.errors import Invalid

TEXT_LIMIT = 2_000
"""Characters of a condition."""


def compile_condition(text: str, *, roots: Collection[str] = ROOTS) -> Condition:
    """A filter over ``roots`` (of event, start, customer, now); raises Invalid where the text is wrong."""
    condition, flaws = read_condition(text, roots)
    if condition is None:
        raise _invalid(text, flaws)
    return condition


def compile_expression(text: str, *, roots: Collection[str] = ROOTS) -> Expression:
    """An expression for text, a number or a bool (anything else gives None).

    Raises Invalid where the text is wrong.
    """
    expression, flaws = read_expression(text, roots)
    if expression is None:
        raise _invalid(text, flaws)
    return expression


def read_condition(text: str, roots: Collection[str]) -> tuple[Condition | None, list[Flaw]]:
    """The condition, if the text is right, and what is wrong or doubtful about it."""
    code, writer, type_, flaws = _written(text, roots)
    if code is None:
        return None, flaws
    if type_ not in ("bool", "dyn"):
        return None, [
            Flaw(
                0,
                f"This gives {_named(type_)}, not true or false",
                "Compare it with something, as in: event.properties.price > 10.",
            )
        ]
    python = code.text if code.safe and code.truth else f"({code.text} is True)"
    test = _function(python, writer.roots, "False")
    condition = Condition(
        source=text,
        python=python,
        needs_start="start" in writer.roots,
        test=test,
        asks_customer="customer" in writer.roots,
    )
    return condition, writer.warnings


def read_expression(text: str, roots: Collection[str]) -> tuple[Expression | None, list[Flaw]]:
    """The expression, if the text is right, and what is wrong or doubtful about it."""
    code, writer, type_, flaws = _written(text, roots)
    if code is None:
        return None, flaws
    if type_ not in ("bool", "int", "double", "string", "dyn"):
        return None, [Flaw(0, f"This gives {_named(type_)}", "Write an expression that gives text or a number.")]
    value = _function(code.text, writer.roots, "None")

    def plain(event: EventScope | None, customer: CustomerScope, start: EventScope | None, now_ms: int) -> Any:
        result = value(event, customer, start, now_ms)
        return result if result.__class__ in (str, int, float, bool) else None

    return Expression(source=text, value=plain), writer.warnings


def fuse(conditions: Sequence[Condition]) -> Fused:
    """One function of many conditions that do not need ``start``; bit i of its result answers the i-th.

    Reads that several conditions share happen once; conditions that say the same are asked once.
    """
    if any(condition.needs_start for condition in conditions):
        raise Invalid("A condition that refers to 'start' cannot be fused.", remedy="Ask it for each run.")
    bits: dict[str, int] = {}
    for bit, condition in enumerate(conditions):
        bits[condition.python] = bits.get(condition.python, 0) | 1 << bit
    trees = [ast.parse(python, mode="eval").body for python in bits]
    shared = _shared_reads(trees)
    lines = ["  ep = event.properties", "  found = 0", *(f"  {name} = {read}" for read, name in shared.items())]
    for tree, value in zip(trees, bits.values(), strict=True):
        lines.append(f"  if {ast.unparse(_SharedReads(shared).visit(tree))}: found |= {value}")
    # Values that no JSON has may raise; then each condition answers for itself, and none takes its neighbours along.
    body = [
        "def fused(event, customer, now):",
        " try:",
        *lines,
        "  return found",
        " except Exception:",
        "  return _each(event, customer, now)",
    ]

    def each(event: EventScope, customer: CustomerScope, now_ms: int) -> int:
        return sum(1 << bit for bit, c in enumerate(conditions) if c.test(event, customer, None, now_ms))

    fused: Fused = _executed("\n".join(body), "fused", {"_each": each})
    return fused


def _written(text: str, roots: Collection[str]) -> tuple[Code | None, Writer, str, list[Flaw]]:
    writer = Writer()
    if len(text) > TEXT_LIMIT:
        return (
            None,
            writer,
            "",
            [Flaw(TEXT_LIMIT, f"The text is longer than {TEXT_LIMIT} characters", "Make it shorter.")],
        )
    tree = check_text(text, roots)
    if isinstance(tree, list):
        return None, writer, "", tree
    try:
        return writer.write(tree), writer, tree.type, []
    except Refused as refused:
        return None, writer, "", [refused.flaw]


def _function(python: str, roots: Collection[str], otherwise: str) -> Callable[..., Any]:
    # An error in a condition makes it false, whatever the error is; the operations of ``cel_values`` answer ERROR, but
    # values that no JSON has may raise.
    reads = [f"  {root[0]}p = {root}.properties" for root in ("event", "start") if root in roots]
    body = [
        "def test(event, customer, start, now):",
        " try:",
        *reads,
        f"  return {python}",
        " except Exception:",
        f"  return {otherwise}",
    ]
    function: Callable[..., Any] = _executed("\n".join(body), "test", {})
    return function


def _executed(source: str, name: str, more: dict[str, Any]) -> Any:
    names = {**RUNTIME, **more}
    exec(compile(source, "<condition>", "exec"), names)  # noqa: S102  made of own names and literals only; see cel_python
    return names[name]


def _shared_reads(trees: Sequence[ast.expr]) -> dict[str, str]:
    counts: Counter[str] = Counter()
    for tree in trees:
        counts.update(ast.unparse(node) for node in ast.walk(tree) if _is_read(node))
    return {read: f"r{number}" for number, read in enumerate(read for read, count in counts.items() if count > 1)}


def _is_read(node: ast.AST) -> bool:
    """``ep.get('price')`` or ``customer.get('plan')``."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get"


class _SharedReads(ast.NodeTransformer):
    def __init__(self, names: dict[str, str]) -> None:
        self._names = names

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Put the variable in the place of the read."""
        name = self._names.get(ast.unparse(node)) if _is_read(node) else None
        return ast.Name(name, ast.Load()) if name else self.generic_visit(node)


def _named(type_: str) -> str:
    return {"string": "text", "int": "a whole number", "double": "a number"}.get(type_, f"a {type_}")


def _invalid(text: str, flaws: Sequence[Flaw]) -> Invalid:
    flaw = flaws[0]
    return Invalid(f"'{shortened(text)}' at character {flaw.offset + 1}: {flaw.problem}.", remedy=flaw.remedy)
