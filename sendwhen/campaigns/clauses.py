"""A condition part by part: which parts of ``&&`` and ``||`` hold of one event, and with which values."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

import msgspec

from sendwhen.campaigns.cel_library import ROOTS, STEPS, check_text
from sendwhen.campaigns.cel_tree import Node
from sendwhen.campaigns.conditions import compile_condition
from sendwhen.campaigns.problem import shortened
from sendwhen.domain.calendar import instant_text
from sendwhen.domain.condition import Condition, CustomerScope, EventScope
from sendwhen.errors import Invalid

VALUE_CHARS: Final = 80
CLAUSES_MAX: Final = 24
"""Parts of one condition that are told apart; one of more parts is told as a whole."""


class Facts(msgspec.Struct, kw_only=True):
    """What conditions see."""

    event: EventScope | None
    customer: CustomerScope
    start: EventScope | None
    now_ms: int


class Clause(msgspec.Struct, frozen=True, kw_only=True):
    """One part.

    Attributes:
        text: As written.
        holds: Whether it is true.
        values: What it refers to (``event.properties.price``), as JSON; "null" where it is absent.
    """

    text: str
    holds: bool
    values: tuple[tuple[str, str], ...] = ()


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """A part that compares one value with a literal, which can therefore be brought about."""

    path: tuple[str, ...]
    operator: str
    literal: Any


def clauses(condition: Condition, facts: Facts) -> tuple[Clause, ...]:
    """The parts of a condition in the order of the text."""
    texts = parts(condition.source)
    if len(texts) > CLAUSES_MAX:
        texts = (condition.source,)
    found = []
    for text in texts:
        test = condition if text == condition.source else _compiled(text, _roots(condition.source)) or condition
        holds = test.test(facts.event, facts.customer, facts.start, facts.now_ms)
        found.append(Clause(text=test.source, holds=holds, values=tuple(_values(test.source, facts))))
    return tuple(found)


def parts(text: str) -> tuple[str, ...]:
    """The operands of the ``&&`` and ``||`` of a text, however nested in parentheses."""
    text = _bare(text)
    for operator in ("?", "||", "&&"):
        pieces = _split(text, operator)
        if len(pieces) > 1:
            return (text,) if operator == "?" else tuple(leaf for piece in pieces for leaf in parts(piece))
    return (text,)


def comparison(text: str) -> Comparison | None:
    """The comparison that a text is, if it is one of a value with a literal."""
    tree = check_text(text, _roots(text))
    if not isinstance(tree, Node) or tree.kind != "call" or len(tree.children) != 2:
        return None
    operator = {"_>_": ">", "_>=_": ">=", "_<_": "<", "_<=_": "<=", "_==_": "==", "_!=_": "!="}.get(str(tree.value))
    left, right = tree.children
    path = _path(left)
    if operator is None or path is None or right.kind != "literal":
        return None
    return Comparison(path=path, operator=operator, literal=right.value)


def value_at(path: tuple[str, ...], facts: Facts) -> Any:
    """What stands there; None where nothing does."""
    root, *rest = path
    scope = {"event": facts.event, "start": facts.start}.get(root)
    here: Any
    if root == "customer":
        here = facts.customer
    elif scope is None:
        return None
    elif rest and rest[0] == "properties":
        here, rest = scope.properties, rest[1:]
    else:
        return {"name": scope.name, "id": scope.id, "occurred_at": scope.occurred_at_ms}.get(rest[0] if rest else "")
    for word in rest:
        here = here.get(word) if isinstance(here, Mapping) else None
    return here


def _values(text: str, facts: Facts) -> Iterator[tuple[str, str]]:
    tree = check_text(text, _roots(text))
    if not isinstance(tree, Node):
        return
    for path in dict.fromkeys(_paths(tree)):
        if path[0] in ("event", "start", "customer") and len(path) > 1:
            value = value_at(path, facts)
            if path[1:] == ("occurred_at",) and path[0] != "customer":
                value = instant_text(value)
            said = json.dumps(value, ensure_ascii=False, default=str)
            yield ".".join(path), shortened(said, VALUE_CHARS)


def _paths(node: Node) -> Iterator[tuple[str, ...]]:
    path = _path(node)
    if path is not None:
        yield path
        return
    for child in node.children:
        yield from _paths(child)


def _path(node: Node) -> tuple[str, ...] | None:
    match node.kind:
        case "name":
            return tuple(str(node.value).split("."))
        case "select" | "has":
            before = _path(node.children[0])
            return None if before is None else (*before, str(node.value))
        case "call" if node.value == "_[_]" and node.children[1].kind == "literal":
            before = _path(node.children[0])
            return None if before is None else (*before, str(node.children[1].value))
        case _:
            return None


@lru_cache(maxsize=1024)
def _compiled(text: str, roots: tuple[str, ...]) -> Condition | None:
    try:
        return compile_condition(text, roots=roots)
    except Invalid:
        return None


def _roots(text: str) -> tuple[str, ...]:
    words = text.split(STEPS)[1:]
    names: Collection[str] = {word.split(".")[0] for word in words}
    return (*ROOTS, *(STEPS + name for name in sorted(names) if name.isidentifier()))


def _bare(text: str) -> str:
    text = text.strip()
    while text.startswith("(") and text.endswith(")") and _depths(text)[-2:] == [1, 0] and 0 not in _depths(text)[:-1]:
        text = text[1:-1].strip()
    return text


def _split(text: str, operator: str) -> list[str]:
    """The pieces between an operator that stands in no brackets and no quotes."""
    pieces, begin, at = [], 0, 0
    depths = _depths(text)
    while at < len(text):
        if depths[at] == 0 and text.startswith(operator, at):
            pieces.append(text[begin:at])
            begin = at = at + len(operator)
            continue
        at += 1
    return [*pieces, text[begin:]]


def _depths(text: str) -> list[int]:
    """For each character how deep it stands in brackets, behind it; within quotes one deeper."""
    depths, depth, quote, escaped = [], 0, "", False
    for character in text:
        if quote:
            closes = character == quote and not escaped
            escaped = character == "\\" and not escaped
            if closes:
                quote = ""
            depths.append(depth + (0 if closes else 1))
            continue
        if character in "\"'":
            quote = character
            depths.append(depth + 1)
            continue
        depth += (character in "([{") - (character in ")]}")
        depths.append(depth)
    return depths
