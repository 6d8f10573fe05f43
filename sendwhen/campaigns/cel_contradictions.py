"""Finds conditions that cannot hold, whatever happens: ``price > 10 && price < 5``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sendwhen.campaigns.cel_tree import Node, flattened
from sendwhen.campaigns.cel_wording import path_of
from sendwhen.campaigns.problem import Flaw, shortened

_TURNED = {"_<_": "_>_", "_<=_": "_>=_", "_>_": "_<_", "_>=_": "_<=_", "_==_": "_==_", "_!=_": "_!=_"}
_REMEDY = "Put || between what are alternatives, or correct one of the values."


@dataclass(slots=True)
class _Bounds:
    """What the parts of a conjunction say of one name."""

    equal: list[Any] = field(default_factory=list)
    unequal: list[Any] = field(default_factory=list)
    low: tuple[Any, bool] | None = None
    high: tuple[Any, bool] | None = None


def contradiction(tree: Node) -> Flaw | None:
    """Why a condition never holds; None where it may."""
    if tree.kind == "literal" and tree.value is False:
        return Flaw(tree.offset, "This condition is never true", "Remove it, or write what must hold.", True)
    bounds: dict[str, _Bounds] = {}
    for part in flattened(tree, "_&&_"):
        if part.kind == "literal" and part.value is False:
            return contradiction(part)
        alternatives = flattened(part, "_||_") if part.value == "_||_" else []
        if alternatives and all(contradiction(side) for side in alternatives):
            return Flaw(part.offset, "None of the alternatives can hold", _REMEDY, True)
        if part.kind == "call" and part.value in _TURNED and (flaw := _added(part, bounds)):
            return flaw
    return None


def _added(part: Node, bounds: dict[str, _Bounds]) -> Flaw | None:
    left, right = part.children
    sign = part.value
    if left.kind == "literal":
        left, right, sign = right, left, _TURNED[sign]
    path = path_of(left)
    if right.kind != "literal" or "this" in path or left.kind == "literal":
        return None
    known = bounds.setdefault(path, _Bounds())
    _note(known, sign, right.value)
    if _possible(known):
        return None
    return Flaw(part.offset, f"'{shortened(path)}' cannot be all that is asked here at once", _REMEDY, True)


def _note(known: _Bounds, sign: str, value: Any) -> None:
    if sign == "_==_":
        known.equal.append(value)
    elif sign == "_!=_":
        known.unequal.append(value)
    elif sign in ("_>_", "_>=_"):
        known.low = max((known.low or (value, False), (value, sign == "_>_")), key=_order)
    else:
        known.high = min((known.high or (value, False), (value, sign == "_<_")), key=lambda b: (_order(b)[0], not b[1]))


def _order(bound: tuple[Any, bool]) -> tuple[Any, bool]:
    return (bound[0] if isinstance(bound[0], int | float) else 0, bound[1])


def _possible(known: _Bounds) -> bool:
    kinds = {type(v) if isinstance(v, str | bool) else float for v in known.equal if v is not None}
    first = known.equal[0] if known.equal else None
    if len(kinds) > 1 or any(value != first or (value is None) != (first is None) for value in known.equal):
        return False
    if known.equal and any(type(v) is type(first) and v == first for v in known.unequal):
        return False
    if known.equal and first is None and (known.low or known.high):
        return False
    numbers = [b for b in (known.low, known.high) if b is not None and isinstance(b[0], int | float)]
    if known.low and known.high and len(numbers) == 2:
        (low, open_low), (high, open_high) = known.low, known.high
        if low > high or (low == high and (open_low or open_high)):
            return False
    if known.equal and isinstance(first, int | float) and not isinstance(first, bool):
        return not any(_beyond(first, bound, low=bound is known.low) for bound in numbers)
    return True


def _beyond(value: float, bound: tuple[Any, bool], *, low: bool) -> bool:
    limit, is_open = bound
    return (value == limit and is_open) or (value < limit if low else value > limit)
