"""CEL's arithmetic as total functions (see ``cel_values``): 64-bit whole numbers, IEEE 754, text, lists and time.

Whole numbers beyond 64 bits, which JSON can hold, take part as decimal ones.
"""

from __future__ import annotations

import math
from typing import Any

from sendwhen.campaigns.cel_values import ERROR, Duration, Timestamp

_INT_MIN, _INT_MAX = -(1 << 63), (1 << 63) - 1
_SECOND = 1_000_000_000
_TIMES = (-62_135_596_800 * _SECOND, 253_402_300_800 * _SECOND - 1)
_LENGTH_MAX = 315_576_000_000 * _SECOND


def held(value: Any) -> Any:
    """A value as CEL can hold it."""
    if value.__class__ is not int or _INT_MIN <= value <= _INT_MAX:
        return value
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def whole(value: int) -> Any:
    """A result of whole-number arithmetic; an error beyond 64 bits."""
    return value if _INT_MIN <= value <= _INT_MAX else ERROR


def moment(ns: int) -> Any:
    """A timestamp; an error outside the years 1 to 9999."""
    return Timestamp(ns) if _TIMES[0] <= ns <= _TIMES[1] else ERROR


def length(ns: int) -> Any:
    """A duration; an error beyond 10,000 years."""
    return Duration(ns) if -_LENGTH_MAX <= ns <= _LENGTH_MAX else ERROR


def add(a: Any, b: Any) -> Any:
    """``a + b``."""
    a, b = held(a), held(b)
    left, right = a.__class__, b.__class__
    if left is right:
        if left is int:
            return whole(a + b)
        if left is Duration:
            return length(int(a) + int(b))
        return a + b if left in (float, str, list) else ERROR
    if {left, right} == {Timestamp, Duration}:
        return moment(int(a) + int(b))
    return ERROR


def subtract(a: Any, b: Any) -> Any:
    """``a - b``."""
    a, b = held(a), held(b)
    left, right = a.__class__, b.__class__
    if left is right:
        if left is int:
            return whole(a - b)
        if left in (Duration, Timestamp):
            return length(int(a) - int(b))
        return a - b if left is float else ERROR
    return moment(int(a) - int(b)) if left is Timestamp and right is Duration else ERROR


def multiply(a: Any, b: Any) -> Any:
    """``a * b``."""
    a, b = held(a), held(b)
    if a.__class__ is not b.__class__:
        return ERROR
    if a.__class__ is int:
        return whole(a * b)
    return a * b if a.__class__ is float else ERROR


def divide(a: Any, b: Any) -> Any:
    """``a / b``: whole numbers towards zero; doubles as IEEE 754 says."""
    a, b = held(a), held(b)
    if a.__class__ is not b.__class__:
        return ERROR
    if a.__class__ is int:
        return whole(_quotient(a, b)) if b else ERROR
    if a.__class__ is not float:
        return ERROR
    if b:
        return a / b
    return math.nan if a == 0 or math.isnan(a) else math.copysign(math.inf, a) * math.copysign(1.0, b)


def modulo(a: Any, b: Any) -> Any:
    """``a % b`` of whole numbers, with the sign of ``a``."""
    a, b = held(a), held(b)
    if a.__class__ is not int or b.__class__ is not int or not b:
        return ERROR
    return a - b * _quotient(a, b) if whole(_quotient(a, b)) is not ERROR else ERROR


def _quotient(a: int, b: int) -> int:
    return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


def minus(value: Any) -> Any:
    """``-value``."""
    value = held(value)
    if value.__class__ is int:
        return whole(-value)
    if value.__class__ is Duration:
        return length(-int(value))
    return -value if value.__class__ is float else ERROR
