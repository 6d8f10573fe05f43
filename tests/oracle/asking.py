"""What holds of a customer at an instant, told from everything that the customer did."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tests.oracle.neutral import alike, instant, later, passes
from tests.oracle.people import Person

When = Mapping[str, Any]


Asked = Mapping[str, int]
"""By what is counted, the number of the entry since which it is; "" for all else."""


def counted(when: When) -> str:
    """What is counted, so that all who ask for the same ask for one count."""
    return repr((when.get("no_event", when.get("event")), when.get("where"), when.get("within_last")))


def counts_of(given: Any) -> Iterator[str]:
    """All that a rule counts."""
    if isinstance(given, Mapping):
        if "no_event" in given or ("event" in given and given.keys() & {"at_least", "at_most", "within_last"}):
            yield counted(given)
        for part in given.values():
            yield from counts_of(part)
    elif isinstance(given, list | tuple):
        for part in given:
            yield from counts_of(part)


def holds(when: When, person: Person, now: int, asked_since: Asked) -> bool:
    """Whether it holds of a customer."""
    if "all" in when:
        return all(holds(part, person, now, asked_since) for part in when["all"])
    if "any" in when:
        return any(holds(part, person, now, asked_since) for part in when["any"])
    if "not" in when:
        return not holds(when["not"], person, now, asked_since)
    if "since" in when:
        at = instant(person.attributes().get(when["since"]))
        return at is not None and later(at, when["at_least"]) <= now
    if "attr" in when:
        return _attribute(when, person.attributes().get(when["attr"]))
    return _counts(when, person, now, asked_since)


def changes(when: When, person: Person) -> Iterator[int]:
    """Instants at which it may change by time alone."""
    for part in (*when.get("all", ()), *when.get("any", ())):
        yield from changes(part, person)
    if "not" in when:
        yield from changes(when["not"], person)
    if "since" in when:
        at = instant(person.attributes().get(when["since"]))
        if at is not None:
            yield later(at, when["at_least"])
    if "within_last" in when:
        yield from (later(one.arrived, when["within_last"]) for one in person.logged)


def _counts(when: When, person: Person, now: int, asked_since: Asked) -> bool:
    wanted = {"event": when.get("no_event", when.get("event")), "where": when.get("where")}
    since = asked_since.get(counted(when), asked_since[""])
    number = sum(
        passes(wanted, one.name, one.props, {})
        and one.order > since
        and ("within_last" not in when or later(one.arrived, when["within_last"]) > now)
        for one in person.logged
    )
    if "no_event" in when:
        return number == 0
    if "at_least" not in when and "at_most" not in when:
        return number >= 1
    return when.get("at_least", 0) <= number <= when.get("at_most", number)


def _attribute(when: When, value: Any) -> bool:
    if "not_equals" in when:
        return not alike(value, when["not_equals"])
    if "equals" in when:
        return value is not None and alike(value, when["equals"])
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return value >= when["at_least"] if "at_least" in when else bool(value < when["below"])
