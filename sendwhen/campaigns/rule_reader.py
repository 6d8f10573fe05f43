"""Reads rules about emails that campaigns and the sending policy share."""

from __future__ import annotations

from dataclasses import dataclass

from ruamel.yaml.nodes import Node

from sendwhen.campaigns.language_table import MAPS
from sendwhen.campaigns.local_time_reader import LocalTimeReader
from sendwhen.campaigns.words import Reader
from sendwhen.domain.sending_rules import AtQuiet, Cap, QuietHours

CAP = MAPS["cap"]
CAP_LIMIT = 100
"""The highest ``at_most`` of a cap; a customer's record holds as many instants."""


@dataclass(frozen=True, slots=True)
class RuleReader:
    """Reads rules of one document.

    Attributes:
        times: Reads their times. words: collects the problems.
    """

    times: LocalTimeReader
    words: Reader

    def cap(self, node: Node | None, what: str) -> Cap | None:
        """``{at_most: 1, per: 1d}``."""
        if node is None:
            return None
        entries = self.words.map(node, CAP.known, required=CAP.required, what=f"'{what}'")
        at_most = self.words.whole(entries.get("at_most"), "at_most", 1, CAP_LIMIT)
        per = self.words.span(entries.get("per"), "per")
        return None if at_most is None or per is None else Cap(at_most=at_most, per=per)

    def quiet_hours(self, node: Node | None) -> QuietHours | None:
        """``{from: "22:00", to: "08:00", zone: customer.time_zone, then: defer}``."""
        if node is None:
            return None
        entries = self.words.words_of(node, MAPS["quiet_hours"])
        begin = self.times.of_customer(entries.get("from"), entries.get("zone"), "from")
        minute = self.times.minute(entries.get("to"), "to")
        then = self.words.choice(entries.get("then"), "then", {one.value: one for one in AtQuiet}, AtQuiet.DEFER)
        if begin is None or minute is None:
            return None
        if begin.minute == minute:
            self.words.refuse(entries["to"], "Quiet hours cannot be the whole day", "Write another time.")
            return None
        end = type(begin)(minute=minute, zone=begin.zone, fallback_zone=begin.fallback_zone)
        return QuietHours(begin=begin, end=end, then=then)
