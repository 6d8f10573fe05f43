"""What kind of value stands behind a name: the types that an event catalogue speaks of.

A shape says what JSON a property holds, as far as anybody knows. ``ANY`` is the honest answer for everything else and
goes with everything, so that only what is known can be wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any


class Kind(Enum):
    """Kinds of values; the values are the words of ``events.yaml``.

    TIME is text such as 2026-01-31T08:00:00Z and DATE text such as 2026-01-31: JSON has no times. INSTANT and SPAN are
    what ``timestamp(…)``, ``now`` and ``duration(…)`` give in a condition; no property holds them.
    """

    TEXT = "text"
    NUMBER = "number"
    INTEGER = "integer"
    BOOL = "bool"
    TIME = "time"
    DATE = "date"
    ANY = "any"
    LIST = "list"
    MAP = "map"
    INSTANT = "instant"
    SPAN = "span"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What is known of a value.

    Attributes:
        kind: See Kind.
        optional: It may be absent even where everything is as it should be.
        choices: The texts that it can be; empty: any.
        element: Of a list.
        fields: Of a map; None: any names.
    """

    kind: Kind = Kind.ANY
    optional: bool = False
    choices: tuple[str, ...] = ()
    element: Shape | None = None
    fields: Mapping[str, Shape] | None = None


ANY = Shape()
TEXT = Shape(kind=Kind.TEXT)
NUMBER = Shape(kind=Kind.NUMBER)
INTEGER = Shape(kind=Kind.INTEGER)
BOOL = Shape(kind=Kind.BOOL)
TIME = Shape(kind=Kind.TIME)
INSTANT = Shape(kind=Kind.INSTANT)
SPAN = Shape(kind=Kind.SPAN)
WORDS: Mapping[str, Kind] = {
    kind.value: kind
    for kind in (Kind.TEXT, Kind.NUMBER, Kind.INTEGER, Kind.BOOL, Kind.TIME, Kind.DATE, Kind.ANY, Kind.LIST, Kind.MAP)
}
"""What may be written for a property."""
TEXTS = (Kind.TEXT, Kind.TIME, Kind.DATE)
NUMBERS = (Kind.NUMBER, Kind.INTEGER)
_NAMES = {
    Kind.TEXT: "text",
    Kind.NUMBER: "a number",
    Kind.INTEGER: "a whole number",
    Kind.BOOL: "true or false",
    Kind.TIME: "text with a time",
    Kind.DATE: "text with a date",
    Kind.LIST: "a list",
    Kind.MAP: "a map",
    Kind.INSTANT: "an instant",
    Kind.SPAN: "a duration",
    Kind.ANY: "anything",
}


def named(shape: Shape) -> str:
    """A shape for a message."""
    return _NAMES[shape.kind]


def family(shape: Shape) -> str:
    """Shapes of one family can be equal, and be ordered; "" goes with all."""
    if shape.kind in TEXTS:
        return "text"
    return "number" if shape.kind in NUMBERS else "" if shape.kind is Kind.ANY else shape.kind.value


def shape_of(written: Any) -> Shape:
    """A shape in the notation of the tables: "number", "text?", [element], {name: …}."""
    if isinstance(written, Shape):
        return written
    if isinstance(written, str):
        return Shape(kind=WORDS[written.removesuffix("?")], optional=written.endswith("?"))
    if isinstance(written, list):
        return Shape(kind=Kind.LIST, element=shape_of(written[0]))
    return Shape(kind=Kind.MAP, fields=shapes_of(written))


def shapes_of(written: Mapping[str, Any]) -> Mapping[str, Shape]:
    """Several shapes by name."""
    return {name: shape_of(inner) for name, inner in written.items()}


def joined(shapes: Iterable[Shape]) -> Shape:
    """What is known where it may be any one of several."""
    found = list(shapes)
    if not found:
        return ANY
    first = found[0]
    if any(family(shape) != family(first) for shape in found):
        return ANY
    optional = any(shape.optional for shape in found)
    if first.kind is Kind.MAP and all(shape.fields is not None for shape in found):
        names = list(dict.fromkeys(name for shape in found for name in shape.fields or ()))
        fields = {n: joined(s.fields[n] for s in found if s.fields and n in s.fields) for n in names}
        return Shape(kind=Kind.MAP, optional=optional, fields=fields)
    if first.kind is Kind.LIST and all(shape.element is not None for shape in found):
        element = joined(shape.element for shape in found if shape.element is not None)
        return Shape(kind=Kind.LIST, optional=optional, element=element)
    if any(shape != first for shape in found):
        kind = Kind.NUMBER if family(first) == "number" else Kind.TEXT if family(first) == "text" else first.kind
        choices = tuple(dict.fromkeys(c for s in found for c in s.choices)) if all(s.choices for s in found) else ()
        return Shape(kind=kind, optional=optional, choices=choices)
    return replace(first, optional=optional)
