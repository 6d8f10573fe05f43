"""Triggers and waits that look at the customer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from tests.oracle.asking import changes
from tests.oracle.local import dates, wall, zone_of
from tests.oracle.neutral import Rule, alike, length
from tests.oracle.people import Done, Person, Version, Wait
from tests.oracle.stepping import Stepping

WATCHING = ("attribute_change", "segment", "date")
TURNS = 8


class Looking(Stepping):
    """Looks at customers."""

    def _looks(self, person: Person) -> Iterator[int]:
        """Instants not yet looked at, at which what is asked of the customer may change."""
        for wait in person.waits:
            if "until" in wait.step:
                since = max(wait.since, person.looked)
                yield from (at for at in changes(wait.step["until"], person) if at > since)
        for _, version in self._current():
            if version.rule["kind"] == "segment":
                yield from (at for at in changes(version.rule["when"], person) if at > person.looked)
            if version.rule["kind"] == "date":
                yield from (at for at, _ in self._next_date(person, version))

    def _next_date(self, person: Person, version: Version) -> list[tuple[int, int]]:
        """(instant, day) of what comes next."""
        there = zone_of(version.rule.get("zone"), person.attributes(), self._policy)
        year = wall(person.looked, there).year
        coming = dates(version.rule, person.attributes(), self._policy, (year - 2, year + 4))
        done = person.part(version.campaign).day
        return sorted(one for one in coming if one[0] >= person.looked and one[1] > done)[:1]

    def _look(self, person: Person, now: int, event: Done | None, before: Mapping[str, Any]) -> None:
        """All look, and again at what that changed."""
        for _ in range(TURNS):
            told = person.attributes()
            self._look_once(person, now, event, before)
            if person.attributes() == told:
                return
            before = told

    def _look_once(self, person: Person, now: int, event: Done | None, before: Mapping[str, Any]) -> None:
        due = {book.name: self._next_date(person, version) for book, version in self._dated()}
        person.looked = max(person.looked, now)
        seen = replace(person, told=dict(person.told))
        for book, version in self._current():
            rule = version.rule
            match rule["kind"]:
                case "attribute_change":
                    enters = _changed(rule, before, seen.attributes())
                case "segment":
                    inside = person.part(book.name).inside
                    was = inside.get(version.trigger_order, False)
                    inside[version.trigger_order] = is_in = self._holds(seen, rule["when"], now)
                    enters = is_in != was and is_in == (rule.get("edge", "enter") == "enter")
                case "date":
                    enters = any(at <= now for at, _ in due[book.name]) and event is None
                    person.part(book.name).day = due[book.name][0][1] if enters else person.part(book.name).day
                case _:
                    enters = False
            if enters:
                self._enter(person, version, now, event)
        for wait in [wait for wait in person.waits if "until" in wait.step]:
            if any(one is wait for one in person.waits) and self._holds(person, wait.step["until"], now):
                person.waits = [one for one in person.waits if one is not wait]
                self._walk(person, wait, wait.rest, now)

    def _dated(self) -> Iterator[tuple[Any, Version]]:
        return (one for one in self._current() if one[1].rule["kind"] == "date")

    def _enter(self, person: Person, version: Version, now: int, event: Done | None) -> None:
        begun = event or Done(order=self._order, at=now, arrived=now, happened=now, name="", props={}, attrs={})
        if not self._open(person, begun, version):
            return
        wait = Wait(
            version=version,
            key="",
            start=now,
            begun=begun,
            due=now,
            armed=self._arming(),
            # What time brings about comes before what happens then.
            order=self._order - (event is None),
            seen={"start": begun.props},
        )
        self._fire(person, wait, now)

    def _open(self, person: Person, event: Done, version: Version) -> bool:
        """Whether anything may start on it."""
        oldest = version.rule.get("max_event_age", "none")
        too_old = oldest != "none" and event.arrived - event.happened > length(oldest)
        return not (person.part(version.campaign).stopped or self._books[version.campaign].paused or too_old)

    def _first_sight(self, person: Person, version: Version) -> None:
        """Whoever is known when a trigger is put is in its segment, or not: nobody enters for having been in."""
        if version.rule["kind"] == "segment" and person.logged:
            inside = self._holds(person, version.rule["when"], self._clock)
            person.part(version.campaign).inside[version.trigger_order] = inside
        person.looked = max(person.looked, self._clock)


def _changed(rule: Rule, before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    was, now = before.get(rule["attr"]), after.get(rule["attr"])
    return (
        not alike(was, now)
        and ("from" not in rule or alike(was, rule["from"]))
        and ("to" not in rule or alike(now, rule["to"]))
    )
