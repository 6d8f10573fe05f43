"""What people write where the language has another word: 12 days, 1,5h, PT1H; delay, email; Welcome Series."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from fractions import Fraction
from types import MappingProxyType
from typing import Final

from sendwhen.campaigns.durations import DURATION_LIMIT_MS, MONTHS_LIMIT, UNITS_MS, duration_text

_WEEK_MS: Final = 7 * UNITS_MS["d"]
_UNITS: Final = MappingProxyType(
    {
        "ms": ("ms", "msec", "millis", "millisecond", "milliseconds"),
        "s": ("s", "sec", "secs", "second", "seconds", "sekunde", "sekunden"),
        "m": ("m", "min", "mins", "minute", "minutes", "minuten"),
        "h": ("h", "hr", "hrs", "hour", "hours", "std", "stunde", "stunden"),
        "d": ("d", "day", "days", "tag", "tage", "tagen", "t"),
        "w": ("w", "wk", "wks", "week", "weeks", "woche", "wochen"),
        "mo": ("mo", "mon", "month", "months", "monat", "monate"),
        "y": ("y", "yr", "year", "years", "jahr", "jahre"),
    }
)
_UNIT_OF: Final = MappingProxyType({word: unit for unit, words in _UNITS.items() for word in words})
_PART: Final = re.compile(r"([0-9]{1,9}(?:[.,][0-9]{1,6})?)\s*([a-z]+)\s*(?:and|und|,)?\s*")
_ISO: Final = re.compile(r"p(?:([0-9]+)w)?(?:([0-9]+)d)?(?:t(?:([0-9]+)h)?(?:([0-9]+)m)?(?:([0-9]+)s)?)?\Z")
_CLOCK: Final = re.compile(r"([0-9]{1,3}):([0-5][0-9])(?::([0-5][0-9]))?\Z")
_OTHER_WORDS: Final = MappingProxyType(
    {
        "delay": ("wait",), "sleep": ("wait",), "after": ("wait", "for"), "duration": ("for",), "time": ("at", "for"),
        "days": ("for",), "hours": ("for",), "minutes": ("for",), "seconds": ("for",), "weeks": ("for",),
        "day": ("weekday",), "days_of_week": ("weekday",), "timezone": ("zone", "time_zone"),
        "tz": ("zone", "time_zone"), "email": ("send",), "mail": ("send",), "message": ("send",),
        "template": ("send",), "action": ("send", "steps"), "actions": ("steps",), "journey": ("steps",),
        "flow": ("steps",), "then": ("steps", "then"), "id": ("campaign",), "name": ("event", "campaign"),
        "title": ("campaign",), "type": ("event",), "on": ("trigger", "event"), "if": ("where", "guard", "branch"),
        "condition": ("where", "guard", "if"), "filter": ("where", "guard"), "filters": ("where", "guard"),
        "properties": ("where",), "key": ("per",), "group_by": ("per",), "cooldown": ("reentry",),
        "frequency": ("reentry",), "repeat_after": ("reentry",), "cancel_on": ("exit_on", "unless"),
        "stop_on": ("exit_on", "stop_after"), "cancel": ("exit_on", "unless"), "except": ("unless",),
        "without": ("unless",), "timeout": ("at_most",), "max": ("at_most",), "limit": ("at_most",),
        "min": ("at_least",), "count": ("at_least", "times"), "number": ("ordinal", "at_least"),
        "window": ("within", "sliding"), "conversion": ("goal",), "ab_test": ("split",), "test": ("split",),
        "variants": ("split",), "weight": ("share",), "percent": ("share",), "control_group": ("holdout",),
        "audience": ("guard",), "start": ("event", "from"), "end": ("to",), "every": ("per",),
        "field": ("attribute", "value"), "property": ("value", "attribute"),
    }
)  # fmt: skip
"""What others call our words; the first that a map knows is meant."""


def meant_duration(text: str) -> str:
    """The duration that was probably meant, as the language writes it; "" where nobody can tell."""
    lower = text.strip().lower()
    if match := _CLOCK.match(lower):
        hours, minutes, seconds = (int(part or 0) for part in match.groups())
        return _written((hours * 60 + minutes) * 60_000 + seconds * 1_000)
    if (match := _ISO.match(lower)) and any(match.groups()):
        weeks, days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
        return _written((((weeks * 7 + days) * 24 + hours) * 60 + minutes) * 60_000 + seconds * 1_000)
    total, months, end = Fraction(0), 0, 0
    for part in _PART.finditer(lower):
        unit = _UNIT_OF.get(part[2])
        number = Fraction(part[1].replace(",", "."))
        if part.start() != end or unit is None:
            return ""
        end = part.end()
        if unit in {"mo", "y"}:
            if number.denominator != 1 or total:
                return ""
            months += int(number) * (12 if unit == "y" else 1)
        else:
            total += number * (_WEEK_MS if unit == "w" else UNITS_MS[unit])
    if not end or end != len(lower) or total.denominator != 1 or months > MONTHS_LIMIT:
        return ""
    rest = _written(int(total)) if total else ""
    return (f"{months}mo" if months else "") + rest


def meant_word(word: str, known: Collection[str]) -> str:
    """The word of a map that somebody means who writes another; "" where there is none."""
    return next((one for one in _OTHER_WORDS.get(word.lower(), ()) if one in known), "")


def meant_name(text: str) -> str:
    """A name made of a title: "Welcome Series" is welcome-series; "" where nothing is left."""
    spelt = text.lower().translate({ord("ä"): "ae", ord("ö"): "oe", ord("ü"): "ue", ord("ß"): "ss"})
    plain = unicodedata.normalize("NFKD", spelt).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:64].strip("-")


def _written(ms: int) -> str:
    return duration_text(ms) if 0 < ms <= DURATION_LIMIT_MS else ""
