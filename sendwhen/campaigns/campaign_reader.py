"""From the tree of campaign.yaml to a Campaign: which words there are, and what each must hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode

from sendwhen.campaigns.durations import duration_ms
from sendwhen.campaigns.filter_reader import AT_FIRE_TIME, EVENT, EVENT_AND_START, FilterReader
from sendwhen.campaigns.language_table import CAMPAIGN, MAPS
from sendwhen.campaigns.local_time_reader import LocalTimeReader
from sendwhen.campaigns.problem import Flaw, shortened
from sendwhen.campaigns.rule_reader import RuleReader
from sendwhen.campaigns.sending_reader import SendingReader
from sendwhen.campaigns.slips import meant_duration, meant_name
from sendwhen.campaigns.step_reader import StepReader
from sendwhen.campaigns.template_files import NAME
from sendwhen.campaigns.trigger_reader import TriggerReader
from sendwhen.campaigns.uses import Uses
from sendwhen.campaigns.watch_trigger_reader import WatchTriggerReader
from sendwhen.campaigns.when_reader import WhenReader, only
from sendwhen.campaigns.words import Reader
from sendwhen.campaigns.yaml_document import Document
from sendwhen.domain.campaign import Campaign, Goal, Reentry
from sendwhen.domain.predicate import When
from sendwhen.domain.trigger_kinds import DAY_MS, Absence, AttributeChange, DateOf, Segment, Trigger


@dataclass(slots=True)
class CampaignReader:
    """Reads one document.

    Attributes:
        document: What to read.
        template_hashes: Templates that there are.
        segments: Definitions that there are.
        words: Collects the problems.
        used: Templates that steps name, with the node that does.
        used_segments: Segments that the text names.
        uses: What the text refers to, for the catalogue.
    """

    document: Document
    template_hashes: Mapping[str, str]
    segments: Mapping[str, When] = field(default_factory=dict)
    words: Reader = field(default_factory=Reader)
    used: dict[str, Node] = field(default_factory=dict)
    used_segments: set[str] = field(default_factory=set)
    uses: Uses = field(default_factory=Uses)

    def read(self) -> Campaign | None:
        """The campaign, still without its version; None where something is wrong."""
        assert self.document.root is not None
        filters = FilterReader(self.document, self.words, self.uses)
        entries = self.words.words_of(self.document.root, CAMPAIGN)
        whens = WhenReader(filters, self.words, self.segments, self.used_segments)
        watches = WatchTriggerReader(whens, self.words)
        trigger = TriggerReader(filters, watches, self.words).read(entries.get("trigger"))
        watches.refuse_key(entries.get("per"), trigger)
        reentry, cooldown_ms = self._reentry(entries.get("reentry"))
        rules = RuleReader(LocalTimeReader(filters, self.words), self.words)
        parts = {
            "campaign_id": self._id(entries.get("campaign")) or "",
            "grace_ms": self._grace(entries.get("event_time"), trigger),
            "per": filters.expression(entries.get("per"), EVENT),
            "guard": whens.read(entries.get("guard"), AT_FIRE_TIME),
            "stop_after": filters.filters(entries.get("stop_after"), EVENT, "stop_after"),
            "steps": StepReader(filters, whens, self.words, self.template_hashes, self.used).read(entries.get("steps")),
            "exit_on": filters.filters(entries.get("exit_on"), EVENT_AND_START, "exit_on"),
            "goal": self._goal(entries.get("goal"), filters),
            "holdout_percent": self.words.percent(entries.get("holdout"), "holdout") or 0,
            "sending": SendingReader(rules, self.words).read(entries.get("send"), entries.get("holdout")),
            "max_event_age_ms": self._limit(entries.get("max_event_age"), "max_event_age"),
            "max_lateness_ms": self._limit(entries.get("max_lateness"), "max_lateness"),
        }
        if reentry is Reentry.ONCE and isinstance(trigger, Absence) and trigger.repeat is not None:
            problem, remedy = "A campaign that acts once does not repeat", "Leave out 'repeat', or write always."
            self.words.flaws.append(Flaw(entries["reentry"].start_mark.index, problem, remedy, warning=True))
        if trigger is None or any(not flaw.warning for flaw in self.words.flaws):
            return None
        return Campaign(version="", trigger=trigger, reentry=reentry, cooldown_ms=cooldown_ms, **parts)  # type: ignore[arg-type]  # each part is of its field's type

    def _id(self, node: Node | None) -> str | None:
        name = self.words.text(node, "campaign", "abandoned-cart")
        if node is not None and name is not None and not NAME.match(name):
            self.words.refuse(
                node,
                f"'{shortened(name)}' is no campaign name",
                f"Write 1 to 64 of a-z, 0-9 and -, as in {meant_name(name) or 'abandoned-cart'}.",
            )
        return name

    def _reentry(self, node: Node | None) -> tuple[Reentry, int]:
        if not isinstance(node, MappingNode):
            choices = {"always": Reentry.ALWAYS, "once": Reentry.ONCE}
            again = meant_duration(str(node.value)) if isinstance(node, ScalarNode) else ""
            if node is not None and again:
                self.words.refuse(node, "reentry cannot be a time by itself", f"Write {{cooldown: {again}}}.")
                return Reentry.ALWAYS, 0
            return self.words.choice(node, "reentry", choices, Reentry.ALWAYS), 0
        entries = self.words.words_of(node, MAPS["reentry"])
        return Reentry.COOLDOWN, self.words.duration(entries.get("cooldown"), "cooldown") or 0

    def _grace(self, node: Node | None, trigger: Trigger | None) -> int | None:
        if node is None:
            return None
        if isinstance(trigger, AttributeChange | Segment | DateOf):
            self.words.refuse(
                node, "'event_time' goes with triggers that listen to events", "Leave it out, or write another trigger."
            )
        entries = self.words.map(node, ("grace",), required=("grace",), what="'event_time'")
        grace = entries.get("grace")
        none = isinstance(grace, ScalarNode) and duration_ms(grace.value) == 0
        return 0 if none else self.words.duration(grace, "grace")

    def _goal(self, node: Node | None, filters: FilterReader) -> Goal | None:
        if node is None:
            return None
        entries = self.words.words_of(node, MAPS["goal"])
        if not isinstance(node, MappingNode) or "event" not in entries:
            return None
        of = filters.filter(only(node, ("event", "where")), EVENT)
        within = self.words.span(entries.get("within"), "within")
        return None if of is None or within is None else Goal(of=of, within=within)

    def _limit(self, node: Node | None, what: str) -> int | None:
        if isinstance(node, ScalarNode) and node.value == "none":
            return None
        return DAY_MS if node is None else self.words.duration(node, what)
