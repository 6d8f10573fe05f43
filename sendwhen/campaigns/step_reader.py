"""Reads what a campaign does, step by step; what branches is written nested and becomes one list with jumps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec
from msgspec.structs import replace
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode

from sendwhen.campaigns.branch_reader import BranchReader
from sendwhen.campaigns.filter_reader import AT_FIRE_TIME, FilterReader
from sendwhen.campaigns.language_table import MAPS, STEP
from sendwhen.campaigns.local_time_reader import LocalTimeReader
from sendwhen.campaigns.problem import nearest, shortened
from sendwhen.campaigns.slips import meant_name
from sendwhen.campaigns.template_files import NAME
from sendwhen.campaigns.wait_reader import WaitReader
from sendwhen.campaigns.when_reader import WhenReader
from sendwhen.campaigns.words import Reader
from sendwhen.campaigns.yaml_document import plain_value
from sendwhen.domain.condition import Condition
from sendwhen.domain.steps import ExitStep, ListStep, SendStep, SetStep, Step, list_attribute

STEPS_LIMIT = 200
"""Steps of a campaign, those of all branches and their ends included."""
TEXT_LIMIT = 200
"""Characters of an attribute's name, a list's name, or a reason."""
_BESIDE = {"exit_on": ("wait", "wait_until"), "at_most": ("wait_until",), "otherwise": ("wait_until",)}
_IDENTITIES = ("email", "user_id", "anonymous_id")


@dataclass(slots=True)
class StepReader:
    """Reads the steps of one document.

    Attributes:
        filters: Reads their filters. whens: reads what they ask of the customer. words: collects the problems.
        template_hashes: Templates that there are.
        used: Templates that steps name, with the node that does.
        flat: The steps so far. branches: how often which split was met.
    """

    filters: FilterReader
    whens: WhenReader
    words: Reader
    template_hashes: Mapping[str, str]
    used: dict[str, Node] = field(default_factory=dict)
    flat: list[Step] = field(default_factory=list)
    splits: Counter[str] = field(default_factory=Counter)

    def read(self, node: Node | None) -> tuple[Step, ...]:
        """The steps."""
        if node is None:
            return ()
        flaws = len(self.words.flaws)
        self.read_list(node, "'steps'", 0)
        if len(self.words.flaws) == flaws and not any(isinstance(step, SendStep) for step in self.flat):
            self.words.refuse(node, "No step sends anything", "Add '- send: …' with the name of a template.")
        if len(self.flat) > STEPS_LIMIT:
            self.words.refuse(node, f"There are more than {STEPS_LIMIT} steps", "Make it several campaigns.")
        return tuple(self.flat)

    def read_list(self, node: Node, what: str, depth: int) -> None:
        """Read a list of steps, so many branches deep."""
        for entry in self.words.list(node, what, "[{send: reminder}]"):
            self._step(entry, depth)

    def _step(self, node: Node, depth: int) -> None:
        entries = self.words.words_of(node, STEP)
        kinds = [kind for kind in STEP.one_of if kind in entries]
        if len(kinds) != 1:
            if entries or (isinstance(node, MappingNode) and not node.value):
                self.words.refuse(
                    node,
                    "A step does one thing",
                    "Write '- send: …', '- wait: …' or another, each as a step of its own.",
                )
            return
        for word, where in _BESIDE.items():
            if word in entries and kinds[0] not in where:
                remedy = "Move it to a wait, or to the campaign." if word == "exit_on" else "Move it to a wait_until."
                self.words.refuse(entries[word], f"'{word}' belongs to a wait", remedy)
        self._add(kinds[0], entries, depth)

    def _add(self, kind: str, entries: Mapping[str, Node], depth: int) -> None:
        node = entries[kind]
        waits = WaitReader(self.filters, self.whens, LocalTimeReader(self.filters, self.words), self.words)
        step: Step | None = None
        match kind:
            case "send":
                step = self._send(node)
            case "wait":
                step = waits.wait(entries)
            case "wait_until":
                step = waits.wait_until(entries)
            case "branch":
                BranchReader(self, self.whens, self.words).branch(node, depth)
            case "split":
                BranchReader(self, self.whens, self.words).split(node, depth)
            case "set":
                self._set(node)
            case "add_to" | "remove_from":
                step = self._list(node, kind)
            case "exit":
                reason = self._short(node, "exit", "no longer wanted")
                step = None if reason is None else ExitStep(reason=reason)
        if step is not None:
            self.flat.append(step)

    def _send(self, node: Node) -> SendStep | None:
        name = self.words.text(node, "send", "reminder")
        if name is None:
            return None
        self.used[name] = node
        if name not in self.template_hashes:
            stem = name.split(".")[0]
            close = stem if stem in self.template_hashes else nearest(name, self.template_hashes)
            add = stem if NAME.match(stem) else meant_name(stem) or "reminder"
            files = f"{add}.subject.liquid and {add}.text.liquid or .html.liquid."
            remedy = f"Add {files}" if add == name else f"Write '{add}', and add {files}"
            remedy = f"Write '{close}'." if close else remedy
            self.words.refuse(node, f"There is no template '{shortened(name)}'", remedy)
            return None
        return SendStep(template=name, template_hash=self.template_hashes[name])

    def _set(self, node: Node) -> None:
        if not isinstance(node, MappingNode) or not node.value:
            self.words.refuse(node, "'set' must be a map of attributes", "Write it as in {tier: gold}.")
            return
        for key, value in node.value:
            name = str(key.value) if isinstance(key, ScalarNode) else ""
            if not 1 <= len(name) <= TEXT_LIMIT:
                self.words.refuse(key, "This is no attribute's name", "Write it as in {tier: gold}.")
            elif name in _IDENTITIES:
                self.words.refuse(key, f"'{name}' says who the customer is", "Set another attribute.")
            elif name == "consent":
                self.words.refuse(key, "Only the customer gives consent", "Track an event that carries it.")
            elif name.startswith("list."):
                self.words.refuse(key, "Attributes that begin with 'list.' are lists", "Write add_to or remove_from.")
            elif (step := self._value(name, value)) is not None:
                self.flat.append(step)

    def _value(self, name: str, node: Node) -> SetStep | None:
        if isinstance(node, MappingNode):
            entries = self.words.words_of(node, MAPS["computed"])
            expression = self.filters.expression(entries.get("value"), AT_FIRE_TIME)
            return None if expression is None else replace(SetStep(attribute=name), expression=expression)
        if isinstance(node, ScalarNode):
            return SetStep(attribute=name, value=msgspec.json.encode(plain_value(node)))
        self.words.refuse(node, "An attribute cannot be set to a list", "Write text, a number, true, false or null.")
        return None

    def _list(self, node: Node, kind: str) -> ListStep | None:
        name = self._short(node, kind, "newcomers")
        if name is None:
            return None
        definition = self.whens.segments.get(name)
        is_list = isinstance(definition, Condition) and list_attribute(name) in definition.source
        if definition is not None and not is_list:
            self.words.refuse(
                node,
                f"'{shortened(name)}' is a segment with a definition, which alone says who belongs to it",
                "Write another name.",
            )
        return ListStep(name=name, add=kind == "add_to")

    def _short(self, node: Node, what: str, example: str) -> str | None:
        text = self.words.text(node, what, example)
        if text is not None and len(text) > TEXT_LIMIT:
            self.words.refuse(node, f"{what} has more than {TEXT_LIMIT} characters", "Make it shorter.")
            return None
        return text
