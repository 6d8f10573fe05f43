"""Reads a local time of the day and the zone in which it counts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from zoneinfo import available_timezones

from ruamel.yaml.nodes import Node

from sendwhen.campaigns.conditions import compile_expression
from sendwhen.campaigns.filter_reader import OF_CUSTOMER, FilterReader
from sendwhen.campaigns.problem import shortened
from sendwhen.campaigns.words import Reader
from sendwhen.domain.calendar import zone_named
from sendwhen.domain.condition import Expression
from sendwhen.domain.local_moment import LocalTime

_ZONE_LIKENESS = 0.75
"""Likeness from which the name of a zone is taken for another that is misspelt."""
_TIME = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])\Z")
_CUSTOMERS_ZONE = compile_expression("customer.time_zone", roots=OF_CUSTOMER)


@dataclass(frozen=True, slots=True)
class LocalTimeReader:
    """Reads local times of one document.

    Attributes:
        filters: Reads zones that are expressions. words: collects the problems.
    """

    filters: FilterReader
    words: Reader

    def of_customer(self, at: Node | None, zone: Node | None, what: str) -> LocalTime | None:
        """``at: "09:00"`` in ``zone: Europe/Berlin`` or ``zone: customer.…``, else the customer's; None: no time."""
        expression, name = self.zone(zone)
        minute = self.minute(at, what)
        return None if minute is None else LocalTime(minute=minute, zone=expression, fallback_zone=name)

    def zone(self, node: Node | None) -> tuple[Expression | None, str]:
        """An expression for a zone's name, or the name; without a word the customer's zone, then the policy's."""
        return (_CUSTOMERS_ZONE, "") if node is None else self._zone(node, OF_CUSTOMER)

    def minute(self, node: Node | None, what: str) -> int | None:
        """Minutes since midnight; None where there is no time, or (noted) where it is wrong."""
        text = self.words.text(node, what, '"09:00"')
        if node is None or text is None:
            return None
        minutes = _minutes(text)
        if minutes is None:
            self.words.refuse(
                node, f"'{shortened(text)}' is no time of the day", 'Write hours and minutes in quotes: "09:00".'
            )
        return minutes

    def named_zone(self, node: Node | None, what: str) -> str | None:
        """The name of a zone; None where there is none, or (noted) where it is wrong."""
        text = self.words.text(node, what, "Europe/Berlin")
        if node is None or text is None:
            return None
        if zone_named(text) is None:
            self._no_zone(node, text)
            return None
        return text

    def _zone(self, node: Node, roots: tuple[str, ...]) -> tuple[Expression | None, str]:
        text = self.words.text(node, "zone", "Europe/Berlin")
        if text is None:
            return None, "UTC"
        if zone_named(text) is not None:
            return None, text
        if "." in text or "(" in text:
            return self.filters.expression(node, roots), ""
        self._no_zone(node, text)
        return None, "UTC"

    def _no_zone(self, node: Node, text: str) -> None:
        region, _, city = text.rpartition("/")
        ends = {name.rsplit("/", 1)[-1].lower(): name for name in sorted(available_timezones())}
        there = {end: name for end, name in ends.items() if name.startswith(f"{region}/")} or ends
        close = there.get(next(iter(get_close_matches(city.lower(), there, n=1, cutoff=_ZONE_LIKENESS)), ""))
        self.words.refuse(
            node,
            f"There is no time zone '{shortened(text)}'",
            f"Write {close}." if close else "Write one as in Europe/Berlin, or customer.time_zone.",
        )


def _minutes(text: str) -> int | None:
    match = _TIME.match(text)
    return None if match is None else int(match[1]) * 60 + int(match[2])
