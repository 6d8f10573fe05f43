"""Fires on a date that an attribute gives, or beside it, once or every year."""

from __future__ import annotations

import msgspec

from sendwhen.domain.calendar import anniversary, date_in, day_minute_ms, shifted, year_of, zone_named
from sendwhen.domain.properties import read_value
from sendwhen.domain.trigger_kinds import DateOf
from sendwhen.domain.triggers.eventless import EventlessLogic
from sendwhen.domain.triggers.watch import Look, Sight

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(int).decode


class DateLogic(EventlessLogic):
    """See ``sendwhen.domain.trigger_kinds.DateOf``. Remembers the instant at which it fires next."""

    def __init__(self, trigger: DateOf) -> None:
        self._trigger = trigger

    def look(self, memory: bytes, sight: Sight) -> Look:
        """What was remembered is due, or not yet; the next instant follows from the attribute as it is now."""
        now_ms = sight.now.now_ms
        fires = bool(memory) and _decode(memory) <= now_ms
        next_ms = self._next_ms(sight, now_ms + 1 if fires else now_ms)
        return Look(b"" if next_ms is None else _encode(next_ms), fires, next_ms)

    def because(self, event_name: str) -> str:  # noqa: ARG002 - it is time that does it
        """Why it fires."""
        trigger = self._trigger
        days = abs(trigger.offset_days)
        beside = (
            f"{days} {'day' if days == 1 else 'days'} {'before' if trigger.offset_days < 0 else 'after'} "
            if days
            else ""
        )
        return f"it is {beside}“{trigger.attribute}”"

    def _next_ms(self, sight: Sight, from_ms: int) -> int | None:
        trigger = self._trigger
        field = sight.fields.get(trigger.attribute)
        if field is None or not field.value:
            return None
        at = trigger.at
        named = None if at.zone is None else at.zone.value(None, sight.now.customer, None, from_ms)
        zone = (zone_named(named) if isinstance(named, str) else None) or zone_named(at.fallback_zone)
        if zone is None:
            return None
        day = date_in(read_value(field.value), zone)
        if day is None:
            return None
        if not trigger.yearly:
            instant = day_minute_ms(shifted(day, trigger.offset_days), at.minute, zone)
            return instant if instant >= from_ms else None
        this_year = year_of(from_ms, zone)
        instants = [
            day_minute_ms(shifted(anniversary(day, year), trigger.offset_days), at.minute, zone)
            # An offset of up to 400 days may carry an anniversary into the year after next.
            for year in range(max(day.year, this_year - 2), this_year + 4)
        ]
        return min((instant for instant in instants if instant >= from_ms), default=None)
