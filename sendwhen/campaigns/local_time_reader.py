"""Reads times of the day and time zones."""

from __future__ import annotations

import re
import zoneinfo
from dataclasses import dataclass

from ruamel.yaml.nodes import Node

from sendwhen.campaigns.conditions import compile_expression
from sendwhen.campaigns.filter_reader import FilterReader
from sendwhen.campaigns.problem import nearest, shortened
from sendwhen.campaigns.words import Reader
from sendwhen.domain.calendar import zone_named
from sendwhen.domain.condition import Expression
from sendwhen.domain.local_moment import LocalTime

OF_CUSTOMER = ("customer",)
_TIME = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])\Z")
_ZONE_LIKE = re.compile(r"[A-Za-z_]+(/[A-Za-z0-9_+-]+)+\Z")
_CUSTOMERS_ZONE = compile_expression("customer.time_zone", roots=OF_CUSTOMER)


@dataclass(frozen=True, slots=True)
class LocalTimeReader:
    """Reads local times of one document.

    Attributes:
        filters: Reads expressions. words: collects the problems.
    """

    filters: FilterReader
    words: Reader

    def time(self, node: Node | None, zone: Node | None, what: str) -> LocalTime | None:
        """A time of the day in a zone: the customer's where none is written."""
        minute = self.minute(node, what)
        expression, fixed = self.zone(zone)
        return None if minute is None else LocalTime(minute=minute, zone=expression, fallback_zone=fixed)

    def minute(self, node: Node | None, what: str) -> int | None:
        """``"09:00"`` in minutes since midnight; None where there is none, or (noted) where it is wrong."""
        text = self.words.text(node, what, '"09:00"')
        if node is None or text is None:
            return None
        match = _TIME.match(text)
        if match is None:
            self.words.refuse(
                node, f"'{shortened(text)}' is no time of the day", 'Write hours and minutes, as in "09:00".'
            )
            return None
        return int(match[1]) * 60 + int(match[2])

    def zone(self, node: Node | None) -> tuple[Expression | None, str]:
        """An expression for a zone's name, or the name itself; without one the customer's, then the policy's."""
        if node is None:
            return _CUSTOMERS_ZONE, ""
        text = self.words.text(node, "zone", "customer.time_zone")
        if text is None:
            return None, ""
        if zone_named(text) is not None:
            return None, text
        if _ZONE_LIKE.match(text):
            self.no_zone(node, text)
            return None, ""
        return self.filters.expression(node, OF_CUSTOMER), ""

    def named_zone(self, node: Node | None, what: str) -> str | None:
        """The name of a zone; None where there is none, or (noted) where it is wrong."""
        text = self.words.text(node, what, "Europe/Berlin")
        if node is None or text is None:
            return None
        if zone_named(text) is None:
            self.no_zone(node, text)
            return None
        return text

    def no_zone(self, node: Node, text: str) -> None:
        """Note that there is no such zone."""
        names = {name.lower(): name for name in zoneinfo.available_timezones()}
        close = names.get(nearest(text, names), "Europe/Berlin")
        self.words.refuse(node, f"There is no time zone '{shortened(text)}'", f"Write an IANA name, such as {close}.")
