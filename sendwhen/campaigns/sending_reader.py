"""Reads what a campaign says about its emails."""

from __future__ import annotations

from dataclasses import dataclass

from ruamel.yaml.nodes import Node

from sendwhen.campaigns.words import Reader
from sendwhen.domain.sending_rules import Category, InDoubt, Sending


@dataclass(frozen=True, slots=True)
class SendingReader:
    """Reads ``send`` of one document.

    Attributes:
        words: Collects the problems.
    """

    words: Reader

    def read(self, node: Node | None) -> Sending:
        """The rules; defaults where there are none."""
        entries = {} if node is None else self.words.map(node, ("category", "in_doubt"), what="'send'")
        category = self.words.choice(
            entries.get("category"), "category", {c.value: c for c in Category}, Category.MARKETING
        )
        in_doubt = self.words.choice(
            entries.get("in_doubt"), "in_doubt", {c.value: c for c in InDoubt}, InDoubt.AT_MOST_ONCE
        )
        return Sending(category=category, in_doubt=in_doubt)
