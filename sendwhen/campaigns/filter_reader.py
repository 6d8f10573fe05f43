"""Reads filters, conditions and expressions of a campaign's YAML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ruamel.yaml.nodes import Node, ScalarNode

from sendwhen.campaigns.conditions import read_condition, read_expression
from sendwhen.campaigns.language_table import FILTER_WORDS
from sendwhen.campaigns.problem import Flaw, shortened
from sendwhen.campaigns.uses import CelUse, EventUse, Uses
from sendwhen.campaigns.words import Reader
from sendwhen.campaigns.yaml_document import Document, offset_within
from sendwhen.domain.condition import Condition, Expression
from sendwhen.domain.event_filter import EventFilter

EVENT_NAME_LIMIT = 200
"""Characters of an event's name."""
EVENT = ("event", "customer", "now")
"""Roots where an event comes and nothing was before."""
EVENT_AND_START = ("event", "start", "customer", "now")
"""Roots where an event comes while a run is open."""
OF_CUSTOMER = ("customer",)
"""Roots where nothing but the customer is known: what holds then changes only with the customer."""
AT_FIRE_TIME = ("start", "customer", "now")
"""Roots where time has passed."""
_FILTERS = "[{event: Order Completed}]"


@dataclass(slots=True)
class FilterReader:
    """Reads parts of one document.

    Attributes:
        document: Where they stand.
        words: Collects the problems.
        uses: Collects what is referred to, for the catalogue.
        captured: Further roots wherever there is a ``start``: named steps of the trigger, as "steps.NAME".
    """

    document: Document
    words: Reader = field(default_factory=Reader)
    uses: Uses = field(default_factory=Uses)
    captured: tuple[str, ...] = ()

    def filters(self, node: Node | None, roots: tuple[str, ...], what: str) -> tuple[EventFilter, ...]:
        """A list of filters; () where there is none."""
        if node is None:
            return ()
        return self.words.each(self.words.list(node, f"'{what}'", _FILTERS), lambda entry: self.filter(entry, roots))

    def filter(self, node: Node, roots: tuple[str, ...]) -> EventFilter | None:
        """A filter; None (noted) where it is wrong."""
        if isinstance(node, ScalarNode) and node.value:
            name = shortened(str(node.value))
            self.words.refuse(node, f"An event must be a map, not '{name}'", f"Write {{event: {name}}}.")
            return None
        return self.filter_of(self.words.words_of(node, FILTER_WORDS), roots)

    def filter_of(self, entries: Mapping[str, Node], roots: tuple[str, ...]) -> EventFilter | None:
        """A filter whose words are read already."""
        name = self.words.text(entries.get("event"), "event", "Order Completed")
        where = self.condition(entries.get("where"), roots, event=name or "")
        if name is None:
            return None
        self.uses.events.append(EventUse(entries["event"], name))
        if len(name) > EVENT_NAME_LIMIT or not name.strip():
            self.words.refuse(
                entries["event"],
                f"An event's name has 1 to {EVENT_NAME_LIMIT} characters",
                "Write the name that is tracked.",
            )
        return EventFilter(event=name, where=where)

    def condition(self, node: Node | None, roots: tuple[str, ...], *, event: str = "") -> Condition | None:
        """A condition; None where there is none, or (noted) where it is wrong.

        ``event``: name of the event that ``event`` is; "" for the one that starts the run.
        """
        text = self.words.text(node, "A condition", "event.properties.price > 10")
        if node is None or text is None:
            return None
        condition, flaws = read_condition(text, self._roots(roots))
        self._note(node, flaws)
        if condition is not None and isinstance(node, ScalarNode):
            self.uses.cel.append(CelUse(node, text, self._roots(roots), event))
        return condition

    def expression(self, node: Node | None, roots: tuple[str, ...]) -> Expression | None:
        """An expression; None as of a condition."""
        text = self.words.text(node, "An expression", "event.properties.sku")
        if node is None or text is None:
            return None
        expression, flaws = read_expression(text, self._roots(roots))
        self._note(node, flaws)
        if expression is not None and isinstance(node, ScalarNode):
            self.uses.cel.append(CelUse(node, text, self._roots(roots), condition=False))
        return expression

    def _roots(self, roots: tuple[str, ...]) -> tuple[str, ...]:
        return (*roots, *self.captured) if "start" in roots else roots

    def _note(self, node: Node, flaws: list[Flaw]) -> None:
        assert isinstance(node, ScalarNode)
        for flaw in flaws:
            offset = offset_within(self.document.text, node, flaw.offset)
            self.words.flaws.append(Flaw(offset, flaw.problem, flaw.remedy, flaw.warning))
