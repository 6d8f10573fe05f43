"""The words of neutral rules, read as simply as can be: times, filters, conditions. Nothing of the engine is used."""

from __future__ import annotations

import operator
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

Props = Mapping[str, Any]
Rule = Mapping[str, Any]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
UNITS_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
COMPARE = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}


def later(at: int, text: str | int) -> int:
    """The instant so long after another: calendar months first, then the rest. A bare number is of milliseconds."""
    if isinstance(text, int):
        return at + text
    months, rest = 0, 0.0
    for number, unit in re.findall(r"([0-9.]+)(ms|mo|[dhms])", text):
        if unit == "mo":
            months += int(number)
        else:
            rest += float(number) * UNITS_MS[unit]
    if months:
        day = EPOCH + timedelta(milliseconds=at)
        year, month = day.year + (day.month - 1 + months) // 12, (day.month - 1 + months) % 12 + 1
        last = next(number for number in (31, 30, 29, 28) if _exists(year, month, number))
        at = (day.replace(year=year, month=month, day=min(day.day, last)) - EPOCH) // timedelta(milliseconds=1)
    return at + round(rest)


def length(text: str | int) -> int:
    """Milliseconds of a time without months; it may be negative."""
    return -later(0, str(text)[1:]) if str(text).startswith("-") else later(0, text)


def window_start(at: int, text: str) -> int:
    """Where the tumbling window begins in which an instant lies."""
    if text.endswith("mo"):
        day = EPOCH + timedelta(milliseconds=at)
        months = (day.year - 1970) * 12 + day.month - 1
        first = months - months % int(text[:-2])
        return (datetime(1970 + first // 12, first % 12 + 1, 1, tzinfo=UTC) - EPOCH) // timedelta(milliseconds=1)
    return at - at % length(text)


def passes(wanted: Mapping[str, Any], name: str, props: Props, seen: Mapping[str, Props]) -> bool:
    """An event passes a filter; ``seen`` are the properties of the events that it may refer to."""
    return wanted["event"] == name and all(_compares(*one, props, seen) for one in wanted.get("where") or ())


def filters(given: Any) -> Sequence[Mapping[str, Any]]:
    """One filter or several."""
    return () if given is None else given if isinstance(given, list | tuple) else (given,)


def key_of(rule: Rule, props: Props) -> str | None:
    """The key of an event, "" without keys, None where it has none."""
    if "per" not in rule:
        return ""
    value = props.get(rule["per"])
    return None if value is None else str(value)


def alike(one: Any, other: Any) -> bool:
    """Equal, and not merely as Python sees it: true is not 1."""
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def instant(value: Any) -> int | None:
    """An instant that an attribute tells: a text, or milliseconds."""
    if isinstance(value, str):
        try:
            at = datetime.fromisoformat(value)
        except ValueError:
            return None
        return round(((at if at.tzinfo else at.replace(tzinfo=UTC)) - EPOCH).total_seconds() * 1_000)
    return None if isinstance(value, bool) or not isinstance(value, int | float) else int(value)


def _compares(name: str, sign: str, wanted: Any, props: Props, seen: Mapping[str, Props]) -> bool:
    value = props.get(name)
    if isinstance(wanted, Mapping):
        root, _, member = wanted["ref"].partition(".")
        wanted = (props if root == "event" else seen.get(root, {})).get(member)
    if sign in ("==", "!="):
        # What is absent is null: equal to null, and to nothing else.
        return alike(value, wanted) == (sign == "==")
    if sign == "in":
        return any(alike(value, one) for one in wanted)
    numbers = all(isinstance(one, int | float) and not isinstance(one, bool) for one in (value, wanted))
    texts = isinstance(value, str) and isinstance(wanted, str)
    return (numbers or texts) and bool(COMPARE[sign](value, wanted))


def _exists(year: int, month: int, day: int) -> bool:
    try:
        return bool(datetime(year, month, day, tzinfo=UTC))
    except ValueError:
        return False
