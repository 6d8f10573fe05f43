"""The CEL library behind two functions: check a text, and match RE2 patterns.

The library (Google's cel-cpp) parses and type-checks. Its answers are ours only when conditions are compiled and in the
differential test; on the hot path only ``matches`` still asks it, because its regular expressions take linear time.

Careful with its values: version 0.1.3 gives away a reference to None that it does not own each time ``value()``
or ``plain_value()`` of a null is read, which ends the process sooner or later. So only results known not to be null are
read.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache
from typing import Any

from cel_expr_python import cel

from sendwhen.campaigns.cel_slips import slips, unknown_name
from sendwhen.campaigns.cel_tree import Node, read_tree
from sendwhen.campaigns.cel_values import ERROR
from sendwhen.campaigns.problem import Flaw, listed, nearest, shortened

ROOTS = ("event", "start", "customer", "now")
STEPS = "steps."
"""Beginning of further roots: ``steps.NAME`` is the event of a sequence's named step."""
_ERROR = re.compile(r"ERROR: <input>:(-?\d+):(-?\d+): (.*)")
_UNDECLARED = re.compile(r"undeclared reference to '([^']*)'")
_OVERLOAD = re.compile(r"found no matching overload for '([^']*)' applied to '\(?(.*?)\)?'(?: |$)")
_OPERATOR = re.compile(r"^!?_?([^_a-z@]+)_?$")


@lru_cache(maxsize=64)
def _environment(roots: frozenset[str]) -> Any:
    fields = cel.Type.Map(cel.Type.STRING, cel.Type.DYN)
    variables: dict[str, Any] = {}
    for root in sorted(root for root in roots if root in {"event", "start"} or root.startswith(STEPS)):
        variables |= {
            f"{root}.name": cel.Type.STRING,
            f"{root}.id": cel.Type.STRING,
            f"{root}.occurred_at": cel.Type.TIMESTAMP,
            f"{root}.properties": fields,
        }
    if "customer" in roots:
        variables["customer"] = fields
    if "now" in roots:
        variables["now"] = cel.Type.TIMESTAMP
    return cel.NewEnv(variables=variables)


def library_environment(roots: Collection[str]) -> Any:
    """The library's environment with our variables; the differential test and the benchmark ask it too."""
    return _environment(frozenset(roots))


def library_expression(text: str, roots: Collection[str]) -> Any:
    """The library's own compiled form; raises RuntimeError with the library's words."""
    return library_environment(roots).compile(text)


def check_text(text: str, roots: Collection[str]) -> Node | list[Flaw]:
    """The tree of a text that is right, or what is wrong with it."""
    return _checked(text, tuple(roots))


@lru_cache(maxsize=4096)
def _checked(text: str, roots: tuple[str, ...]) -> Node | list[Flaw]:
    try:
        return read_tree(library_expression(text, roots).serialize())
    except (RuntimeError, ValueError, TypeError) as error:
        return _flaws(text, str(error), roots)


def _flaws(text: str, message: str, roots: Collection[str]) -> list[Flaw]:
    if "Syntax error" in message and (of_elsewhere := slips(text)):
        return of_elsewhere
    lines = text.split("\n")
    flaws: list[Flaw] = []
    for raw_line, raw_column, words in _ERROR.findall(message):
        line, column = max(1, int(raw_line)), max(1, int(raw_column))
        offset = sum(len(earlier) + 1 for earlier in lines[: line - 1]) + column - 1
        problem, remedy = _translated(words.replace("[INVALID_ARGUMENT]", "").strip(), text, roots)
        if not any(flaw.offset == offset for flaw in flaws):
            flaws.append(Flaw(min(offset, len(text)), problem, remedy))
    if not flaws and "recursion limit" in message:
        return [Flaw(0, "The expression is nested too deep", "Write it flatter.")]
    return flaws[:3] or [Flaw(0, f"This is not CEL ({shortened(message, 120)})", "Write a CEL expression.")]


def _translated(words: str, text: str, roots: Collection[str]) -> tuple[str, str]:  # noqa: PLR0911  one for each kind of message
    if match := _UNDECLARED.search(words):
        return unknown_name(match[1], text, roots) or _unknown(match[1], roots)
    if match := _OVERLOAD.search(words):
        types = match[2].replace("map(string, dyn)", "map").replace("_type", "")
        name = operator_word(match[1])
        if name.isidentifier():
            return f"'{name}()' does not take ({types})", "See docs/campaigns.md for what each function takes."
        return (
            f"'{name}' does not go with {types.replace(', ', ' and ')}",
            "Compare like with like: text in quotes, decimal numbers with a point (5.0), conversions by int(), "
            "double(), string().",
        )
    if "recursion" in words:
        return "The expression is nested too deep", "Write it flatter."
    if "<EOF>" in words and "mismatched input '<EOF>'" in words:
        return "The expression ends too early", "Complete it."
    if words.startswith("Syntax error"):
        return (
            f"This is not CEL ({shortened(words.split(' expecting ', maxsplit=1)[0], 90)})",
            'Write it as in: event.properties.price > 10 && customer.plan == "pro".',
        )
    return f"This is not CEL ({shortened(words, 120)})", "See docs/campaigns.md for what conditions may say."


def _unknown(name: str, roots: Collection[str]) -> tuple[str, str]:
    root, _, rest = name.partition(".")
    if root == STEPS[:-1]:
        return _unknown_step(rest, sorted(one.removeprefix(STEPS) for one in roots if one.startswith(STEPS)))
    if root == "now" and "now" not in roots and "event" not in roots:
        return (
            "'now' is not known here: what holds must change with the customer, or at an instant that is known before",
            "Write {event: …, at_least: 1, within_last: 10d} or {since: customer.…, at_least: 14d}.",
        )
    if root in ROOTS and root not in roots:
        return f"'{root}' is not known here", f"Here there are {listed((r for r in ROOTS if r in roots), 'and')}."
    if root in ("event", "start"):
        field = rest.split(".")[0] or "price"
        return (
            f"There is no '{name}'" if rest else f"'{root}' is no value by itself",
            f"Write {root}.properties.{field} for a property, or {root}.name, {root}.id, {root}.occurred_at.",
        )
    written = (
        f"event.properties.{name} or customer.{name}"
        if "event" in roots
        else f"start.properties.{name} or customer.{name}"
    )
    if "start" not in roots and "event" not in roots:
        written = f"customer.{name}"
    return f"'{name}' is not known here", f"Write {written}; text goes in quotes."


def _unknown_step(rest: str, names: Collection[str]) -> tuple[str, str]:
    step, _, field = rest.partition(".")
    if not names:
        return (
            "There is no named step before this",
            "Name an earlier step of the sequence with 'as', and write it here.",
        )
    if step not in names:
        return (
            f"There is no step '{shortened(step)}' before this",
            f"Write steps.{nearest(step, names) or listed(names)}.",
        )
    return (
        f"There is no '{STEPS}{shortened(rest)}'",
        f"Write steps.{step}.properties.{field or 'price'} for a property, or steps.{step}.name, .id, .occurred_at.",
    )


def operator_word(function: str) -> str:
    """A function of the tree as it is written: "_>_" is ">"."""
    if function == "@in":
        return "in"
    match = _OPERATOR.match(function)
    return {"_[_]": "[ ]", "_?_:_": "? :", "!_": "!", "-_": "-"}.get(function) or (match[1] if match else function)


@lru_cache(maxsize=1024)
def _pattern(pattern: str) -> Any:
    quoted = "".join(f"\\U{ord(c):08x}" for c in pattern)
    return cel.NewEnv(variables={"text": cel.Type.STRING}).compile(f'text.matches("{quoted}")')


def pattern_error(pattern: str) -> str:
    """What is wrong with an RE2 pattern, or ""."""
    answer = _pattern(pattern).eval(data={"text": ""})
    return "" if answer.type() == cel.Type.BOOL else str(answer.value()).split(": ", 1)[-1]


def matches(value: Any, pattern: str) -> Any:
    """``value.matches("pattern")`` with RE2: in linear time, whatever the pattern."""
    if value.__class__ is not str:
        return ERROR
    try:
        answer = _pattern(pattern).eval(data={"text": value})
    except (RuntimeError, ValueError, UnicodeError):  # text that is no Unicode: half a surrogate pair
        return ERROR
    return answer.value() if answer.type() == cel.Type.BOOL else ERROR
