"""When a trigger is complete, found each time by going through everything that the customer did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.oracle.neutral import Props, Rule, filters, key_of, later, passes, window_start
from tests.oracle.people import Done, Person, Version

MEASURES = ("count", "sum", "average", "distinct")


@dataclass(frozen=True, kw_only=True)
class Complete:
    """A trigger is complete with an event.

    Attributes:
        begun: The event that it began with. due: when it fires; None: at no usable time.
        seen: Properties of events that later filters may refer to.
    """

    begun: Done
    due: int | None
    value: float | None = None
    seen: Mapping[str, Props] = field(default_factory=dict)


def completes(version: Version, person: Person, event: Done, key: str) -> Complete | None:
    """Whether the event, which is the last thing that the customer did, completes the trigger; for this key."""
    rule, kind = version.rule, version.rule["kind"]
    past = [
        one
        for one in person.done
        if version.campaign in one.moves and one.order > version.trigger_order and key_of(rule, one.props) == key
    ]
    match kind:
        case "match":
            return _at_once(event) if _is(rule["match"], event) else None
        case "absence":
            return _absence(version, past, event)
        case "delay" | "wait_until":
            return _at_once(event) if _is(rule["start"], event) else None
        case "recency":
            return Complete(begun=event, due=later(event.at, rule["for"])) if _is(rule["of"], event) else None
        case "session_end":
            return Complete(begun=event, due=later(event.at, rule["gap"])) if _is(rule["of"], event) else None
        case "sequence":
            found = _sequence(version.campaign, rule, rule["steps"], past, event)
            return None if found is None else Complete(begun=found[0], due=event.at, seen=found[1])
        case "nth":
            count = sum(_is(rule["of"], one) for one in past)
            return _at_once(event, count) if _is(rule["of"], event) and count == rule["ordinal"] else None
        case "quiet_then":
            return _quiet_then(version, person, past, event, key)
        case _ if kind in MEASURES:
            return _threshold(version, past, event)
    return None


def _at_once(event: Done, value: float | None = None) -> Complete:
    return Complete(begun=event, due=event.at, value=value)


def _is(wanted: Mapping[str, Any], event: Done) -> bool:
    return passes(wanted, event.name, event.props, {})


def _absence(version: Version, past: Sequence[Done], event: Done) -> Complete | None:
    rule = version.rule
    seen: Mapping[str, Props] = {}
    if "start_sequence" in rule:
        within = rule.get("start_within", rule.get("within"))
        window = {"not_between": rule.get("not_between", ()), **({} if within is None else {"within": within})}
        found = _sequence(version.campaign, window, rule["start_sequence"], past, event)
        if found is None:
            return None
        seen = found[1]
    elif not _is(rule["start"], event):
        return None
    return Complete(begun=event, due=wait_ends(rule, event, event.at), seen={**seen, "start": event.props})


def wait_ends(rule: Rule, event: Done, at: int) -> int | None:
    """When the wait of an absence ends that begins at an instant; the event may tell its length."""
    if "for_prop" not in rule:
        return later(at, rule["for"])
    told = event.props.get(rule["for_prop"])
    if isinstance(told, bool) or not isinstance(told, int | float) or not told > 0:
        return None
    return at + max(1, round(min(told * 1_000, 365 * 86_400_000)))


def _sequence(
    campaign: str, rule: Rule, steps: Sequence[Mapping[str, Any]], past: Sequence[Done], event: Done
) -> tuple[Done, Mapping[str, Props]] | None:
    """The first event of the oldest sequence that the event completes, and what it saw on the way."""
    for place, first in enumerate(past):
        if campaign in first.consumed or not passes(steps[0], first.name, first.props, {}):
            continue
        if "within" in rule:
            ends = later(first.at, rule["within"])
            if event.at > ends or (event.at == ends and rule.get("boundary") != "inclusive"):
                if rule.get("overlap") == "first_only":
                    return None
                continue
        seen = _completed_by(rule, steps, past[place:])
        if seen is not None:
            return first, seen
    return None


def _completed_by(rule: Rule, steps: Sequence[Mapping[str, Any]], events: Sequence[Done]) -> Mapping[str, Props] | None:
    """What was seen where the last of the events is the one that completes the sequence begun by the first of them."""
    seen: dict[str, Props] = {"start": events[0].props}
    step, times, by_last = 0, 0, False
    for event in events:
        last = len(steps) - 1
        complete = step > last
        if not complete and any(
            between["after_step"] == step - 1 and passes(between, event.name, event.props, seen)
            for between in rule.get("not_between", ())
        ):
            return None
        by_last = passes(steps[min(step, last)], event.name, event.props, seen)
        if not by_last:
            continue
        times += 1
        if complete:
            by_last = rule.get("overlap") == "all_repeat_last"
            continue
        seen[str(step)] = seen["start"] if step == 0 else event.props
        by_last = False
        if times >= steps[step].get("times", 1):
            step, times = step + 1, 0
            by_last = step > last
    return seen if by_last else None


def _quiet_then(version: Version, person: Person, past: Sequence[Done], event: Done, key: str) -> Complete | None:
    rule = version.rule
    if not _is(rule["then"], event):
        return None
    noise = [one.at for one in past if one is not event and _is(rule["quiet_of"], one)]
    firings = [
        at
        for order, its_key, at in person.part(version.campaign).completed
        if (order, its_key) == (version.trigger_order, key)
    ]
    assert person.first is not None
    since = max([min(person.first, event.at), version.trigger_at, *noise, *firings])
    return _at_once(event) if later(since, rule["for"]) <= event.at else None


def _threshold(version: Version, past: Sequence[Done], event: Done) -> Complete | None:
    rule = version.rule
    if not _is(rule["of"], event) or not _measurable(rule, event):
        return None
    counting = [
        one
        for one in past
        if version.campaign not in one.consumed
        and _is(rule["of"], one)
        and _measurable(rule, one)
        and ("sliding" not in rule or later(one.at, rule["sliding"]) > event.at)
        and ("tumbling" not in rule or one.at >= window_start(event.at, rule["tumbling"]))
    ]
    before = _measured(rule, [one for one in counting if one is not event])
    after = _measured(rule, counting)
    assert after is not None
    was_below = before is None or before < rule["at_least"]
    if after >= rule["at_least"] and (was_below or rule.get("fire") == "consume"):
        # Of things to count no more are told than are asked for; a merge may bring more.
        told = min(after, rule["at_least"]) if rule["kind"] in ("count", "distinct") else after
        return _at_once(event, told)
    return None


def _measurable(rule: Rule, event: Done) -> bool:
    value = event.props.get(rule.get("prop", ""))
    if rule["kind"] in ("sum", "average"):
        return isinstance(value, int | float) and not isinstance(value, bool)
    return rule["kind"] == "count" or value is not None


def _measured(rule: Rule, events: Sequence[Done]) -> float | None:
    kind = rule["kind"]
    if kind == "count":
        return len(events)
    values = [event.props[rule["prop"]] for event in events]
    if kind == "distinct":
        return len({(isinstance(value, str), isinstance(value, bool), value) for value in values})
    if kind == "sum":
        return sum(values)
    return sum(values) / len(values) if values else None


def uses_up(rule: Rule) -> bool:
    """A completion uses up what was seen of its key."""
    if rule["kind"] == "sequence":
        return bool(rule.get("overlap") != "all_repeat_last")
    return "start_sequence" in rule or rule.get("fire") == "consume"


def answers(rule: Rule) -> Sequence[Mapping[str, Any]]:
    """What ends a wait in the trigger."""
    return filters(rule.get("unless"))
