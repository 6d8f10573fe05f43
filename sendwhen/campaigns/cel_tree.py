"""The tree of a checked CEL expression, read from what the CEL library serialises.

The library offers its checked tree only as bytes: a protobuf ``Any`` around ``cel.expr.CheckedExpr``. Only a handful of
fields matter here, so they are read straight off the wire format; no generated code for foreign protos is needed.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Node:
    """One expression of the tree.

    Attributes:
        id: Number of the node within its tree.
        offset: Where it stands in the text, in characters; for calls the operator or the opening parenthesis.
        kind: "literal", "name", "select", "has", "call", "list", "map" or "fold".
        type: "bool", "int", "uint", "double", "string", "bytes", "null", "timestamp", "duration", "list", "map", "dyn".
        value: The literal's value, or the name, field or function.
        children: Operand of a select; target (when ``member``) and arguments of a call; elements of a list; keys and
        values
            of a map in turn; range, start, condition, step and result of a fold.
        member: A call with a target.
        names: Variables of a fold: the element and the accumulator.
    """

    id: int
    offset: int
    kind: str
    type: str
    value: Any = None
    children: tuple[Node, ...] = ()
    member: bool = False
    names: tuple[str, ...] = ()


Field = tuple[int, Any]
_PRIMITIVES = {1: "bool", 2: "int", 3: "uint", 4: "double", 5: "string", 6: "bytes"}
_WELL_KNOWN = {2: "timestamp", 3: "duration"}
_LITERALS = {1: "null", 2: "bool", 3: "int", 4: "uint", 5: "double", 6: "string", 7: "bytes"}


def read_tree(serialised: bytes) -> Node:
    """The tree in what ``Expression.serialize()`` of the CEL library returned."""
    checked = next(value for number, value in _fields(serialised) if number == 2)
    names: dict[int, str] = {}
    types: dict[int, str] = {}
    offsets: dict[int, int] = {}
    root = b""
    for number, value in _fields(checked):
        if number == 2:
            key, entry = _entry(value)
            names[key] = next((v.decode() for n, v in _fields(entry) if n == 1), "")
        elif number == 3:
            key, entry = _entry(value)
            types[key] = _type(entry)
        elif number == 5:
            for field, inner in _fields(value):
                if field == 4:
                    pair = dict(_fields(inner))
                    offsets[pair.get(1, 0)] = pair.get(2, 0)
        elif number == 4:
            root = value
    return _Reader(names, types, offsets).node(root)


@dataclass(frozen=True, slots=True)
class _Reader:
    names: dict[int, str]
    types: dict[int, str]
    offsets: dict[int, int]

    def node(self, message: bytes) -> Node:
        ident, kind, body = 0, 0, b""
        for number, value in _fields(message):
            if number == 2:
                ident = value
            elif 3 <= number <= 9:
                kind, body = number, value
        return self._built(ident, kind, list(_fields(body)))

    def _built(self, ident: int, kind: int, fields: list[Field]) -> Node:  # noqa: PLR0911  one return for each kind of node
        offset, type_ = self.offsets.get(ident, 0), self.types.get(ident, "dyn")
        if kind == 3:
            literal, value = _literal(*(fields[0] if fields else (1, 0)))
            return Node(ident, offset, "literal", literal, value)
        if kind == 4:
            return Node(ident, offset, "name", type_, self.names.get(ident) or _text(fields, 1))
        if kind == 5:
            if self.names.get(ident):
                return Node(ident, offset, "name", type_, self.names[ident])
            operand = self.node(_bytes(fields, 1))
            tested = dict(fields).get(3, 0)
            return Node(ident, offset, "has" if tested else "select", type_, _text(fields, 2), (operand,))
        if kind == 6:
            target = tuple(self.node(v) for n, v in fields if n == 1)
            arguments = tuple(self.node(v) for n, v in fields if n == 3)
            return Node(ident, offset, "call", type_, _text(fields, 2), target + arguments, bool(target))
        if kind == 7:
            return Node(ident, offset, "list", type_, None, tuple(self.node(v) for n, v in fields if n == 1))
        if kind == 8:
            parts: list[Node] = []
            for entry in (dict(_fields(v)) for n, v in fields if n == 2):
                parts += [self.node(entry.get(3, b"")), self.node(entry.get(4, b""))]
            return Node(ident, offset, "map", type_, _text(fields, 1), tuple(parts))
        children = tuple(self.node(_bytes(fields, n)) for n in (2, 4, 5, 6, 7))
        return Node(ident, offset, "fold", type_, None, children, False, (_text(fields, 1), _text(fields, 3)))


def flattened(node: Node, name: str) -> list[Node]:
    """The operands of a chain of one operator, however it is nested."""
    if node.kind == "call" and node.value == name:
        return [leaf for child in node.children for leaf in flattened(child, name)]
    return [node]


def macro_of(start: Node, step: Node, accumulator: str) -> tuple[str, Node]:
    """Which macro a fold was written as, and what it asks of an element."""
    if step.kind != "call" or start.kind != "literal":
        return "", step
    if step.value == "_||_" and start.value is False and step.children[0].value == accumulator:
        return "_any", step.children[1]
    if step.value == "_&&_" and start.value is True and step.children[0].value == accumulator:
        return "_all", step.children[1]
    return ("_one", step.children[0]) if step.value == "_?_:_" and start.type == "int" else ("", step)


def _type(message: bytes) -> str:
    for number, value in _fields(message):
        if number == 2:
            return "null"
        if number == 3:
            return _PRIMITIVES.get(value, "dyn")
        if number == 5:
            return _WELL_KNOWN.get(value, "dyn")
        if number in (6, 7):
            return "list" if number == 6 else "map"
    return "dyn"


def _literal(number: int, value: Any) -> tuple[str, Any]:
    kind = _LITERALS.get(number, "bytes")
    if kind == "int":
        return kind, value - (1 << 64) if value >> 63 else value
    if kind == "double":
        return kind, struct.unpack("<d", value)[0]
    if kind == "string":
        return kind, value.decode()
    return kind, {"null": None, "bool": bool(value)}.get(kind, value)


def _bytes(fields: list[Field], number: int) -> bytes:
    return next((v for n, v in fields if n == number), b"")


def _text(fields: list[Field], number: int) -> str:
    return _bytes(fields, number).decode()


def _entry(message: bytes) -> tuple[int, bytes]:
    pair = dict(_fields(message))
    return pair.get(1, 0), pair.get(2, b"")


def _fields(message: bytes) -> Iterator[Field]:
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        wire = tag & 7
        if wire == 0:
            value, at = _varint(message, at)
            yield tag >> 3, value
            continue
        if wire == 2:
            size, at = _varint(message, at)
        else:
            size = 8 if wire == 1 else 4
        yield tag >> 3, message[at : at + size]
        at += size


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
