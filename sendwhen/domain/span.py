"""Lengths of time, of the calendar too."""

from __future__ import annotations

import msgspec

from sendwhen.domain.calendar import plus_months


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """So many calendar months and then so many milliseconds; months are those of UTC."""

    ms: int = 0
    months: int = 0

    def after(self, at_ms: int) -> int:
        """The instant so long after another."""
        return (plus_months(at_ms, self.months) if self.months else at_ms) + self.ms
