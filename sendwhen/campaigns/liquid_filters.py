"""What each of Liquid's filters makes of what it is given, as far as the catalogue can follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sendwhen.campaigns.shapes import ANY, BOOL, INTEGER, NUMBER, TEXT, Kind, Shape, joined

# fmt: off
_SAME = frozenset(("reverse", "compact", "uniq", "sort", "sort_natural", "where", "reject", "concat"))
_OF_A_PROPERTY = frozenset((
    "map", "where", "reject", "sort", "sort_natural", "uniq", "compact", "sum", "find", "find_index", "has",
))
_RESULTS: Mapping[str, Shape] = {
    **dict.fromkeys((
        "append", "prepend", "capitalize", "downcase", "upcase", "date", "escape", "escape_once", "join", "lstrip",
        "rstrip", "strip", "strip_html", "strip_newlines", "newline_to_br", "remove", "remove_first", "replace",
        "replace_first", "squish", "truncate", "truncatewords", "url_encode", "url_decode", "base64_encode",
        "base64_decode", "base64_url_safe_encode", "base64_url_safe_decode",
    ), TEXT),
    **dict.fromkeys((
        "abs", "at_least", "at_most", "ceil", "divided_by", "floor", "minus", "modulo", "plus", "round", "times", "sum",
    ), NUMBER),
    **dict.fromkeys(("size", "find_index"), INTEGER),
    "has": BOOL,
    "split": Shape(kind=Kind.LIST, element=TEXT),
}
# fmt: on
_NO_FIELDS: Mapping[str, Shape] = {}


def filtered(
    name: str, shape: Shape, arguments: Sequence[Shape], literal: str | None
) -> tuple[Shape, Mapping[str, Shape]]:
    """What comes out, and, where ``literal`` names a property that the elements do not have, those that they have."""
    element = shape.element if shape.kind is Kind.LIST else None
    fields = (element.fields if element is not None and element.kind is Kind.MAP else None) or _NO_FIELDS
    if name in _OF_A_PROPERTY and literal is not None and fields and literal not in fields:
        return ANY, fields
    if name == "default":
        return joined([replace(shape, optional=False), *arguments[:1]]), _NO_FIELDS
    if name in ("first", "last", "find"):
        return (replace(element, optional=True) if element is not None else ANY), _NO_FIELDS
    if name == "map":
        return Shape(kind=Kind.LIST, element=fields.get(literal or "", ANY)), _NO_FIELDS
    if name in _SAME:
        return (shape if shape.kind is Kind.LIST else ANY), _NO_FIELDS
    return _RESULTS.get(name, ANY), _NO_FIELDS
