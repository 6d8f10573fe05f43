"""From the tree of campaign.yaml to a Campaign: which words there are, and what each must hold."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from sendwhen.campaigns.conditions import read_condition, read_expression
from sendwhen.campaigns.durations import DURATION_LIMIT_MS
from sendwhen.campaigns.problem import Flaw, nearest, shortened
from sendwhen.campaigns.uses import CelUse, EventUse, Uses
from sendwhen.campaigns.words import Reader
from sendwhen.campaigns.yaml_document import Document, offset_within
from sendwhen.domain.campaign import (
    DAY_MS,
    Absence,
    Campaign,
    Category,
    Duration,
    EventFilter,
    InDoubt,
    Match,
    OnRestart,
    Reentry,
    SendStep,
    Step,
    Trigger,
    WaitStep,
)
from sendwhen.domain.condition import Condition, Expression

NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?\Z")
EVENT_NAME_LIMIT = 200
"""Characters of an event's name."""
_WORDS = (
    "campaign",
    "trigger",
    "per",
    "guard",
    "stop_after",
    "steps",
    "exit_on",
    "reentry",
    "send",
    "max_event_age",
    "max_lateness",
)
_UNITS = {"milliseconds": 1, "seconds": 1_000, "minutes": 60_000, "hours": 3_600_000, "days": DAY_MS}
_EVENT = ("event", "customer", "now")
_EVENT_AND_START = ("event", "start", "customer", "now")
_AT_FIRE_TIME = ("start", "customer", "now")
_FILTERS = "[{event: Order Completed}]"


@dataclass(slots=True)
class CampaignReader:
    """Reads one document.

    Attributes:
        document: What to read.
        template_hashes: Templates that there are.
        words: Collects the problems.
        used: Templates that steps name, with the node that does.
        uses: What the text refers to, for the catalogue.
    """

    document: Document
    template_hashes: Mapping[str, str]
    words: Reader = field(default_factory=Reader)
    used: dict[str, Node] = field(default_factory=dict)
    uses: Uses = field(default_factory=Uses)

    def read(self) -> Campaign | None:
        """The campaign, still without its version; None where something is wrong."""
        assert self.document.root is not None
        entries = self.words.map(
            self.document.root, _WORDS, required=("campaign", "trigger", "steps"), what="A campaign"
        )
        trigger = self._trigger(entries.get("trigger"))
        reentry, cooldown_ms = self._reentry(entries.get("reentry"))
        send = self._optional_map(entries.get("send"), ("category", "in_doubt"), "send")
        parts = {
            "campaign_id": self._id(entries.get("campaign")) or "",
            "per": self._expression(entries.get("per"), _EVENT),
            "guard": self._condition(entries.get("guard"), _AT_FIRE_TIME),
            "stop_after": self._filters(entries.get("stop_after"), _EVENT, "stop_after"),
            "steps": self._steps(entries.get("steps")),
            "exit_on": self._filters(entries.get("exit_on"), _EVENT_AND_START, "exit_on"),
            "category": self.words.choice(
                send.get("category"), "category", {c.value: c for c in Category}, Category.MARKETING
            ),
            "in_doubt": self.words.choice(
                send.get("in_doubt"), "in_doubt", {c.value: c for c in InDoubt}, InDoubt.AT_MOST_ONCE
            ),
            "max_event_age_ms": self._limit(entries.get("max_event_age"), "max_event_age"),
            "max_lateness_ms": self._limit(entries.get("max_lateness"), "max_lateness"),
        }
        if trigger is None or any(not flaw.warning for flaw in self.words.flaws):
            return None
        return Campaign(version="", trigger=trigger, reentry=reentry, cooldown_ms=cooldown_ms, **parts)  # type: ignore[arg-type]  # each part is of its field's type

    def _id(self, node: Node | None) -> str | None:
        name = self.words.text(node, "campaign", "abandoned-cart")
        if node is not None and name is not None and not NAME.match(name):
            self.words.refuse(
                node,
                f"'{shortened(name)}' is no campaign name",
                "Write 1 to 64 of a-z, 0-9 and -, as in abandoned-cart.",
            )
        return name

    def _optional_map(self, node: Node | None, known: tuple[str, ...], what: str) -> Mapping[str, Node]:
        return {} if node is None else self.words.map(node, known, what=f"'{what}'")

    def _trigger(self, node: Node | None) -> Trigger | None:
        if node is None:
            return None
        kinds = self.words.map(node, ("match", "absence"), what="'trigger'")
        if len(kinds) == 2:
            self.words.refuse(node, "A campaign has one trigger", "Keep match or absence.")
        if "match" in kinds:
            event = self._filter(kinds["match"], _EVENT)
            return None if event is None else Match(match=event)
        if "absence" in kinds:
            return self._absence(kinds["absence"])
        if isinstance(node, MappingNode) and not node.value:
            self.words.refuse(node, "'trigger' needs 'match' or 'absence'", "Add one of them.")
        return None

    def _absence(self, node: Node) -> Absence | None:
        known = ("start", "unless", "for", "on_restart")
        entries = self.words.map(node, known, required=("start", "unless", "for"), what="'absence'")
        start, within_ms = self._start(entries.get("start"))
        unless = self._filters(entries.get("unless"), _EVENT_AND_START, "unless")
        duration = self._duration(entries.get("for"))
        restart = self.words.choice(
            entries.get("on_restart"), "on_restart", {r.value: r for r in OnRestart}, OnRestart.RESET
        )
        if not start or duration is None:
            return None
        return Absence(start=start, start_within_ms=within_ms, unless=unless, duration=duration, on_restart=restart)

    def _start(self, node: Node | None) -> tuple[tuple[EventFilter, ...], int]:
        if node is None:
            return (), 0
        is_sequence = isinstance(node, MappingNode) and any(
            key.value in ("sequence", "within") for key, _ in node.value
        )
        if not is_sequence:
            event = self._filter(node, _EVENT)
            return (() if event is None else (event,)), 0
        entries = self.words.map(node, ("sequence", "within"), required=("sequence",), what="'start'")
        events = self._filters(entries.get("sequence"), _EVENT, "sequence")
        if "sequence" in entries and not events and not self.words.flaws:
            self.words.refuse(
                entries["sequence"], "'sequence' is empty", "Write the events that start it, in their order."
            )
        return events, self.words.duration(entries.get("within"), "within") or 0

    def _duration(self, node: Node | None) -> Duration | None:
        if not isinstance(node, MappingNode):
            fixed_ms = self.words.duration(node, "for")
            return None if fixed_ms is None else Duration(fixed_ms=fixed_ms)
        entries = self.words.map(node, ("property", "unit", "at_most"), required=("property", "unit"), what="'for'")
        value = self._expression(entries.get("property"), _EVENT)
        unit_ms = self.words.choice(entries.get("unit"), "unit", _UNITS, 1)
        at_most_ms = self.words.duration(entries.get("at_most"), "at_most") or DURATION_LIMIT_MS
        return None if value is None else Duration(value=value, unit_ms=unit_ms, at_most_ms=at_most_ms)

    def _filters(self, node: Node | None, roots: tuple[str, ...], what: str) -> tuple[EventFilter, ...]:
        if node is None:
            return ()
        return self.words.each(self.words.list(node, f"'{what}'", _FILTERS), lambda entry: self._filter(entry, roots))

    def _filter(self, node: Node, roots: tuple[str, ...]) -> EventFilter | None:
        entries = self.words.map(node, ("event", "where"), required=("event",), what="An event")
        name = self.words.text(entries.get("event"), "event", "Order Completed")
        where = self._condition(entries.get("where"), roots, event=name or "")
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

    def _condition(self, node: Node | None, roots: tuple[str, ...], *, event: str = "") -> Condition | None:
        text = self.words.text(node, "A condition", "event.properties.price > 10")
        if node is None or text is None:
            return None
        condition, flaws = read_condition(text, roots)
        self._note(node, flaws)
        if condition is not None and isinstance(node, ScalarNode):
            self.uses.cel.append(CelUse(node, text, roots, event))
        return condition

    def _expression(self, node: Node | None, roots: tuple[str, ...]) -> Expression | None:
        text = self.words.text(node, "An expression", "event.properties.sku")
        if node is None or text is None:
            return None
        expression, flaws = read_expression(text, roots)
        self._note(node, flaws)
        if expression is not None and isinstance(node, ScalarNode):
            self.uses.cel.append(CelUse(node, text, roots, condition=False))
        return expression

    def _note(self, node: Node, flaws: list[Flaw]) -> None:
        assert isinstance(node, ScalarNode)
        for flaw in flaws:
            offset = offset_within(self.document.text, node, flaw.offset)
            self.words.flaws.append(Flaw(offset, flaw.problem, flaw.remedy, flaw.warning))

    def _steps(self, node: Node | None) -> tuple[Step, ...]:
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
            exit_on = self._filters(entries.get("exit_on"), _EVENT_AND_START, "exit_on")
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

    def _reentry(self, node: Node | None) -> tuple[Reentry, int]:
        if not isinstance(node, MappingNode):
            choices = {"always": Reentry.ALWAYS, "once": Reentry.ONCE}
            return self.words.choice(node, "reentry", choices, Reentry.ALWAYS), 0
        entries = self.words.map(node, ("cooldown",), required=("cooldown",), what="'reentry'")
        return Reentry.COOLDOWN, self.words.duration(entries.get("cooldown"), "cooldown") or 0

    def _limit(self, node: Node | None, what: str) -> int | None:
        if isinstance(node, ScalarNode) and node.value == "none":
            return None
        return DAY_MS if node is None else self.words.duration(node, what)
