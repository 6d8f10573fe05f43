"""Reads triggers that look at the customer."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode

from sendwhen.campaigns.when_reader import WhenReader
from sendwhen.campaigns.words import Reader
from sendwhen.campaigns.yaml_document import plain_value
from sendwhen.domain.predicate import When
from sendwhen.domain.trigger_kinds import AttributeChange, Edge, Segment

OF_CUSTOMER = ("customer",)
"""Roots where nothing but the customer is known: what holds then changes only with the customer."""


@dataclass(frozen=True, slots=True)
class WatchTriggerReader:
    """Reads triggers of one document.

    Attributes:
        whens: Reads what is asked. words: collects the problems.
    """

    whens: WhenReader
    words: Reader

    def segment(self, node: Node) -> Segment | None:
        """``{enter: vip}``, ``{exit: WHEN}``; None (noted) where it is wrong."""
        entries = self.words.map(node, ("enter", "exit"), what="'segment'")
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
        entries = self.words.map(node, ("attribute", "from", "to"), required=("attribute",), what="'attribute_change'")
        name = self.words.text(entries.get("attribute"), "attribute", "tier")
        if name is None:
            return None
        return AttributeChange(
            attribute=name, before=self._value(entries.get("from")), after=self._value(entries.get("to"))
        )

    def _value(self, node: Node | None) -> bytes | None:
        if node is None:
            return None
        if not isinstance(node, ScalarNode):
            self.words.refuse(node, "A value must be text, a number, true or false", "Write it as in gold or 10.")
            return None
        return msgspec.json.encode(plain_value(node))
