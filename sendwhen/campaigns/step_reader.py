"""Reads what a campaign does, step by step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from sendwhen.campaigns.filter_reader import EVENT_AND_START, FilterReader
from sendwhen.campaigns.problem import nearest, shortened
from sendwhen.campaigns.when_reader import WhenReader
from sendwhen.campaigns.words import Reader
from sendwhen.domain.steps import SendStep, Step, WaitStep


@dataclass(frozen=True, slots=True)
class StepReader:
    """Reads the steps of one document.

    Attributes:
        filters: Reads their filters. whens: reads what they ask of the customer. words: collects the problems.
        template_hashes: Templates that there are.
        used: Templates that steps name, with the node that does.
    """

    filters: FilterReader
    whens: WhenReader
    words: Reader
    template_hashes: Mapping[str, str]
    used: dict[str, Node] = field(default_factory=dict)

    def read(self, node: Node | None) -> tuple[Step, ...]:
        """The steps."""
        if node is None:
            return ()
        entries = self.words.list(node, "'steps'", "[{send: reminder}]")
        steps: tuple[Step, ...] = self.words.each(entries, self._step)
        is_list = isinstance(node, SequenceNode)
        if is_list and not any(isinstance(step, SendStep) for step in steps) and len(steps) == len(entries):
            self.words.refuse(node, "No step sends anything", "Add '- send: …' with the name of a template.")
        return steps

    def _step(self, node: Node) -> Step | None:
        entries = self.words.map(node, ("send", "wait", "exit_on"), what="A step")
        if ("send" in entries) == ("wait" in entries):
            if entries or (isinstance(node, MappingNode) and not node.value):
                self.words.refuse(
                    node, "A step either sends or waits", "Write '- send: …' or '- wait: …', each as a step of its own."
                )
            return None
        if "wait" in entries:
            duration_ms = self.words.duration(entries["wait"], "wait")
            exit_on = self.filters.filters(entries.get("exit_on"), EVENT_AND_START, "exit_on")
            return None if duration_ms is None else WaitStep(duration_ms=duration_ms, exit_on=exit_on)
        if "exit_on" in entries:
            self.words.refuse(
                entries["exit_on"], "'exit_on' belongs to a wait", "Move it to a wait, or to the campaign."
            )
        return self._send(entries["send"])

    def _send(self, node: Node) -> SendStep | None:
        name = self.words.text(node, "send", "reminder")
        if name is None:
            return None
        self.used[name] = node
        if name not in self.template_hashes:
            close = nearest(name, self.template_hashes)
            remedy = (
                f"Write '{close}'."
                if close
                else f"Add {shortened(name)}.subject.liquid and {shortened(name)}.text.liquid or .html.liquid."
            )
            self.words.refuse(node, f"There is no template '{shortened(name)}'", remedy)
            return None
        return SendStep(template=name, template_hash=self.template_hashes[name])
