"""Arithmetic on the calendar and on local times. No clock is asked.

Time zones come from the pinned ``tzdata`` package alone, never from the machine, so that all machines agree.
"""

from __future__ import annotations

import zoneinfo
from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

zoneinfo.reset_tzpath(to=[])
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_LAST_YEAR = 9_999
# What an attribute holds may be anything: a year of margin, so that no zone carries it beyond the calendar.
_FIRST_MS, _LAST_MS = -62_104_060_800_000, 253_370_764_800_000
Day = date
Zone = zoneinfo.ZoneInfo


def plus_months(at_ms: int, months: int, zone: zoneinfo.ZoneInfo | None = None) -> int:
    """The same day and time (of UTC, or of a zone) so many months later; the last day of a month without such a day."""
    at = _EPOCH + at_ms * _MILLISECOND if zone is None else _local(at_ms, zone)
    years, month = divmod(at.month - 1 + months, 12)
    year = min(at.year + years, _LAST_YEAR)
    later = at.replace(year=year, month=month + 1, day=min(at.day, _days(year, month + 1)))
    return (later.astimezone(UTC) - _EPOCH) // _MILLISECOND


def month_start(at_ms: int, months: int) -> int:
    """The beginning of the block of so many calendar months, counted from January 1970, in which an instant lies."""
    at = _EPOCH + at_ms * _MILLISECOND
    block = ((at.year - 1970) * 12 + at.month - 1) // months * months
    years, month = divmod(block, 12)
    return (datetime(1970 + years, month + 1, 1, tzinfo=UTC) - _EPOCH) // _MILLISECOND


def instant_ms(value: object) -> int | None:
    """An instant of what an attribute may hold: RFC 3339 text, a date (its first instant in UTC) or milliseconds.

    None for anything else, and for what lies in the first or last year of the calendar.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return int(value) if _FIRST_MS <= value < _LAST_MS else None
    if not isinstance(value, str):
        return None
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return None
    at_ms = ((at if at.tzinfo else at.replace(tzinfo=UTC)) - _EPOCH) // _MILLISECOND
    return at_ms if _FIRST_MS <= at_ms < _LAST_MS else None


def instant_text(at_ms: int) -> str:
    """RFC 3339 text of an instant, in UTC; milliseconds only where there are some."""
    at = _EPOCH + at_ms * _MILLISECOND
    text = at.isoformat(timespec="milliseconds" if at_ms % 1_000 else "seconds")
    return text.replace("+00:00", "Z")


@lru_cache(maxsize=1_024)
def zone_named(name: str) -> zoneinfo.ZoneInfo | None:
    """The time zone of an IANA name; None where there is none."""
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return None


def minute_of_day(at_ms: int, zone: zoneinfo.ZoneInfo) -> int:
    """The local time of an instant, in whole minutes since midnight."""
    at = _local(at_ms, zone)
    return at.hour * 60 + at.minute


def weekday(at_ms: int, zone: zoneinfo.ZoneInfo) -> int:
    """The local day of the week, 0 for Monday."""
    return _local(at_ms, zone).weekday()


def next_minute_ms(at_ms: int, minute: int, zone: zoneinfo.ZoneInfo, weekdays: Collection[int] = ()) -> int:
    """The first instant from ``at_ms`` on at which it is that minute of the day, on one of the weekdays (0: Monday).

    A local time that is skipped when clocks go forward comes as late as if they did not (02:30 is then 03:30); one
    that comes twice counts the first time.
    """
    day = _local(at_ms, zone).date()
    for later in range(9):
        there = day + timedelta(days=later)
        instant = day_minute_ms(there, minute, zone)
        if instant >= at_ms and (not weekdays or there.weekday() in weekdays):
            return instant
    raise AssertionError("every weekday comes within nine days")


def day_minute_ms(day: date, minute: int, zone: zoneinfo.ZoneInfo) -> int:
    """The instant of a local time on a day; see ``next_minute_ms`` for days on which clocks change."""
    at = datetime(day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=zone)
    return (at.astimezone(UTC) - _EPOCH) // _MILLISECOND


def date_in(value: object, zone: zoneinfo.ZoneInfo) -> date | None:
    """The day of what an attribute may hold: a date as it stands; of an instant, the day there."""
    if isinstance(value, str):
        try:
            return date.fromisoformat(value)
        except ValueError:
            # No date alone; it may be an instant.
            pass
    at_ms = instant_ms(value)
    return None if at_ms is None else _local(at_ms, zone).date()


def anniversary(day: date, year: int) -> date:
    """The same day of another year; 28 February for 29 February where there is none."""
    return date(year, day.month, min(day.day, _days(year, day.month)))


def shifted(day: date, days: int) -> date:
    """So many days later, or earlier; never beyond the calendar."""
    ordinal = min(max(day.toordinal() + days, date.min.toordinal() + 2), date.max.toordinal() - 2)
    return date.fromordinal(ordinal)


def day_there(at_ms: int, zone: zoneinfo.ZoneInfo) -> date:
    """The local day of an instant."""
    return _local(at_ms, zone).date()


def year_of(at_ms: int, zone: zoneinfo.ZoneInfo) -> int:
    """The local year of an instant."""
    return _local(at_ms, zone).year


def _local(at_ms: int, zone: zoneinfo.ZoneInfo) -> datetime:
    return (_EPOCH + at_ms * _MILLISECOND).astimezone(zone)


def _days(year: int, month: int) -> int:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31
