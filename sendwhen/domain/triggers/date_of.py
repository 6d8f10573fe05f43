"""Fires on a date that an attribute gives, or beside it, once or every year."""

from __future__ import annotations

import msgspec

from sendwhen.domain.calendar import (
    Day,
    Zone,
    anniversary,
    date_in,
    day_minute_ms,
    day_there,
    shifted,
    year_of,
)
from sendwhen.domain.local_clock import zone_of
from sendwhen.domain.properties import read_value
from sendwhen.domain.run import Run
from sendwhen.domain.trigger_kinds import DateOf
from sendwhen.domain.triggers.eventless import EventlessLogic
from sendwhen.domain.triggers.watch import Look, Sight

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[int, int]).decode


class DateLogic(EventlessLogic):
    """See ``sendwhen.domain.trigger_kinds.DateOf``.

    Remembers the instant at which it fires next (0: none) and the day on which it fired last (0: never), so that
    nobody who moves to another time zone on the day has it twice.
    """

    def __init__(self, trigger: DateOf) -> None:
        self._trigger = trigger

    def look(self, memory: bytes, sight: Sight) -> Look:
        """What was remembered is due, or not yet; the next instant follows from the attribute as it is now."""
        now_ms = sight.now.now_ms
        next_ms, fired_day = _decode(memory) if memory else (0, 0)
        fires = 0 < next_ms <= now_ms
        if fires:
            fired_day = self._day_of(next_ms, sight)
        next_ms = self._next_ms(sight, now_ms, fired_day) or 0
        return Look(_encode((next_ms, fired_day)) if next_ms or fired_day else b"", fires, next_ms or None)

    def inherited(self, before: object, memory: bytes) -> bytes:
        """The day on which it fired last: nobody has it again because the hour or the zone was edited."""
        if not memory or not isinstance(before, DateLogic):
            return b""
        _, fired_day = _decode(memory)
        return _encode((0, fired_day)) if fired_day else b""

    def join(self, own: bytes, other: bytes) -> bytes:
        """What comes next follows from the joined customer; neither has the same day twice."""
        (next_ms, day), (_, other_day) = _decode(own), _decode(other)
        return _encode((next_ms, max(day, other_day)))

    def because(self, run: Run) -> str:  # noqa: ARG002 - it is time that does it
        """Why it fires."""
        trigger = self._trigger
        days = abs(trigger.offset_days)
        beside = (
            f"{days} {'day' if days == 1 else 'days'} {'before' if trigger.offset_days < 0 else 'after'} "
            if days
            else ""
        )
        return f"it is {beside}“{trigger.attribute}”"

    def _next_ms(self, sight: Sight, from_ms: int, fired_day: int) -> int | None:
        zone = zone_of(self._trigger.at, sight.now, sight.policy_zone)
        day = self._date(sight, zone)
        if day is None:
            return None
        this_year = year_of(from_ms, zone)
        days = (
            # An offset of up to 400 days may carry an anniversary into the year after next.
            [anniversary(day, year) for year in range(max(day.year, this_year - 2), this_year + 4)]
            if self._trigger.yearly
            else [day]
        )
        coming = [
            there for there in (shifted(one, self._trigger.offset_days) for one in days) if _number(there) > fired_day
        ]
        instants = [day_minute_ms(there, self._trigger.at.minute, zone) for there in coming]
        return min((instant for instant in instants if instant >= from_ms), default=None)

    def _date(self, sight: Sight, zone: Zone) -> Day | None:
        field = sight.fields.get(self._trigger.attribute)
        return None if field is None or not field.value else date_in(read_value(field.value), zone)

    def _day_of(self, at_ms: int, sight: Sight) -> int:
        return _number(day_there(at_ms, zone_of(self._trigger.at, sight.now, sight.policy_zone)))


def _number(day: Day) -> int:
    return day.toordinal()
