"""From ``cases.yaml`` to cases: every word is known or refused with its place."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode

from sendwhen.campaigns.catalogue import CATALOGUE_NAME, Catalogue
from sendwhen.campaigns.durations import duration_ms, months_and_rest
from sendwhen.campaigns.folder import CASES_NAME
from sendwhen.campaigns.problem import Problem, listed, nearest, place, shortened
from sendwhen.campaigns.slips import meant_duration
from sendwhen.campaigns.words import Reader
from sendwhen.campaigns.yaml_document import Document, read_document
from sendwhen.cases.case import Case, Customer, Expected, Occurrence, address_of
from sendwhen.cases.customer_reader import CustomerReader
from sendwhen.cases.yaml_object import object_of
from sendwhen.domain.event import EARLIEST_MS
from sendwhen.domain.event import LATEST_MS as EVENTS_LATEST_MS

CASES_LIMIT: Final = 2_000
"""Cases of one campaign."""
LINES_LIMIT: Final = 1_000
"""Lines of one timeline, and of what is expected."""
BYTES_LIMIT: Final = 512 * 1024
"""Size of cases.yaml."""
LATEST_MS: Final = 3_660 * 86_400_000
"""The latest time of a case: ten years from its beginning."""

_T0: Final = "2026-03-02T09:00:00Z"
_T0_MS: Final = 1_772_442_000_000
_T0_LATEST_MS: Final = EVENTS_LATEST_MS - LATEST_MS
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,3})?([Zz]|[+-][0-9]{2}:[0-9]{2})\Z"
)
_CASE = ("name", "t0", "customers", "timeline", "run_until", "expect", "exact")
_LINE = ("at", "who", "event", "properties", "attributes", "id", "happened_at", "email", "pause")
_EXPECT = ("at", "who", "send", "skip", "key")
_TRUTH: Final = {"true": True, "false": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cases:
    """What a file of cases holds.

    Attributes:
        cases: In the order of the file; empty where there is a problem.
        problems: By place.
    """

    cases: tuple[Case, ...] = ()
    problems: tuple[Problem, ...] = ()


def read_cases(content: bytes, *, templates: Collection[str], catalogue: Catalogue | None = None) -> Cases:
    """The cases of a file; never raises.

    Args:
        content: The file.
        templates: What the campaign's steps send.
        catalogue: What events there are; only a closed one says that others cannot happen.
    """
    document = read_document(content, bytes_limit=BYTES_LIMIT)
    reader = CaseReader(document, templates, catalogue if catalogue and catalogue.closed else None)
    cases = () if document.root is None else reader.read(document.root)
    flaws = (*document.flaws, *reader.words.flaws)
    problems = []
    for flaw in sorted(flaws, key=lambda flaw: flaw.offset):
        line, column = place(document.text, flaw.offset)
        problems.append(Problem(file=CASES_NAME, line=line, column=column, problem=flaw.problem, remedy=flaw.remedy))
    return Cases(cases=() if problems else cases, problems=tuple(problems))


@dataclass(slots=True)
class CaseReader:
    """Reads one document.

    Attributes:
        templates: What the campaign's steps send.
        catalogue: All that can happen; None where anything can.
        words: Collects the problems.
    """

    document: Document
    templates: Collection[str]
    catalogue: Catalogue | None = None
    words: Reader = field(default_factory=Reader)

    def read(self, root: Node) -> tuple[Case, ...]:
        """All cases."""
        entries = self.words.map(root, ("t0", "cases"), required=("cases",), what="cases.yaml")
        t0_ms = self._instant(entries.get("t0"), _T0_MS)
        nodes = self._list(entries.get("cases"), "cases", "a list of cases", CASES_LIMIT)
        read = [(self._case(node, t0_ms), node) for node in nodes]
        cases: list[Case] = []
        names: dict[str, int] = {}
        for case, node in read:
            if case is None:
                continue
            cases.append(case)
            if case.name in names:
                self.words.refuse(
                    node,
                    f"'{shortened(case.name)}' is the name of the case in line {names[case.name]} too",
                    "Give each case its own name.",
                )
            names.setdefault(case.name, case.line)
        return tuple(cases)

    def _case(self, node: Node, t0_ms: int) -> Case | None:
        entries = self.words.map(node, _CASE, required=("name", "timeline"), what="A case")
        if not entries:
            return None
        name = self.words.text(entries.get("name"), "name", "buys within the hour") or ""
        described = CustomerReader(self.words).read(entries.get("customers"))
        timeline = self._timeline(entries.get("timeline"))
        strangers = dict.fromkeys(line.who for line in timeline if line.who and line.who not in described)
        customers = {**described, **{name: _undescribed(name) for name in strangers}}
        self._refuse_twins(node, customers)
        expect = self._expected(entries.get("expect"), customers)
        last_ms = max([line.at_ms for line in timeline] + [one.at_ms for one in expect], default=0)
        until_ms = self._time(entries.get("run_until"), "run_until", default=last_ms)
        if until_ms < last_ms and (until := entries.get("run_until")) is not None:
            self.words.refuse(
                until, "The case goes on after 'run_until'", "Write the time of its last line or a later one."
            )
        return Case(
            name=name,
            line=place(self.document.text, node.start_mark.index)[0],
            t0_ms=self._instant(entries.get("t0"), t0_ms),
            customers=customers,
            timeline=timeline,
            run_until_ms=until_ms,
            expect=expect,
            exact=self.words.choice(entries.get("exact"), "exact", _TRUTH, False),
        )

    def _timeline(self, node: Node | None) -> tuple[Occurrence, ...]:
        lines: list[Occurrence] = []
        for one in self._list(node, "timeline", "[{at: 0s, who: ann, event: Product Added}]", LINES_LIMIT):
            line = self._line(one)
            if line is None:
                continue
            if lines and line.at_ms < lines[-1].at_ms:
                self.words.refuse(one, "This comes before the line above it", "Put the lines into the order of time.")
            lines.append(line)
        return tuple(lines)

    def _line(self, node: Node) -> Occurrence | None:
        entries = self.words.map(node, _LINE, required=("at",), what="A line of a timeline")
        if "at" not in entries:
            return None
        at_ms = self._time(entries["at"], "at", default=0)
        if (pause := entries.get("pause")) is not None:
            for word in entries:
                if word not in ("at", "pause"):
                    self.words.refuse(entries[word], f"A line with 'pause' has no '{word}'", "Write two lines.")
            return Occurrence(at_ms=at_ms, pause=self.words.choice(pause, "pause", _TRUTH, True))
        who = self.words.text(entries.get("who"), "who", "ann")
        if "who" not in entries:
            self.words.refuse(node, "A line of a timeline needs 'who'", "Add 'who: ann', or write 'pause: true'.")
        event = self.words.text(entries.get("event"), "event", "Product Added") or ""
        self._can_happen(event, entries)
        if "event" not in entries and "attributes" not in entries:
            self.words.refuse(
                node, "Nothing happens in this line", "Add 'event: …', 'attributes: {…}' or 'pause: true'."
            )
        happened_at_ms = self._time(entries.get("happened_at"), "happened_at", default=at_ms, earliest_ms=-LATEST_MS)
        return Occurrence(
            at_ms=at_ms,
            who=who or "",
            event=event,
            event_id=self.words.text(entries.get("id"), "id", "e-1") or "",
            happened_at_ms=happened_at_ms,
            email=CustomerReader(self.words).address(entries.get("email"), ""),
            properties=object_of(entries.get("properties"), "properties", self.words),
            attributes=object_of(entries.get("attributes"), "attributes", self.words),
        )

    def _can_happen(self, event: str, entries: Mapping[str, Node]) -> None:
        """A case that is played with a misspelt event proves nothing."""
        if self.catalogue is None or not event:
            return
        unknown = self.catalogue.unknown_event(entries["event"].start_mark.index, event)
        self.words.flaws += [unknown] if unknown else []
        known = self.catalogue.events.get(event, {})
        properties = entries.get("properties")
        for key, _ in properties.value if known and isinstance(properties, MappingNode) else ():
            if isinstance(key, ScalarNode) and key.value not in known:
                problem = f"'{shortened(event)}' has no property '{shortened(key.value)}'"
                flaw = self.catalogue.unknown(
                    key.start_mark.index, problem, key.value, known, f"among its properties in {CATALOGUE_NAME}"
                )
                self.words.flaws += [flaw] if flaw else []

    def _expected(self, node: Node | None, customers: Mapping[str, Customer]) -> tuple[Expected, ...]:
        nodes = () if node is None else self._list(node, "expect", "[{at: 1h, who: ann, send: reminder}]", LINES_LIMIT)
        return self.words.each(nodes, lambda one: self._one_expected(one, customers))

    def _one_expected(self, node: Node, customers: Mapping[str, Customer]) -> Expected | None:
        entries = self.words.map(node, _EXPECT, required=("at", "who"), what="What is expected")
        at_ms = self._time(entries.get("at"), "at", default=0)
        who = self.words.text(entries.get("who"), "who", "ann") or ""
        if who and who not in customers:
            close = nearest(who, customers)
            remedy = f"Write '{close}'." if close else f"Write {listed(customers)}." if customers else "Add them above."
            self.words.refuse(entries["who"], f"'{shortened(who)}' does not occur in the timeline", remedy)
        if ("send" in entries) == ("skip" in entries):
            self.words.refuse(
                node, "What is expected needs 'send' or 'skip'", "Write 'send: TEMPLATE' or 'skip: REASON'."
            )
        template = self.words.text(entries.get("send"), "send", "reminder") or ""
        if template and template not in self.templates:
            close = nearest(template, self.templates)
            known = listed(sorted(self.templates)) if self.templates else "no 'send': the campaign sends nothing"
            remedy = f"Write '{close}'." if close else f"Write {known}."
            self.words.refuse(entries["send"], f"No step sends '{shortened(template)}'", remedy)
        return Expected(
            at_ms=at_ms,
            who=who,
            template=template,
            reason=self.words.text(entries.get("skip"), "skip", "no_consent") or "",
            key=self.words.text(entries.get("key"), "key", "sku-1"),
        )

    def _refuse_twins(self, node: Node, customers: Mapping[str, Customer]) -> None:
        names: dict[str, str] = {}
        for one in customers.values():
            uid = one.uid()
            if uid in names:
                self.words.refuse(
                    node,
                    f"'{shortened(one.name)}' and '{shortened(names[uid])}' are the same customer",
                    "Give each an id of their own.",
                )
            names[uid] = one.name

    def _list(self, node: Node | None, what: str, example: str, limit: int) -> list[Node]:
        return [] if node is None else list(self.words.list(node, what, example, limit=limit))

    def _time(self, node: Node | None, what: str, *, default: int, earliest_ms: int = 0) -> int:
        if node is None:
            return default
        text = self.words.text(node, what, "1h30m")
        if text is None:
            return default
        size = duration_ms(text.removeprefix("-"))
        ms = 0 if text in ("0", "0s") else None if size is None else -size if text.startswith("-") else size
        if ms is None:
            self.words.refuse(
                node,
                f"'{shortened(text)}' is no time from the beginning of the case",
                f"Write {meant}."
                if (meant := meant_duration(text)) and not months_and_rest(meant)[0]
                else "Write numbers with the units d, h, m, s or ms, as in 0s, 30m or 1d12h.",
            )
            return default
        if not earliest_ms <= ms <= LATEST_MS:
            self.words.refuse(node, f"{what} lies outside the case", "Write a time from 0s to 3660d.")
            return default
        return ms

    def _instant(self, node: Node | None, default_ms: int) -> int:
        text = self.words.text(node, "t0", _T0)
        if node is None or text is None:
            return default_ms
        instant = _instant_ms(text) if isinstance(node, ScalarNode) and _INSTANT.match(text) else None
        if instant is None:
            self.words.refuse(node, f"'{shortened(text)}' is no instant", f"Write date, time and zone, as in {_T0}.")
            return default_ms
        if not EARLIEST_MS <= instant <= _T0_LATEST_MS:
            self.words.refuse(node, "t0 lies outside 2000 to 2089", f"Write an instant such as {_T0}.")
            return default_ms
        return instant


def _undescribed(name: str) -> Customer:
    return Customer(name=name, user_id=name, anonymous_id="", email=address_of(name), attributes={"consent": True})


def _instant_ms(text: str) -> int | None:
    """None where the text has the form of an instant and there is none such: a 32nd of May, a 25th hour."""
    try:
        return round(datetime.fromisoformat(text.upper()).timestamp() * 1_000)
    except ValueError:
        return None
