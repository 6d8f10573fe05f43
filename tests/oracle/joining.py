"""Two customers become one: their pasts are one past, in which waits are answered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.oracle.people import Done, Person, Wait
from tests.oracle.rules import ended_by, restart


def join(person: Person, other: Person) -> None:
    """Make the person both. What was merged starts nothing."""
    person.done = sorted((*person.done, *other.done), key=lambda one: (one.at, one.order))
    person.waits = sorted((*person.waits, *other.waits), key=lambda one: one.armed)
    person.ids = {**other.ids, **person.ids}
    person.told = told(person.done)
    person.fired = sorted((*person.fired, *other.fired), key=lambda one: one[1])
    person.completed += other.completed
    person.stopped = person.stopped or other.stopped
    person.first = min((one for one in (person.first, other.first) if one is not None), default=None)
    for event in person.done:
        person.waits = [wait for wait in person.waits if not (behind(wait, event) and ended_by(wait, event))]
    if person.stopped:
        person.waits = []
    one_wait_for_each_key(person)


def one_wait_for_each_key(person: Person) -> None:
    for wait in list(person.waits):
        rule = wait.version.rule
        again = restart(rule)
        same = [one for one in person.waits if wait.trigger and one.trigger and one.key == wait.key]
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


def told(events: Sequence[Done]) -> dict[str, tuple[int, int, Any]]:
    told: dict[str, tuple[int, int, Any]] = {}
    for event in events:
        for name, value in event.attrs.items():
            if name not in told or told[name][:2] <= (event.happened, event.order):
                told[name] = (event.happened, event.order, value)
    return told
