"""Reads a local time of the day and the zone in which it counts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from zoneinfo import available_timezones

from ruamel.yaml.nodes import Node

from sendwhen.campaigns.filter_reader import FilterReader
from sendwhen.campaigns.problem import nearest, shortened
from sendwhen.campaigns.words import Reader
from sendwhen.domain.calendar import zone_named
from sendwhen.domain.condition import Expression
from sendwhen.domain.local_moment import LocalTime

_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])\Z")


@dataclass(frozen=True, slots=True)
class LocalTimeReader:
    """Reads local times of one document.

    Attributes:
        filters: Reads zones that are expressions. words: collects the problems.
    """

    filters: FilterReader
    words: Reader

    def read(self, at: Node | None, zone: Node | None, what: str, *, default: str, roots: tuple[str, ...]) -> LocalTime:
        """``at: "09:00"`` in ``zone: Europe/Berlin`` or ``zone: customer.time_zone``; what is wrong is noted."""
        expression, name = self._zone(zone, roots)
        return LocalTime(minute=self._minute(at, what, default), zone=expression, fallback_zone=name)

    def _minute(self, node: Node | None, what: str, default: str) -> int:
        text = default if node is None else self.words.text(node, what, '"09:00"')
        match = _TIME.match(text or "")
        if match is None:
            if node is not None and text is not None:
                self.words.refuse(
                    node, f"'{shortened(text)}' is no time of the day", 'Write hours and minutes in quotes: "09:00".'
                )
            return 0
        return int(match[1]) * 60 + int(match[2])

    def _zone(self, node: Node | None, roots: tuple[str, ...]) -> tuple[Expression | None, str]:
        text = self.words.text(node, "zone", "Europe/Berlin")
        if node is None or text is None:
            return None, "UTC"
        if zone_named(text) is not None:
            return None, text
        if "." in text or "(" in text:
            return self.filters.expression(node, roots), "UTC"
        ends = {name.rsplit("/", 1)[-1].lower(): name for name in sorted(available_timezones())}
        close = ends.get(nearest(text.rsplit("/", 1)[-1], ends))
        self.words.refuse(
            node,
            f"There is no time zone '{shortened(text)}'",
            f"Write {close}." if close else "Write one as in Europe/Berlin, or customer.time_zone.",
        )
        return None, "UTC"
