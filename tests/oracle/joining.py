"""Two customers become one: their pasts are one past, in which waits are answered."""

from __future__ import annotations

from collections.abc import Sequence

from tests.oracle.people import Done, Part, Person, Wait
from tests.oracle.rules import awaited_by, ended_by, restart


def join(person: Person, other: Person) -> Sequence[Wait]:
    """Make the person both; waits for an event that the other one did. What was merged starts nothing.

    Each one's waits are held against what the other did: its own has ended or passed what it was to.
    """
    _hold(person, against=other.done)
    _hold(other, against=person.done)
    awaited = [
        wait
        for waits, done in ((person.waits, other.done), (other.waits, person.done))
        for wait in waits
        if "event" in wait.step and any(behind(wait, event) and awaited_by(wait, event) for event in done)
    ]
    person.done = sorted((*person.done, *other.done), key=lambda one: (one.at, one.order))
    person.logged = sorted((*person.logged, *other.logged), key=lambda one: (one.arrived, one.order))
    person.waits = sorted((*person.waits, *other.waits), key=lambda one: one.armed)
    person.ids = {**other.ids, **person.ids}
    for name, told in other.told.items():
        if name not in person.told or person.told[name][:2] < told[:2]:
            person.told[name] = told
    person.sent = sorted((*person.sent, *other.sent))
    person.first = min((one for one in (person.first, other.first) if one is not None), default=None)
    person.addressed = person.addressed or other.addressed
    for campaign in {*person.parts, *other.parts}:
        _join_part(person.part(campaign), other.part(campaign))
    person.waits = [wait for wait in person.waits if not person.part(wait.version.campaign).stopped]
    one_wait_for_each_key(person)
    return awaited


def _hold(person: Person, *, against: Sequence[Done]) -> None:
    for event in against:
        person.waits = [wait for wait in person.waits if not (behind(wait, event) and ended_by(wait, event))]


def _join_part(part: Part, other: Part) -> None:
    part.fired = sorted((*part.fired, *other.fired), key=lambda one: one[1])
    part.completed += other.completed
    part.stopped = part.stopped or other.stopped
    part.day = max(part.day, other.day)
    emails = [one for one in (part.awaited, other.awaited) if one is not None]
    part.awaited = max(emails, key=lambda one: one.emailed, default=None)


def one_wait_for_each_key(person: Person) -> None:
    for wait in list(person.waits):
        rule = wait.version.rule
        again = restart(rule)
        same = [one for one in person.waits if wait.trigger and _alike(one, wait)]
        if wait in same and same[1:] and again != "parallel":
            # One that repeats was armed late and began early.
            same.sort(key=lambda one: one.order)
            left = same[0] if again == "keep" else same[-1]
            if again == "extend":
                left.start = min(one.start for one in same)
            person.waits = [one for one in person.waits if one not in same or one is left]


def behind(wait: Wait, event: Done) -> bool:
    """The event came while the run waited as it does."""
    return event.order > wait.order and (wait.trigger or event.at >= wait.since)


def _alike(one: Wait, wait: Wait) -> bool:
    return one.trigger and (one.version.campaign, one.key) == (wait.version.campaign, wait.key)
