"""The oracle: from a rule and a timeline to everything that fires. Slow, simple, and by itself.

It walks through the instants at which something may happen and answers each question by going through everything that
the customer did so far. It keeps no counters, partial sequences or indexes, and shares no code with sendwhen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tests.oracle.asking import changes, holds
from tests.oracle.joining import join, told
from tests.oracle.neutral import Rule, alike, filters, key_of, later, length, passes
from tests.oracle.people import Done, Person, Version, Wait
from tests.oracle.rules import EMAIL, awaited_by, ended_by, in_event_time, restart, steps_after, trigger_of
from tests.oracle.triggers import Complete, completes, uses_up, wait_ends

LONGEST_WAIT = "400d"
Line = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, order=True)
class Firing:
    """An email, in milliseconds from the case's t0."""

    seen_at: int
    at: int
    who: str
    start: int
    key: str
    email: str = EMAIL
    value: float | None = field(default=None, compare=False)


def firings(
    rule: Rule, timeline: Sequence[Line], *, run_until: int | None = None, t0: int, ids_for: str = "72h"
) -> list[Firing]:
    """Everything that fires, in order. ``run_until`` counts from t0; ids are remembered for ``ids_for``."""
    oracle = Oracle(t0, ids_for)
    lines = list(timeline)
    if run_until is not None:
        lines.append({"at": run_until, "control": "tick"})
    active = length(rule.get("active_from", 0)) if "active_from" in rule else None
    if active is None:
        oracle.put(rule)
    for line in lines:
        if active is not None and length(line["at"]) >= active:
            oracle.tick(t0 + active)
            oracle.put(rule)
            active = None
        oracle.read(line)
    return oracle.fired


class Oracle:
    """Takes one line of a timeline after the other.

    Attributes:
        fired: Everything that fired.
    """

    def __init__(self, t0: int, ids_for: str) -> None:
        self.fired: list[Firing] = []
        self._ids_for = ids_for
        self._t0 = self._clock = self._processed = t0
        self._versions: list[Version] = []
        self._people: dict[str, Person] = {}
        self._merged: dict[str, str] = {}
        self._held: list[tuple[int, int, Person, Done]] = []
        self._paused = self._archived = False
        self._order = self._armings = 0

    @property
    def _version(self) -> Version:
        return self._versions[-1]

    def put(self, rule: Rule) -> None:
        """A version comes into force."""
        self._order += 1
        same = self._versions and trigger_of(self._version.rule) == trigger_of(rule)
        order, at = (self._version.trigger_order, self._version.trigger_at) if same else (self._order, self._clock)
        self._versions.append(Version(rule=rule, order=self._order, trigger_order=order, trigger_at=at))

    def tick(self, at: int) -> None:
        """Time has passed."""
        self._clock = max(self._clock, at)
        self._advance()

    def read(self, line: Line) -> None:
        """One line."""
        self._order += 1
        at = self._t0 + length(line["at"])
        match line.get("control", "event"):
            case "event" | "set":
                self._event(line, at)
                return
        self.tick(at)
        match line["control"]:
            case "rule_change":
                merged = {**self._version.rule, **line["patch"]}
                self.put({name: value for name, value in merged.items() if value is not None})
            case "pause" | "resume" as word:
                self._paused = word == "pause"
            case "archive":
                self._archived = True
                for person in self._people.values():
                    person.waits = []
            case "delete":
                gone = self._people.pop(self._name(line["who"]), None)
                self._held = [one for one in self._held if one[2] is not gone]
            case "merge":
                self._merge(self._name(line["from"]), line["into"])
                # The one who survives is known from now on, if only by name.
                self._event({"at": f"{self._clock - self._t0}ms", "who": line["into"]}, self._clock)

    # ---------------------------------------------------------------- time
    def _watermark(self) -> int:
        rule = self._version.rule if self._versions else {}
        return self._clock - (length(rule.get("grace", 0)) if rule.get("clock") == "event" else 0)

    def _advance(self) -> None:
        """Let deadlines come, and events that are held back, up to the watermark; deadlines first."""
        while True:
            to = self._watermark()
            due = [(wait.due, wait.armed, person, wait) for person in self._people.values() for wait in person.waits]
            looks = [(at, 0, person, None) for person in self._people.values() for at in self._looks(person)]
            ready = min((one for one in (*due, *looks) if one[0] <= to), key=lambda one: one[:2], default=None)
            held = min(self._held, key=lambda one: one[:2], default=None)
            if held is not None and held[0] <= to and (ready is None or held[0] < ready[0]):
                self._held.remove(held)
                self._happens(held[2], held[3])
            elif ready is None:
                return
            elif ready[3] is None:
                self._look(ready[2], ready[0], None)
            else:
                self._due(ready[2], ready[3])

    def _looks(self, person: Person) -> Sequence[int]:
        """Instants not yet looked at, at which what is asked of the customer may change."""
        asked = [(wait.step["until"], wait.since) for wait in person.waits if "until" in wait.step]
        rule = self._version.rule if self._versions else {}
        if rule.get("kind") == "segment" and self._version.trigger_order in person.inside:
            asked.append((rule["when"], 0))
        return [at for when, since in asked for at in changes(when, person) if at > max(since, person.looked)]

    # ---------------------------------------------------------------- events
    def _event(self, line: Line, at: int) -> None:
        clock = max(self._clock, at)
        held_back = in_event_time(self._versions[-1] if self._versions else None)
        if not held_back:
            self.tick(at)
        name = self._name(line["who"])
        person = self._people.setdefault(name, Person(name=name))
        event_id = line.get("id", f"line {self._order}")
        if not person.repeats(event_id, clock, self._ids_for):
            happened = self._t0 + length(line.get("happened_at", line["at"]))
            event = Done(
                order=self._order,
                at=happened if held_back else clock,
                arrived=clock,
                happened=happened,
                name=line.get("event", "attributes set"),
                props=line.get("props", {}),
                attrs=line.get("attrs", {}),
                version=self._versions[-1] if self._versions else None,
            )
            person.ids[event_id] = clock
            if person.first is None:
                person.first = clock
            if held_back:
                self._learn(person, event)
            if not held_back:
                self._happens(person, event)
            elif happened >= self._watermark():
                self._held.append((happened, self._order, person, event))
        self.tick(at)

    def _happens(self, person: Person, event: Done) -> None:
        before = person.attributes()
        if not in_event_time(event.version):
            self._learn(person, event)
        person.done.append(event)
        if event.version is None:
            return
        self._end(person, event)
        rule = event.version.rule
        if any(passes(one, event.name, event.props, {}) for one in filters(rule.get("stop_after"))):
            person.stopped = True
        key = key_of(rule, event.props)
        event.moves = key is not None and not person.stopped
        if event.moves:
            self._start(person, event, event.version, key or "")
        self._look(person, event.at, event, before)

    @staticmethod
    def _learn(person: Person, event: Done) -> None:
        for name, value in event.attrs.items():
            if name not in person.told or person.told[name][:2] <= (event.happened, event.order):
                person.told[name] = (event.happened, event.order, value)

    def _open(self, person: Person, event: Done, rule: Rule) -> bool:
        """Whether anything may start on it."""
        oldest = rule.get("max_event_age", "none")
        too_old = oldest != "none" and event.arrived - event.happened > length(oldest)
        return not (person.stopped or self._paused or self._archived or too_old)

    def _end(self, person: Person, event: Done) -> None:
        """Let the event end waits, and let those go on that waited for it."""
        going_on = []
        for wait in list(person.waits):
            if any(passes(one, event.name, event.props, {}) for one in filters(wait.version.rule.get("stop_after"))):
                person.stopped = True
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
        person.completed.append((version.trigger_order, key, event.at))
        if uses_up(rule):
            for one in person.done:
                if key_of(rule, one.props) == key:
                    one.consumed = True
        if not self._open(person, event, rule):
            if rule["kind"] in ("recency", "session_end"):
                person.waits = [one for one in person.waits if not (one.trigger and one.key == key)]
            return
        if complete.due is None or not self._again(person, rule, key, event.at):
            return
        if complete.due <= event.at:
            for one in found:
                self._fire(person, self._wait(version, key, one, event.at, event), event.at)
            return
        self._wait_from_now(person, event, self._wait(version, key, complete, complete.due, event))

    def _wait(self, version: Version, key: str, complete: Complete, due: int, event: Done) -> Wait:
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

    @staticmethod
    def _wait_from_now(person: Person, event: Done, wait: Wait) -> None:
        rule, key = wait.version.rule, wait.key
        same = [one for one in person.waits if one.trigger and one.key == key]
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

    def _arming(self) -> int:
        self._armings += 1
        return self._armings

    # ---------------------------------------------------------------- firing
    @staticmethod
    def _again(person: Person, rule: Rule, key: str, at: int) -> bool:
        """Whether a run of this key may start or fire now."""
        reentry = rule.get("reentry", "always")
        fired = [when for its_key, when in person.fired if its_key == key]
        if reentry == "always" or not fired:
            return True
        return reentry != "once" and at >= later(fired[-1], reentry["cooldown"])

    def _silent(self, wait: Wait, now: int) -> bool:
        """Paused, or too late."""
        rule = wait.version.rule
        late = self._watermark() if rule.get("clock") == "event" else self._clock
        lateness = rule.get("max_lateness")
        return self._paused or (lateness not in (None, "none") and late - now > length(lateness))

    def _due(self, person: Person, wait: Wait) -> None:
        person.waits.remove(wait)
        if wait.trigger:
            self._fire(person, wait, wait.due)
            return
        holds_now = "until" in wait.step and self._holds(wait, person, wait.step["until"], wait.due)
        if holds_now or "wait" in wait.step or wait.step.get("at_max") == "continue":
            self._walk(person, wait, wait.rest, wait.due)

    def _fire(self, person: Person, wait: Wait, now: int) -> None:
        rule = wait.version.rule
        guard = None if rule["kind"] == "delay" else rule.get("guard_at_fire")
        silent = self._silent(wait, now) or not self._again(person, rule, wait.key, now)
        if not silent and (guard is None or self._holds(wait, person, guard, now)):
            person.fired.append((wait.key, now))
            self._walk(person, wait, steps_after(rule), now)
        self._repeat(person, wait, now)

    def _repeat(self, person: Person, wait: Wait, now: int) -> None:
        given = wait.version.rule.get("repeat")
        if wait.version.rule["kind"] != "absence" or not given:
            return
        due = wait_ends(wait.version.rule, wait.begun, now)
        fired = wait.repeats + 1
        over = "within" in given and due is not None and due >= later(wait.begun.at, given["within"])
        if due is not None and not over and fired < given.get("at_most", fired + 1):
            person.waits.append(replace(wait, due=due, armed=self._arming(), repeats=fired))

    def _holds(self, wait: Wait, person: Person, when: Mapping[str, Any], now: int) -> bool:
        return holds(when, person, now, self._asked_since(wait.version))

    def _asked_since(self, version: Version) -> int:
        """Number of the entry since which counts are kept that a version asks for."""
        return min(one.order for one in self._versions if one.order <= version.order)

    def _walk(self, person: Person, wait: Wait, steps: Sequence[Mapping[str, Any]], now: int) -> None:
        """Take steps up to the next wait."""
        for place, step in enumerate(steps):
            rest = tuple(steps[place + 1 :])
            if "send" in step:
                if person.has_address() and not self._silent(wait, now):
                    self._say(person, wait, step["send"], now)
            elif "branch" in step:
                arm = next(
                    (arm for arm in step["branch"] if "if" not in arm or self._holds(wait, person, arm["if"], now)),
                    {"then": ()},
                )
                self._walk(person, wait, (*arm["then"], *rest), now)
                return
            elif "exit" in step:
                return
            elif "until" in step and self._holds(wait, person, step["until"], now):
                continue
            else:
                due = later(now, step.get("wait", step.get("max", LONGEST_WAIT)))
                going = replace(wait, due=due, armed=self._arming(), trigger=False, since=now, step=step, rest=rest)
                person.waits.append(going)
                return

    def _say(self, person: Person, wait: Wait, email: str, now: int) -> None:
        self.fired.append(
            Firing(
                at=now - self._t0,
                who=person.name,
                start=wait.start - self._t0,
                key=wait.key,
                seen_at=self._clock - self._t0,
                email=email,
                value=wait.value,
            )
        )

    # ---------------------------------------------------------------- looking
    def _look(self, person: Person, now: int, event: Done | None, before: Mapping[str, Any] | None = None) -> None:
        """Triggers and waits that look at the customer do so."""
        person.looked = max(person.looked, now)
        rule = self._version.rule
        if rule["kind"] == "attribute_change" and event is not None and _changed(rule, before or {}, person):
            self._enter(person, now, event)
        if rule["kind"] == "segment":
            self._look_at_segment(person, now, event)
        for wait in [wait for wait in person.waits if "until" in wait.step]:
            if wait in person.waits and self._holds(wait, person, wait.step["until"], now):
                person.waits.remove(wait)
                self._walk(person, wait, wait.rest, now)

    def _look_at_segment(self, person: Person, now: int, event: Done | None) -> None:
        version, rule = self._version, self._version.rule
        since = self._asked_since(version)
        was = person.inside.get(version.trigger_order)
        if was is None:
            earlier = [one for one in person.done if one is not event]
            past = replace(person, done=earlier, told=told(earlier))
            was = bool(earlier) and holds(rule["when"], past, now, since)
        inside = person.inside[version.trigger_order] = holds(rule["when"], person, now, since)
        if inside != was and inside == (rule.get("edge", "enter") == "enter"):
            self._enter(person, now, event)

    def _enter(self, person: Person, now: int, event: Done | None) -> None:
        begun = event or Done(order=self._order, at=now, arrived=now, happened=now, name="", props={}, attrs={})
        if not self._open(person, begun, self._version.rule):
            return
        wait = Wait(
            version=self._version,
            key="",
            start=now,
            begun=begun,
            due=now,
            armed=self._arming(),
            order=self._order,
            seen={"start": begun.props},
        )
        self._fire(person, wait, now)

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
        join(person, other)
        self._see_again(person)

    def _see_again(self, person: Person) -> None:
        """Whom the customer has become is no event."""
        person.looked = self._clock
        if self._version.rule["kind"] == "segment" and person.done:
            inside = holds(self._version.rule["when"], person, self._clock, self._asked_since(self._version))
            person.inside = {self._version.trigger_order: inside}


def _changed(rule: Rule, before: Mapping[str, Any], person: Person) -> bool:
    was, now = before.get(rule["attr"]), person.attributes().get(rule["attr"])
    return (
        not alike(was, now)
        and ("from" not in rule or alike(was, rule["from"]))
        and ("to" not in rule or alike(now, rule["to"]))
    )
