"""The oracle: from rules and a timeline to everything that fires. Slow, simple, and by itself.

It walks through the instants at which something may happen and answers each question by going through everything that
the customer did so far. It keeps no counters, partial sequences or indexes, and shares no code with sendwhen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tests.oracle.joining import join
from tests.oracle.looking import WATCHING, Looking
from tests.oracle.neutral import Rule, filters, key_of, later, length, passes
from tests.oracle.people import Done, Person, Version, Wait
from tests.oracle.rules import awaited_by, ended_by, in_event_time, moved, restart, steps_after, trigger_of
from tests.oracle.state import CASE, Book, Firing
from tests.oracle.triggers import Complete, completes, uses_up

Line = Mapping[str, Any]
SET_EVENT = "attributes set"


def firings(
    rule: Rule,
    timeline: Sequence[Line],
    *,
    run_until: int | None = None,
    t0: int,
    beside: Mapping[str, Rule] | None = None,
    policy: Mapping[str, Any] | None = None,
    reasons: bool = False,
    ids_for: str = "72h",
) -> list[Firing]:
    """Everything that fires, in order. ``run_until`` counts from t0; ``beside``: further campaigns by name.

    ``ids_for``: how long ids are remembered. ``reasons``: with the emails that were decided against, and the goals.
    """
    oracle = Oracle(t0, ids_for)
    lines = list(timeline)
    if run_until is not None:
        lines.append({"at": run_until, "control": "tick"})
    active = length(rule.get("active_from", 0)) if "active_from" in rule else None
    if policy is not None:
        oracle.rule_emails(policy)
    if active is None:
        oracle.put(rule)
    for name, other in (beside or {}).items():
        oracle.put(other, name)
    for line in lines:
        if active is not None and length(line["at"]) >= active:
            oracle.tick(t0 + active)
            oracle.put(rule)
            active = None
        oracle.read(line)
    return [one for one in oracle.fired if reasons or one.word == "send"]


@dataclass(frozen=True, kw_only=True)
class Held:
    """An event that waits for the watermark of a campaign."""

    happened: int
    order: int
    person: Person
    event: Done
    version: Version


class Oracle(Looking):
    """Takes one line of a timeline after the other."""

    def __init__(self, t0: int, ids_for: str) -> None:
        super().__init__(t0)
        self._ids_for = ids_for
        self._merged: dict[str, str] = {}
        self._held: list[Held] = []

    def put(self, rule: Rule, campaign: str = CASE, migrate: str = "finish") -> None:
        """A version comes into force."""
        self._order += 1
        book = self._books.setdefault(campaign, Book(name=campaign))
        before = book.version
        if before is not None and before.rule == rule:
            return
        same = before is not None and trigger_of(before.rule) == trigger_of(rule)
        order, at = (before.trigger_order, before.trigger_at) if before and same else (self._order, self._clock)
        version = Version(
            campaign=campaign,
            rule=rule,
            order=self._order,
            trigger_order=order,
            trigger_at=at,
            steps=tuple(steps_after(rule)),
        )
        book.paused = book.paused and not book.archived
        book.archived = False
        book.versions.append(version)
        self._note_counts(version)
        for person in self._people.values():
            if not same:
                self._first_sight(person, version)
            if migrate != "finish":
                person.waits = [one for one in (self._migrated(wait, version, migrate) for wait in person.waits) if one]

    @staticmethod
    def _migrated(wait: Wait, version: Version, how: str) -> Wait | None:
        if wait.version.campaign != version.campaign or wait.version.rule == version.rule:
            return wait
        return None if how == "cancel" else moved(wait, version) or wait

    def rule_emails(self, policy: Mapping[str, Any]) -> None:
        """A sending policy comes into force."""
        self._order += 1
        self._policy, self._policy_order = policy, self._order

    def tick(self, at: int) -> None:
        """Time has passed."""
        self._clock = max(self._clock, at)
        self._advance()

    def read(self, line: Line) -> None:
        """One line."""
        self._order += 1
        at = self._t0 + length(line["at"])
        if line.get("control", "event") in ("event", "set"):
            self._event(line, at)
            return
        self.tick(at)
        campaign = line.get("campaign", CASE)
        book = self._books.get(campaign)
        match line["control"]:
            case "rule_change":
                assert book is not None
                merged = {**book.versions[-1].rule, **line["patch"]}
                rule = {name: value for name, value in merged.items() if value is not None}
                self.put(rule, campaign, line.get("migrate", "finish"))
                # Whoever was known is looked at.
                self._advance()
            case "policy":
                self.rule_emails(line["policy"])
                for person in self._people.values():
                    # An hour that has passed where the customer lives now says nothing.
                    person.looked = max(person.looked, self._clock)
                self._advance()
            case "pause" | "resume" as word if book is not None and not book.archived:
                book.paused = word == "pause"
            case "archive" if book is not None:
                book.archived, book.paused = True, False
                for person in self._people.values():
                    person.waits = [wait for wait in person.waits if wait.version.campaign != campaign]
            case "delete":
                gone = self._people.pop(self._name(line["who"]), None)
                self._held = [one for one in self._held if one.person is not gone]
            case "merge":
                self._merge(self._name(line["from"]), line["into"])
                # The one who survives is known from now on, if only by name.
                self._event({"at": f"{self._clock - self._t0}ms", "who": line["into"]}, self._clock)

    # ---------------------------------------------------------------- time
    def _advance(self, settled: int | None = None) -> None:
        """Let deadlines come, and events that are held back, up to the watermarks; deadlines first.

        ``settled``: only what happened by then, of what lies behind a watermark.
        """
        while True:
            found: list[tuple[tuple[int, int, int], Person, Wait | Held | None]] = []
            for person in self._people.values():
                for wait in person.waits:
                    lag = self._clock - self._watermark(wait.version.campaign)
                    if settled is None or not lag or wait.due <= settled:
                        found.append(((wait.due + lag, 0, wait.armed), person, wait))
                found += [((at, 0, 0), person, None) for at in self._looks(person)]
            for one in [one for one in self._held if settled is None or one.happened <= settled]:
                lag = length(one.version.rule.get("grace", 0))
                found.append(((one.happened + lag, 1, one.order), one.person, one))
            ready = min((one for one in found if one[0][0] <= self._clock), key=lambda one: one[0], default=None)
            if ready is None:
                return
            self._comes(ready[1], ready[2], ready[0][0])

    def _comes(self, person: Person, what: Wait | Held | None, at: int) -> None:
        before = person.attributes()
        if what is None:
            self._look(person, at, None, before)
            return
        if isinstance(what, Held):
            self._held.remove(what)
            person.done.append(what.event)
            self._happens(person, what.event, [what.version])
        else:
            self._over(person, what)
        if person.attributes() != before:
            self._look(person, at, None, before)

    # ---------------------------------------------------------------- events
    def _event(self, line: Line, at: int) -> None:
        before_entry = self._clock
        clock = max(self._clock, at)
        happened = self._t0 + length(line.get("happened_at", line["at"]))
        behind = [(book, version) for book, version in self._current() if in_event_time(version)]
        # What an event tells is known to what is decided for a later instant than its own.
        self._clock = clock
        self._advance(happened if behind else None)
        name = self._name(line["who"])
        person = self._people.setdefault(name, Person(name=name))
        event_id = line.get("id", f"line {self._order}")
        if not person.repeats(event_id, clock, self._ids_for):
            event = Done(
                order=self._order,
                at=clock,
                arrived=clock,
                happened=happened,
                name=line.get("event", SET_EVENT),
                props=line.get("props", {}),
                attrs=line.get("attrs", {}),
                versions={book.name: version for book, version in self._current()},
                address=line.get("address", not name.startswith("anon-")),
            )
            person.ids[event_id] = clock
            if person.first is None:
                person.first = clock
            was_reachable, before = person.addressed, person.attributes()
            self._learn(person, event)
            person.logged.append(event)
            for _, version in behind:
                if happened >= before_entry - length(version.rule.get("grace", 0)):
                    own = replace(event, at=happened, moves=set(), consumed=set())
                    self._held.append(
                        Held(happened=happened, order=self._order, person=person, event=own, version=version)
                    )
            at_once = [one for _, one in sorted(event.versions.items()) if not in_event_time(one)]
            if at_once or not behind:
                person.done.append(event)
                self._happens(person, event, at_once)
                self._look(person, clock, event, before)
            if person.addressed and not was_reachable:
                self._release(person, clock)
        if behind:
            self.tick(at)

    def _release(self, person: Person, now: int) -> None:
        """An address is known: what waited for it goes on."""
        before = person.attributes()
        for wait in [wait for wait in person.waits if wait.held == "no_address"]:
            person.waits = [one for one in person.waits if one is not wait]
            self._walk(person, replace(wait, held=""), wait.rest, now)
        if person.attributes() != before:
            self._look(person, now, None, before)

    def _happens(self, person: Person, event: Done, versions: Sequence[Version]) -> None:
        self._end(person, event, event_time=bool(versions) and in_event_time(versions[0]))
        self._reach_goals(person, event)
        for version in versions:
            rule = version.rule
            part = person.part(version.campaign)
            if any(passes(one, event.name, event.props, {}) for one in filters(rule.get("stop_after"))):
                part.stopped = True
            key = key_of(rule, event.props)
            if key is not None and not part.stopped and rule["kind"] not in WATCHING:
                event.moves.add(version.campaign)
                self._start(person, event, version, key)

    def _reach_goals(self, person: Person, event: Done) -> None:
        """An email's goal counts once, while its time is not over."""
        for _, part in sorted(person.parts.items()):
            awaited = part.awaited
            if awaited is None or not passes(awaited.wait.version.rule["goal"], event.name, event.props, {}):
                continue
            part.awaited = None
            if event.at < awaited.until:
                self._say(person, awaited.wait, "", event.at, "goal")

    def _end(self, person: Person, event: Done, *, event_time: bool) -> None:
        """Let the event end waits, and let those go on that waited for it."""
        going_on = []
        for wait in [one for one in person.waits if in_event_time(one.version) is event_time]:
            rule = wait.version.rule
            if any(passes(one, event.name, event.props, {}) for one in filters(rule.get("stop_after"))):
                person.part(wait.version.campaign).stopped = True
                person.waits.remove(wait)
            elif ended_by(wait, event):
                person.waits.remove(wait)
            elif not wait.trigger and awaited_by(wait, event):
                person.waits.remove(wait)
                going_on.append(wait)
        for wait in going_on:
            self._walk(person, wait, wait.rest, event.at)

    def _start(self, person: Person, event: Done, version: Version, key: str) -> None:
        rule = version.rule
        found = completes(version, person, event, key)
        if not found:
            return
        complete = found[0]
        part = person.part(version.campaign)
        part.completed.append((version.trigger_order, key, event.at))
        if uses_up(rule):
            for one in person.done:
                if key_of(rule, one.props) == key:
                    one.consumed.add(version.campaign)
        mine = [one for one in person.waits if one.trigger and one.version.campaign == version.campaign]
        same = [one for one in mine if one.key == key]
        if not self._open(person, event, version):
            if rule["kind"] in ("recency", "session_end"):
                person.waits = [one for one in person.waits if one not in same]
            return
        if complete.due is None:
            return
        waits = [self._made(version, key, one, complete.due, event) for one in found]
        wait = waits[0]
        if not self._again(person, wait, event.at):
            return
        if complete.due <= event.at:
            for one in waits:
                self._fire(person, one, event.at)
            return
        again = restart(rule)
        if same and again == "keep":
            return
        if same and again == "extend":
            wait.start, wait.begun, wait.seen = same[0].start, same[0].begun, same[0].seen
        if same and again == "reset":
            wait.first = same[0].first
        if "at_latest" in rule:
            wait.due = min(wait.due, later(wait.first, rule["at_latest"]))
        if again in ("reset", "extend"):
            person.waits = [one for one in person.waits if one not in same]
        person.waits.append(wait)

    def _made(self, version: Version, key: str, complete: Complete, due: int, event: Done) -> Wait:
        return Wait(
            version=version,
            key=key,
            start=complete.begun.at,
            begun=complete.begun,
            due=due,
            armed=self._arming(),
            order=event.order,
            value=complete.value,
            seen={"start": complete.begun.props, **complete.seen},
            first=event.at,
        )

    # ---------------------------------------------------------------- identity
    def _name(self, name: str) -> str:
        while name in self._merged:
            name = self._merged[name]
        return name

    def _merge(self, gone: str, into: str) -> None:
        """Two customers are one: one past, in which waits are answered; what was merged starts nothing."""
        into = self._name(into)
        if gone == into:
            return
        self._merged[gone] = into
        other = self._people.pop(gone, None) or Person(name=gone)
        person = self._people.setdefault(into, Person(name=into))
        awaited = join(person, other)
        for _, version in self._current():
            # Whom the customer has become is no event.
            person.part(version.campaign).inside = {}
            self._first_sight(person, version)
        before = person.attributes()
        for wait in [one for one in person.waits if "event" in one.step or "until" in one.step]:
            holds_now = "until" in wait.step and self._holds(person, wait.step["until"], self._clock)
            if holds_now or any(one is wait for one in awaited):
                person.waits = [one for one in person.waits if one is not wait]
                self._walk(person, wait, wait.rest, self._clock)
        if person.attributes() != before:
            self._look(person, self._clock, None, before)
        if person.addressed:
            self._release(person, self._clock)
