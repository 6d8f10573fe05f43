"""CEL's conversions between text, numbers and time, as total functions (see ``cel_values``)."""

from __future__ import annotations

import math
import re
from datetime import date
from typing import Any

from sendwhen.campaigns.cel_arithmetic import held, length, moment, whole
from sendwhen.campaigns.cel_values import ERROR, Duration, Timestamp

_SECOND = 1_000_000_000
_BLANKS = " \t\n\v\f\r"
_WHOLE = re.compile(r"[+-]?[0-9]{1,30}\Z")
_DECIMAL = re.compile(
    r"[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,6})?|inf(?:inity)?|nan)\Z", re.IGNORECASE
)
_HEXADECIMAL = re.compile(r"[+-]?0[xX][0-9a-fA-F]{1,200}\Z")
_TIMESTAMP = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,9}))?(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))\Z"
)
_DURATION = re.compile(r"[+-]?(?:0|(?:(?:[0-9]{1,18}(?:\.[0-9]{0,18})?|\.[0-9]{1,18})(?:ns|us|ms|s|m|h))+)\Z")
_PART = re.compile(r"([0-9]*)(?:\.([0-9]*))?(ns|us|ms|s|m|h)")
_UNITS_NS = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": _SECOND, "m": 60 * _SECOND, "h": 3600 * _SECOND}


def to_int(value: Any) -> Any:
    """``int(value)``."""
    value = held(value)
    kind = value.__class__
    if kind is int:
        return whole(value)
    if kind is bool:
        return int(value)  # as the library answers where the type is only known at run time
    if kind is float:
        return whole(int(value)) if math.isfinite(value) else ERROR
    if kind is str:
        text = value.strip(_BLANKS)
        return whole(int(text)) if _WHOLE.match(text) else ERROR
    return int(value) // _SECOND if kind is Timestamp else ERROR


def to_double(value: Any) -> Any:
    """``double(value)``."""
    value = held(value)
    kind = value.__class__
    if kind is float:
        return value
    if kind is int:
        return float(value)
    if kind is str:
        text = value.strip(_BLANKS)
        if _HEXADECIMAL.match(text):
            return float.fromhex(text)
        return float(text) if _DECIMAL.match(text) else ERROR
    return ERROR


def to_text(value: Any) -> Any:
    """``string(value)`` of text, numbers and bool."""
    value = held(value)
    kind = value.__class__
    if kind is str:
        return value
    if kind is bool:
        return "true" if value else "false"
    if kind is int:
        return str(value)
    return _decimal_text(value) if kind is float else ERROR


def _decimal_text(value: float) -> str:
    """The shortest digits that give the number back; exponents from 1e6 on and below 1e-4, as in the library."""
    if not math.isfinite(value):
        return str(value)
    if value == 0:
        return "-0" if math.copysign(1.0, value) < 0 else "0"
    shortest = repr(value).lstrip("-").split("e")[0].replace(".", "").strip("0")
    digits = f"{value:.{max(0, len(shortest) - 1)}e}"
    mantissa, raw = digits.split("e")
    exponent = int(raw)
    if -4 <= exponent < 6:
        return f"{value:.{max(0, len(shortest) - 1 - exponent)}f}"
    return f"{mantissa}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"


def to_timestamp(value: Any) -> Any:
    """``timestamp(value)``: RFC 3339 text, or whole seconds since 1970."""
    kind = value.__class__
    if kind is Timestamp:
        return value
    if kind is int:
        return moment(value * _SECOND)
    match = _TIMESTAMP.match(value) if kind is str else None
    if match is None:
        return ERROR
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    fraction, sign, zone_hours, zone_minutes = match.groups()[6:]
    if hour > 23 or minute > 59 or second > 59 or int(zone_hours or 0) > 23 or int(zone_minutes or 0) > 59:
        return ERROR
    try:
        days = date(year, month, day).toordinal() - 719_163
    except ValueError:  # no such day
        return ERROR
    ahead = (int(zone_hours or 0) * 3600 + int(zone_minutes or 0) * 60) * (-1 if sign == "-" else 1)
    seconds = days * 86_400 + hour * 3600 + minute * 60 + second - ahead
    return moment(seconds * _SECOND + int((fraction or "").ljust(9, "0")))


def to_duration(value: Any) -> Any:
    """``duration(value)``: text such as 1h30m, with the units h, m, s, ms, us, ns."""
    if value.__class__ is Duration:
        return value
    if value.__class__ is not str or not _DURATION.match(value):
        return ERROR
    total = 0
    for digits, fraction, unit in _PART.findall(value):
        total += int(digits or 0) * _UNITS_NS[unit]
        if fraction:
            total += int(fraction) * _UNITS_NS[unit] // 10 ** len(fraction)
    return length(-total if value.startswith("-") else total)
