"""Reads what a campaign says about its emails."""

from __future__ import annotations

from dataclasses import dataclass

from ruamel.yaml.nodes import MappingNode, Node

from sendwhen.campaigns.language_table import MAPS
from sendwhen.campaigns.rule_reader import RuleReader
from sendwhen.campaigns.words import Reader
from sendwhen.domain.sending_rules import Category, InDoubt, Sending
from sendwhen.domain.span import Span

PRIORITY_LIMIT = 1_000
"""The highest priority."""
VOLUME_LIMIT = 1_000_000_000
"""The highest volume of a day."""
_MARKETING_ONLY = ("cap", "quiet_hours", "priority")


@dataclass(frozen=True, slots=True)
class SendingReader:
    """Reads ``send`` of one document.

    Attributes:
        rules: Reads what the sending policy may say too. words: collects the problems.
    """

    rules: RuleReader
    words: Reader

    def read(self, node: Node | None, holdout: Node | None = None) -> Sending:
        """The rules; defaults where there are none. ``holdout`` is refused where the emails pass by it."""
        entries = {} if node is None else self.words.words_of(node, MAPS["send"])
        category = self.words.choice(
            entries.get("category"), "category", {c.value: c for c in Category}, Category.MARKETING
        )
        in_doubt = self.words.choice(
            entries.get("in_doubt"), "in_doubt", {c.value: c for c in InDoubt}, InDoubt.AT_MOST_ONCE
        )
        if category is Category.TRANSACTIONAL:
            for word, what in (*((word, entries.get(word)) for word in _MARKETING_ONLY), ("holdout", holdout)):
                if what is not None:
                    self.words.refuse(
                        what,
                        f"'{word}' has no effect on transactional emails, which pass by it",
                        "Leave it out, or write category: marketing.",
                    )
        return Sending(
            category=category,
            in_doubt=in_doubt,
            cap=self.rules.cap(entries.get("cap"), "cap"),
            quiet_hours=self.rules.quiet_hours(entries.get("quiet_hours")),
            priority=self.words.whole(entries.get("priority"), "priority", 1, PRIORITY_LIMIT),
            address_wait=self._address_wait(entries.get("no_address")),
            volume_per_day=self._volume(entries.get("volume")),
        )

    def _address_wait(self, node: Node | None) -> Span | None:
        if not isinstance(node, MappingNode):
            self.words.choice(node, "no_address", {"skip": None}, None)
            return None
        entries = self.words.words_of(node, MAPS["no_address"])
        return self.words.span(entries.get("wait"), "wait")

    def _volume(self, node: Node | None) -> int | None:
        if node is None:
            return None
        entries = self.words.words_of(node, MAPS["volume"])
        self.words.choice(entries.get("per"), "per", {"day": None}, None)
        return self.words.whole(entries.get("at_most"), "at_most", 1, VOLUME_LIMIT)
