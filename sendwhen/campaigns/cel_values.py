"""What compiled conditions calculate with: CEL's operations as total Python functions.

None of these raises. Where CEL has an error, they answer ``ERROR``, which every operation passes on and only ``&&``,
``||`` and the macros may absorb, as in CEL. Values are what JSON gives (None, bool, int, float, str, list, dict), and
Timestamp and Duration. Classes are compared with ``is``, so that a bool is never taken for a number.

There is one deviation from CEL, on purpose: an absent property is null, and an ordering with null or between types is
false instead of an error.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any


class Failure:
    """CEL's error as a value."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "ERROR"


class Timestamp(int):
    """Nanoseconds since 1970-01-01 UTC."""


class Duration(int):
    """Nanoseconds."""


ERROR = Failure()
NUMBERS = frozenset({int, float})
ORDERED = frozenset({str, bool, Timestamp, Duration})
LIST_LIMIT = 1_000
"""Elements that ``in`` and a macro look at; a longer list is an error, so the condition is false."""
INNER_LIST_LIMIT = 100
"""The same for a macro within a macro."""
DEPTH_LIMIT = 32
"""Nesting of lists and maps that ``==`` compares; deeper ones are an error."""


def same(value: Any) -> Any:
    """``dyn(value)``: means something to the type checker only."""
    return value


def select(value: Any, name: str) -> Any:
    """``value.name``; null where there is none."""
    if value.__class__ is dict:
        return value.get(name)
    return ERROR if value is ERROR else None


def has(value: Any, name: str) -> Any:
    """``has(value.name)``."""
    if value.__class__ is dict:
        return name in value
    return ERROR if value is ERROR else False


def mapping(value: Mapping[str, Any]) -> dict[str, Any]:
    """A whole root as a value."""
    return dict(value)


def index(value: Any, key: Any) -> Any:
    """``value[key]``: a name that is not there gives null, a place that is not in a list is an error."""
    kind = key.__class__
    if kind is str and value.__class__ is not list:
        return select(value, key)
    if kind is float and key.is_integer():
        key, kind = int(key), int
    return value[key] if value.__class__ is list and kind is int and 0 <= key < len(value) else ERROR


def equal(a: Any, b: Any, depth: int = 0) -> Any:
    """``a == b``: across types false, numbers by value, lists and maps by their contents."""
    kind = a.__class__
    if a is ERROR or b is ERROR or depth > DEPTH_LIMIT:
        return ERROR
    if kind in NUMBERS:
        return b.__class__ in NUMBERS and a == b
    if kind is not b.__class__:
        return False
    if kind is list:
        return len(a) == len(b) and _all_of(equal(x, y, depth + 1) for x, y in zip(a, b, strict=True))
    if kind is dict:
        return a.keys() == b.keys() and _all_of(equal(a[key], b[key], depth + 1) for key in a)
    return bool(a == b)


def _all_of(answers: Any) -> Any:
    result: Any = True
    for answer in answers:
        if answer is False:
            return False
        if answer is ERROR:
            result = ERROR
    return result


def unequal(a: Any, b: Any) -> Any:
    """``a != b``."""
    return negate(equal(a, b))


def _ordering(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], Any]:
    def ordered(a: Any, b: Any) -> Any:
        kind = a.__class__
        if kind in NUMBERS:
            if b.__class__ in NUMBERS:
                return compare(a, b)
        elif kind is b.__class__ and kind in ORDERED:
            return compare(a, b)
        return ERROR if a is ERROR or b is ERROR else False

    return ordered


less, less_equal = _ordering(operator.lt), _ordering(operator.le)
greater, greater_equal = _ordering(operator.gt), _ordering(operator.ge)


def negate(value: Any) -> Any:
    """``!value``."""
    return not value if value.__class__ is bool else ERROR


def conjunction(*values: Any) -> Any:
    """``&&``: false if any is, whatever the others are."""
    if False in [v for v in values if v.__class__ is bool]:
        return False
    return True if all(v is True for v in values) else ERROR


def disjunction(*values: Any) -> Any:
    """``||``: true if any is, whatever the others are."""
    if True in [v for v in values if v.__class__ is bool]:
        return True
    return False if all(v is False for v in values) else ERROR


def members(*values: Any) -> Any:
    """A list literal."""
    return ERROR if any(v is ERROR for v in values) else list(values)


def pairs(names: tuple[str, ...], *values: Any) -> Any:
    """A map literal."""
    return ERROR if any(v is ERROR for v in values) else dict(zip(names, values, strict=True))


def contained(value: Any, container: Any) -> Any:  # noqa: PLR0911  one return for each kind of container
    """``value in container``."""
    if value is ERROR:
        return ERROR
    if container.__class__ is list:
        if len(container) > LIST_LIMIT:
            return ERROR
        if value.__class__ is str:  # nothing but the same text equals a text
            return value in container
        found: Any = False
        for element in container:
            answer = equal(value, element)
            if answer is True:
                return True
            found = ERROR if answer is ERROR else found
        return found
    if container.__class__ is dict and value.__class__ in (str, int, float, bool):
        return value.__class__ is str and value in container
    return ERROR


def size(value: Any) -> Any:
    """``size(value)``: characters, elements or entries."""
    return len(value) if value.__class__ in (str, list, dict) else ERROR


def starts_with(value: Any, part: Any) -> Any:
    """``value.startsWith(part)``."""
    return value.startswith(part) if value.__class__ is str and part.__class__ is str else ERROR


def ends_with(value: Any, part: Any) -> Any:
    """``value.endsWith(part)``."""
    return value.endswith(part) if value.__class__ is str and part.__class__ is str else ERROR


def contains(value: Any, part: Any) -> Any:
    """``value.contains(part)``."""
    return part in value if value.__class__ is str and part.__class__ is str else ERROR


def _elements(value: Any, limit: int) -> Any:
    if value.__class__ not in (list, dict) or len(value) > limit:
        return ERROR
    return list(value)


def exists(value: Any, limit: int, test: Callable[[Any], Any]) -> Any:
    """``value.exists(x, …)``."""
    elements = _elements(value, limit)
    if elements is ERROR:
        return ERROR
    result: Any = False
    for element in elements:
        answer = test(element)
        if answer is True:
            return True
        if answer is not False:
            result = ERROR
    return result


def every(value: Any, limit: int, test: Callable[[Any], Any]) -> Any:
    """``value.all(x, …)``."""
    return negate(exists(value, limit, lambda element: negate(test(element))))


def exists_one(value: Any, limit: int, test: Callable[[Any], Any]) -> Any:
    """``value.exists_one(x, …)``."""
    elements = _elements(value, limit)
    if elements is ERROR:
        return ERROR
    answers = [test(element) for element in elements]
    return answers.count(True) == 1 if all(a.__class__ is bool for a in answers) else ERROR
