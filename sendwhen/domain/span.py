"""Lengths of time, of the calendar too."""

from __future__ import annotations

import msgspec

from sendwhen.domain.calendar import plus_months

_UNITS_MS = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1))


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """So many calendar months and then so many milliseconds; months are those of UTC."""

    ms: int = 0
    months: int = 0

    def after(self, at_ms: int) -> int:
        """The instant so long after another."""
        return (plus_months(at_ms, self.months) if self.months else at_ms) + self.ms

    def text(self) -> str:
        """The shortest way to write it: 1mo2d, 1h30m."""
        parts = [f"{self.months}mo"] if self.months else []
        left_ms = self.ms
        for unit, size_ms in _UNITS_MS:
            number, left_ms = divmod(left_ms, size_ms)
            if number:
                parts.append(f"{number}{unit}")
        return "".join(parts) or "0s"
