"""Reads ``sequence``: events in their order, with what must not come between them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ruamel.yaml.nodes import MappingNode, Node

from sendwhen.campaigns.filter_reader import EVENT, EVENT_AND_START, FilterReader
from sendwhen.campaigns.language_triggers import TRIGGER_MAPS
from sendwhen.campaigns.problem import shortened
from sendwhen.domain.event_filter import EventFilter
from sendwhen.domain.trigger_kinds import Sequence as SequenceTrigger
from sendwhen.domain.trigger_kinds import SequenceStep, Starts

TIMES_LIMIT = 50
"""Events of one step."""
_STARTS = {one.value: one for one in Starts}
_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}\Z")


def read_sequence(node: Node, filters: FilterReader) -> SequenceTrigger | None:
    """The trigger; None (noted) where it is wrong. Its named steps become known to what is read later."""
    words = filters.words
    entries = words.words_of(node, TRIGGER_MAPS["sequence"])
    within = words.span(entries.get("within"), "within")
    repeat_last = words.truth(entries.get("repeat_last"), "repeat_last")
    starts = words.choice(entries.get("starts"), "starts", _STARTS, Starts.OLDEST)
    if "steps" not in entries:
        return None
    steps = read_steps(entries["steps"], "'steps'", filters)
    return SequenceTrigger(steps=steps, within=within, repeat_last=repeat_last, starts=starts) if steps else None


def read_steps(node: Node, what: str, filters: FilterReader, *, least: int = 2) -> tuple[SequenceStep, ...]:
    """The steps of a sequence of so many events at least; () where there are none, noted where two are needed."""
    reader = StepsReader(filters)
    for one in filters.words.list(node, what, "[{event: Product Viewed}, {event: Product Added}]"):
        reader.take(one)
    reader.end(node, least)
    return tuple(reader.steps)


@dataclass(slots=True)
class StepsReader:
    """Reads the steps one after the other.

    Attributes:
        forbidden: What must not come before the next step, with its node.
        came: Events that the whole sequence needs.
    """

    filters: FilterReader
    steps: list[SequenceStep] = field(default_factory=list)
    forbidden: list[tuple[EventFilter, Node]] = field(default_factory=list)
    came: int = 0

    def take(self, node: Node) -> None:
        """A step, or a ``not``."""
        if isinstance(node, MappingNode) and any(key.value == "not" for key, _ in node.value):
            self._not(node)
        else:
            self._step(node)

    def end(self, node: Node, least: int) -> None:
        """Nothing follows."""
        words = self.filters.words
        if self.forbidden:
            words.refuse(
                self.forbidden[0][1],
                "A 'not' stands between two events",
                "Put an event behind it; for what must not come afterwards, write the trigger 'absence'.",
            )
        if least > 1 and self.came < least and not any(not flaw.warning for flaw in words.flaws):
            words.refuse(node, "A sequence has two events at least", "Add a step, or write the trigger 'match'.")

    def _not(self, node: Node) -> None:
        words = self.filters.words
        entries = words.words_of(node, TRIGGER_MAPS["not_between"])
        if "not" not in entries:
            return
        one = self.filters.filter(entries["not"], EVENT_AND_START if self.came else EVENT)
        if not self.came:
            words.refuse(
                node, "A 'not' stands between two events", "Put an event before it, or write the trigger 'quiet_then'."
            )
        elif one is not None:
            self.forbidden.append((one, node))

    def _step(self, node: Node) -> None:
        filters, words = self.filters, self.filters.words
        entries = words.words_of(node, TRIGGER_MAPS["step_of_sequence"])
        one = filters.filter_of(entries, EVENT_AND_START if self.came else EVENT)
        times = words.whole(entries.get("times"), "times", 1, TIMES_LIMIT) or 1
        name = self._name(entries.get("as"))
        self.came += times
        forbidden, self.forbidden = tuple(one for one, _ in self.forbidden), []
        if one is not None:
            self.steps.append(SequenceStep(of=one, times=times, name=name, forbidden=forbidden))

    def _name(self, node: Node | None) -> str:
        words = self.filters.words
        name = words.text(node, "as", "first")
        if node is None or name is None:
            return ""
        root = f"steps.{name}"
        if not _NAME.match(name):
            words.refuse(
                node,
                f"'{shortened(name)}' is no name of a step",
                "Write 1 to 32 of a-z, 0-9 and _, beginning with a letter, as in first.",
            )
            return ""
        if root in self.filters.captured:
            words.refuse(node, f"Two steps are called '{name}'", "Give one of them another name.")
            return ""
        self.filters.captured = (*self.filters.captured, root)
        return name
