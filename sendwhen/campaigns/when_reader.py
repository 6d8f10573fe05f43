"""Reads what is asked of a customer: CEL, counts of events, times that lie back, segments, and their combinations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from msgspec.structs import replace
from ruamel.yaml.nodes import MappingNode, Node

from sendwhen.campaigns.filter_reader import FilterReader
from sendwhen.campaigns.language_table import MAPS
from sendwhen.campaigns.problem import listed, nearest, shortened
from sendwhen.campaigns.words import Reader
from sendwhen.domain.predicate import All, AnyOf, History, Not, Since, When
from sendwhen.domain.tally import BOUND_LIMIT, tally_name

DEPTH_LIMIT = 8
"""Nesting of all, any and not."""
_KINDS = ("event", "all", "any", "not", "segment", "since")
_COUNTED = ("event", "customer")


@dataclass(slots=True)
class WhenReader:
    """Reads questions of one document.

    Attributes:
        filters: Reads conditions. words: collects the problems.
        segments: Definitions that there are, by name.
        used: Names of the segments that were asked for.
    """

    filters: FilterReader
    words: Reader
    segments: Mapping[str, When] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)

    def read(  # noqa: PLR0911  one return for each kind
        self, node: Node | None, roots: tuple[str, ...], depth: int = 0
    ) -> When | None:
        """The question; None where there is none, or (noted) where it is wrong."""
        if not isinstance(node, MappingNode):
            return self.filters.condition(node, roots)
        if depth >= DEPTH_LIMIT:
            self.words.refuse(node, "This is nested too deep", "Write it flatter, or name a part as a segment.")
            return None
        kinds = [key.value for key, _ in node.value if key.value in _KINDS]
        if len(kinds) > 1:
            self.words.refuse(
                node,
                f"A condition is of one kind, not {listed(kinds, 'and')} at once",
                f"Write {{all: [{{{kinds[0]}: …}}, {{{kinds[1]}: …}}]}}, or 'any' in place of 'all'.",
            )
            return None
        match kinds[:1]:
            case ["event"]:
                return self._history(node)
            case ["since"]:
                return self._since(node, roots)
            case ["segment"]:
                return self._segment(node)
            case ["all" | "any" as kind]:
                entries = self.words.words_of(node, MAPS[str(kind)])
                parts = self._parts(entries.get(kind), kind, roots, depth)
                return None if not parts else All(parts=parts) if kind == "all" else AnyOf(parts=parts)
            case ["not"]:
                entries = self.words.words_of(node, MAPS["not"])
                part = self.read(entries.get("not"), roots, depth + 1)
                return None if part is None else Not(part=part)
            case _:
                self.words.map(node, _KINDS, what="A condition")
                if not node.value:
                    self.words.refuse(node, "A condition is empty", "Write CEL, event, all, any, not or segment.")
                return None

    def _parts(self, node: Node | None, kind: str, roots: tuple[str, ...], depth: int) -> tuple[When, ...]:
        if node is None:
            return ()
        entries = self.words.list(node, f"'{kind}'", '[customer.plan == "pro", {segment: vip}]')
        if not entries and not self.words.flaws:
            self.words.refuse(node, f"'{kind}' is empty", "Write what must hold.")
        parts: tuple[When, ...] = self.words.each(entries, lambda entry: self.read(entry, roots, depth + 1))
        return parts if len(parts) == len(entries) else ()

    def _history(self, node: MappingNode) -> History | None:
        entries = self.words.words_of(node, MAPS["count_of_events"])
        if "at_least" not in entries and "at_most" not in entries:
            self.words.refuse(
                node, "A count of events needs 'at_least' or 'at_most'", "Add 'at_least: 1', or 'at_most: 0' for never."
            )
        event = self.filters.filter(only(node, ("event", "where")), _COUNTED)
        at_least = self.words.whole(entries.get("at_least"), "at_least", 0, BOUND_LIMIT)
        at_most = self.words.whole(entries.get("at_most"), "at_most", 0, BOUND_LIMIT)
        within = self.words.span(entries.get("within_last"), "within_last")
        if event is None or (at_least is None and at_most is None):
            return None
        if at_least is not None and at_most is not None and at_most < at_least:
            self.words.refuse(entries["at_most"], "at_most is less than at_least", "Exchange them.")
            return None
        asked = History(of=event, at_least=at_least, at_most=at_most, within=within, tally="")
        return replace(asked, tally=tally_name(event, within))

    def _since(self, node: MappingNode, roots: tuple[str, ...]) -> Since | None:
        entries = self.words.words_of(node, MAPS["since"])
        value = self.filters.expression(entries.get("since"), tuple(root for root in roots if root != "now"))
        at_least = self.words.span(entries.get("at_least"), "at_least")
        return None if value is None or at_least is None else Since(value=value, at_least=at_least)

    def _segment(self, node: MappingNode) -> When | None:
        entries = self.words.words_of(node, MAPS["segment_of"])
        name = self.words.text(entries.get("segment"), "segment", "vip")
        return None if name is None else self.named(entries["segment"], name)

    def named(self, node: Node, name: str) -> When | None:
        """The definition of a segment; None (noted) where there is none."""
        definition = self.segments.get(name)
        if definition is None:
            close = nearest(name, self.segments)
            self.words.refuse(
                node,
                f"There is no segment '{shortened(name)}'",
                f"Write '{close}'." if close else "Define it in segments.yaml beside the campaigns' folders.",
            )
            return None
        self.used.add(name)
        return definition


def only(node: MappingNode, words: tuple[str, ...]) -> MappingNode:
    """The same map with these words alone."""
    return MappingNode(
        node.tag,
        [(key, value) for key, value in node.value if key.value in words],
        start_mark=node.start_mark,
        end_mark=node.end_mark,
        flow_style=node.flow_style,
    )
