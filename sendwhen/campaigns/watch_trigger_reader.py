"""Reads triggers that look at the customer."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode

from sendwhen.campaigns.filter_reader import OF_CUSTOMER
from sendwhen.campaigns.language_triggers import TRIGGER_MAPS
from sendwhen.campaigns.local_time_reader import LocalTimeReader
from sendwhen.campaigns.problem import shortened
from sendwhen.campaigns.when_reader import WhenReader
from sendwhen.campaigns.words import Reader
from sendwhen.campaigns.yaml_document import plain_value
from sendwhen.domain.local_moment import LocalTime
from sendwhen.domain.predicate import When
from sendwhen.domain.trigger_kinds import AttributeChange, DateOf, Edge, Segment, Trigger, kind_of

OFFSET_DAYS_LIMIT = 400
"""Days that a date's trigger may lie before or after the date."""
_NINE = 9 * 60
_DAYS = re.compile(r"[+-]?([0-9]{1,4})d\Z")


@dataclass(frozen=True, slots=True)
class WatchTriggerReader:
    """Reads triggers of one document.

    Attributes:
        whens: Reads what is asked. words: collects the problems.
    """

    whens: WhenReader
    words: Reader

    def readers(self) -> Mapping[str, Callable[[Node], Trigger | None]]:
        """By the kind's word."""
        return {"segment": self.segment, "attribute_change": self.attribute_change, "date": self.date}

    def refuse_key(self, per: Node | None, trigger: Trigger | None) -> None:
        """Note that what looks at the customer has no event to take a key from."""
        if per is not None and isinstance(trigger, Segment | AttributeChange | DateOf):
            self.words.refuse(
                per,
                f"'per' needs an event, and the trigger '{kind_of(trigger)}' looks at the customer",
                "Leave 'per' out: there is one run for each customer.",
            )

    def segment(self, node: Node) -> Segment | None:
        """``{enter: vip}``, ``{exit: WHEN}``; None (noted) where it is wrong."""
        entries = self.words.words_of(node, TRIGGER_MAPS["segment"])
        if len(entries) != 1:
            if isinstance(node, MappingNode) and (len(entries) == 2 or not node.value):
                self.words.refuse(node, "'segment' needs one of 'enter' and 'exit'", "Write {enter: vip}.")
            return None
        word, what = next(iter(entries.items()))
        name, when = self._asked(what)
        return None if when is None else Segment(when=when, edge=Edge(word), name=name)

    def _asked(self, node: Node) -> tuple[str, When | None]:
        if isinstance(node, ScalarNode) and str(node.value) in self.whens.segments:
            return str(node.value), self.whens.named(node, str(node.value))
        if isinstance(node, ScalarNode) and str(node.value).replace("-", "").replace("_", "").isalnum():
            return str(node.value), self.whens.named(node, str(node.value))
        return "", self.whens.read(node, OF_CUSTOMER)

    def attribute_change(self, node: Node) -> AttributeChange | None:
        """``{attribute: tier, from: silver, to: gold}``; None (noted) where it is wrong."""
        entries = self.words.words_of(node, TRIGGER_MAPS["attribute_change"])
        name = self.words.text(entries.get("attribute"), "attribute", "tier")
        if name is None:
            return None
        return AttributeChange(
            attribute=name, before=self._value(entries.get("from")), after=self._value(entries.get("to"))
        )

    def date(self, node: Node) -> DateOf | None:
        """``{attribute: birthday, offset: -7d, at: "09:00", zone: …, repeat: yearly}``; None (noted) where wrong."""
        entries = self.words.words_of(node, TRIGGER_MAPS["date"])
        name = self.words.text(entries.get("attribute"), "attribute", "birthday")
        times = LocalTimeReader(self.whens.filters, self.words)
        expression, zone = times.zone(entries.get("zone"))
        minute = times.minute(entries.get("at"), "at")
        at = LocalTime(minute=_NINE if minute is None else minute, zone=expression, fallback_zone=zone)
        offset_days = self._days(entries.get("offset"))
        yearly = self.words.choice(entries.get("repeat"), "repeat", {"yearly": True, "never": False}, False)
        return None if name is None else DateOf(attribute=name, offset_days=offset_days, at=at, yearly=yearly)

    def _days(self, node: Node | None) -> int:
        text = self.words.text(node, "offset", "-7d")
        if node is None or text is None:
            return 0
        match = _DAYS.match(text)
        if match is None or int(match[1]) > OFFSET_DAYS_LIMIT:
            self.words.refuse(
                node,
                f"'{shortened(text)}' is no offset: whole days from -{OFFSET_DAYS_LIMIT}d to {OFFSET_DAYS_LIMIT}d",
                "Write -7d for a week before the date; the time of the day stands under 'at'.",
            )
            return 0
        return -int(match[1]) if text.startswith("-") else int(match[1])

    def _value(self, node: Node | None) -> bytes | None:
        if node is None:
            return None
        if not isinstance(node, ScalarNode):
            self.words.refuse(node, "A value must be text, a number, true or false", "Write it as in gold or 10.")
            return None
        return msgspec.json.encode(plain_value(node))
