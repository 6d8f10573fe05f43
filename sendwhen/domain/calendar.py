"""Arithmetic on the calendar: the proleptic Gregorian one of UTC. No clock is asked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_LAST_YEAR = 9_999
_MS_LIMIT = 253_402_300_800_000


def plus_months(at_ms: int, months: int) -> int:
    """The same day and time so many months later; the last day of a month that has no such day."""
    at = _EPOCH + at_ms * _MILLISECOND
    years, month = divmod(at.month - 1 + months, 12)
    year = min(at.year + years, _LAST_YEAR)
    return (at.replace(year=year, month=month + 1, day=min(at.day, _days(year, month + 1))) - _EPOCH) // _MILLISECOND


def instant_ms(value: object) -> int | None:
    """An instant of what an attribute may hold: RFC 3339 text, a date (its first instant in UTC) or milliseconds."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return int(value) if abs(value) < _MS_LIMIT else None
    if not isinstance(value, str):
        return None
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return None
    return ((at if at.tzinfo else at.replace(tzinfo=UTC)) - _EPOCH) // _MILLISECOND


def _days(year: int, month: int) -> int:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31
