"""Where a customer's clock stands: which zone counts, and when quiet hours end."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from sendwhen.domain.asking import Asked
from sendwhen.domain.calendar import minute_of_day, next_minute_ms, zone_named
from sendwhen.domain.local_moment import LocalTime
from sendwhen.domain.sending_rules import QuietHours

TIME_ZONE = "time_zone"
"""The customers' attribute."""
_MINUTE_MS = 60_000
_DAY_MINUTES = 1_440


def zone_of(time: LocalTime, asked: Asked, policy_zone: str) -> ZoneInfo:
    """The first that is known: what the time's expression gives, the customer's, the time's own, the policy's, UTC."""
    if time.zone is not None:
        given = time.zone.value(asked.event, asked.customer, asked.start, asked.now_ms)
        for name in (given, asked.customer.get(TIME_ZONE)):
            zone = zone_named(name) if isinstance(name, str) else None
            if zone is not None:
                return zone
    return zone_named(time.fallback_zone or policy_zone) or ZoneInfo("UTC")


def quiet_until_ms(quiet: QuietHours, asked: Asked, policy_zone: str) -> int | None:
    """When the quiet hours in which it is now end; None: it is not quiet."""
    zone, at_ms = zone_of(quiet.begin, asked, policy_zone), asked.now_ms
    minute, begin, end = minute_of_day(at_ms, zone), quiet.begin.minute, quiet.end.minute
    if not (begin <= minute < end if begin < end else minute >= begin or minute < end):
        return None
    # Where a local time comes twice the quiet hours end the next time it comes, be it the second.
    soon_ms = at_ms - at_ms % _MINUTE_MS + (end - minute) % _DAY_MINUTES * _MINUTE_MS
    return soon_ms if minute_of_day(soon_ms, zone) == end else next_minute_ms(at_ms, end, zone)
