"""Lengths of time as campaigns write them: 30s, 59m59.999s, 1d2h."""

from __future__ import annotations

import re
from fractions import Fraction

UNITS_MS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}
DURATION_LIMIT_MS = 400 * UNITS_MS["d"]
"""The longest time anything can wait: 400 days."""
MONTHS_LIMIT = 13
"""The longest time in calendar months."""
_MONTHS = re.compile(r"([0-9]{1,4})mo")
_PART = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?)(ms|d|h|m|s)")


def months_and_rest(text: str) -> tuple[int, str]:
    """The calendar months at its beginning, 0 for none, and what follows: "1mo2d" is (1, "2d")."""
    match = _MONTHS.match(text)
    return (int(match[1]), text[match.end() :]) if match else (0, text)


def duration_ms(text: str) -> int | None:
    """Whole milliseconds of a sum of ``<number><unit>``; None where the text is none, or is no whole number of them."""
    total, end = Fraction(0), 0
    for part in _PART.finditer(text):
        if part.start() != end:
            return None
        total += Fraction(part[1]) * UNITS_MS[part[2]]
        end = part.end()
    return int(total) if end and end == len(text) and total.denominator == 1 else None


def duration_text(ms: int) -> str:
    """The shortest way to write a duration."""
    parts: list[str] = []
    for unit, size in UNITS_MS.items():
        count, ms = divmod(ms, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"
