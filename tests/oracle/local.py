"""Days and hours where a customer lives, found by looking for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from tests.oracle.neutral import EPOCH, instant, later

MILLISECOND = timedelta(milliseconds=1)
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@lru_cache(maxsize=64)
def zone(name: Any) -> ZoneInfo | None:
    """A zone of that name."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, TypeError, OSError):
        return None


def zone_of(given: Any, attributes: Mapping[str, Any], policy: Mapping[str, Any]) -> ZoneInfo:
    """The zone that a rule names, else the customer's, else the policy's."""
    return zone(given or attributes.get("time_zone") or 0) or zone(policy.get("time_zone", "UTC")) or ZoneInfo("UTC")


def wall(at: int, there: ZoneInfo) -> datetime:
    """What the clocks show, without their zone."""
    return (EPOCH + at * MILLISECOND).astimezone(there).replace(tzinfo=None)


def instants(shown: datetime, there: ZoneInfo) -> list[int]:
    """The instants at which clocks show something: one, two where it comes twice; where it is skipped, as if not."""
    told = shown.replace(tzinfo=UTC)
    offsets = [(told + timedelta(hours=hours)).astimezone(there).utcoffset() or timedelta() for hours in (-26, 26)]
    found = sorted({(told - offset - EPOCH) // MILLISECOND for offset in offsets})
    real = [one for one in found if wall(one, there) == shown]
    return real or [(told - offsets[0] - EPOCH) // MILLISECOND]


def at_time(day: date, time: str, there: ZoneInfo) -> int:
    """When it is that time of a day for the first time."""
    hour, minute = map(int, time.split(":"))
    return min(instants(datetime(day.year, day.month, day.day, hour, minute), there))


def next_time(at: int, time: str, there: ZoneInfo, weekdays: Sequence[str] = ()) -> int:
    """The first instant from one on at which it is that time, on one of the weekdays."""
    today = wall(at, there).date()
    days = [today + timedelta(days=number) for number in range(10)]
    return min(
        one
        for day in days
        if not weekdays or WEEKDAYS[day.weekday()] in weekdays
        if (one := at_time(day, time, there)) >= at
    )


def quiet_until(at: int, hours: Mapping[str, Any], there: ZoneInfo) -> int | None:
    """When quiet hours end in which it is; None: it is not quiet."""
    shown = wall(at, there)
    now, begin, end = f"{shown:%H:%M}", hours["from"].zfill(5), hours["to"].zfill(5)
    if not (begin <= now < end if begin < end else now >= begin or now < end):
        return None
    hour, minute = map(int, end.split(":"))
    days = [shown.date() + timedelta(days=number) for number in (0, 1, 2)]
    ends = [one for day in days for one in instants(datetime(day.year, day.month, day.day, hour, minute), there)]
    return min(one for one in ends if one > at)


def wait_over(at: int, wait: Any, attributes: Mapping[str, Any], policy: Mapping[str, Any]) -> int:
    """When a wait that begins at an instant is over."""
    if not isinstance(wait, Mapping):
        return later(at, wait)
    there = zone_of(wait.get("zone"), attributes, policy)
    at = later(at, wait.get("for", 0))
    days = wait.get("weekday", ())
    if "until" not in wait:
        is_that_day = WEEKDAYS[wall(at, there).weekday()] in days
        return at if is_that_day or not days else next_time(at, "00:00", there, days)
    return next_time(at, wait["until"], there, days)


def dates(
    rule: Mapping[str, Any], attributes: Mapping[str, Any], policy: Mapping[str, Any], years: tuple[int, int]
) -> Iterator[tuple[int, int]]:
    """(instant, day) of what the rule's attribute gives; of anniversaries those of some years."""
    there = zone_of(rule.get("zone"), attributes, policy)
    told = _day(attributes.get(rule["attr"]), there)
    if told is None:
        return
    days = [told]
    if rule.get("repeat") == "yearly":
        days = [_anniversary(told, year) for year in range(max(told.year, years[0]), years[1])]
    for one in days:
        day = one + timedelta(days=int(str(rule.get("offset", "0d")).removesuffix("d")))
        yield at_time(day, rule.get("at", "09:00"), there), day.toordinal()


def _anniversary(day: date, year: int) -> date:
    try:
        return day.replace(year=year)
    except ValueError:
        return date(year, 2, 28)


def _day(value: Any, there: ZoneInfo) -> date | None:
    if isinstance(value, str) and len(value) == len("2024-02-29"):
        try:
            return date.fromisoformat(value)
        except ValueError:
            return None
    at = instant(value)
    return None if at is None else wall(at, there).date()
