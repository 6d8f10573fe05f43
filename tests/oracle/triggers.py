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


def completes(version: Version, person: Person, event: Done, key: str) -> Sequence[Complete]:
    """What the event, which is the last thing that the customer did, completes of the trigger; for this key."""
    rule = version.rule
    if rule["kind"] == "sequence":
        found = _sequences(version.campaign, rule, rule["steps"], _past(version, person, key), event)
        return [Complete(begun=first, due=event.at, seen=seen) for first, seen in found]
    complete = _completes(version, person, event, key)
    return () if complete is None else (complete,)


def _past(version: Version, person: Person, key: str) -> Sequence[Done]:
    moved = [one for one in person.done if version.campaign in one.moves]
    # In event time events that came before an edit may stand behind some that came after it: each begins with nothing.
    others = [place for place, one in enumerate(moved) if _is_of_another_trigger(version, one)]
    return [
        one
        for one in moved[max(others, default=-1) + 1 :]
        if one.order > version.trigger_order and key_of(version.rule, one.props) == key
    ]


def _is_of_another_trigger(version: Version, event: Done) -> bool:
    its = event.versions[version.campaign]
    return its.trigger_order != version.trigger_order and concerns(its.rule, event)


def concerns(rule: Rule, event: Done) -> bool:
    """Whether the event may move the trigger on."""
    named = (*filters(rule.get("steps")), *filters(rule.get("start_sequence")), *filters(rule.get("not_between")))
    named += tuple(filter(None, (rule.get(word) for word in ("match", "start", "of", "quiet_of", "then"))))
    return any(one["event"] == event.name for one in named)


def _completes(version: Version, person: Person, event: Done, key: str) -> Complete | None:
    rule, kind = version.rule, version.rule["kind"]
    past = _past(version, person, key)
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
        found = _sequences(version.campaign, window, rule["start_sequence"], past, event)
        if not found:
            return None
        seen = found[0][1]
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


def _sequences(
    campaign: str, rule: Rule, steps: Sequence[Mapping[str, Any]], past: Sequence[Done], event: Done
) -> Sequence[tuple[Done, Mapping[str, Props]]]:
    """First events of the sequences that the event completes, oldest first, and what they saw on the way."""
    found = []
    for place in _begins(campaign, rule, steps, past):
        first = past[place]
        if _over(rule, first, event.at):
            continue
        came = _came(rule, steps, past[place:])
        if came is not None and came.by_last:
            found.append((first, came.seen))
    return found if rule.get("overlap") in ("all", "all_repeat_last") else found[:1]


def _begins(campaign: str, rule: Rule, steps: Sequence[Mapping[str, Any]], past: Sequence[Done]) -> Sequence[int]:
    """Places of the events that begin a sequence."""
    begins: list[int] = []
    for place, first in enumerate(past):
        if campaign in first.consumed or not passes(steps[0], first.name, first.props, {}):
            continue
        if rule.get("overlap") == "first_only" and begins:
            before = past[begins[-1]]
            came = _came(rule, steps, past[begins[-1] : place + 1])
            # One that another identity's event has completed is over.
            if not _over(rule, before, first.at) and came is not None and not came.complete:
                continue
        begins.append(place)
    return begins


def _over(rule: Rule, first: Done, at: int) -> bool:
    if "within" not in rule:
        return False
    ends = later(first.at, rule["within"])
    return at > ends or (at == ends and rule.get("boundary") != "inclusive")


@dataclass(frozen=True, kw_only=True)
class Came:
    """What came of a sequence. complete: all of it. by_last: the last of the events completes it."""

    seen: Mapping[str, Props]
    complete: bool
    by_last: bool


def _came(rule: Rule, steps: Sequence[Mapping[str, Any]], events: Sequence[Done]) -> Came | None:
    """How far the sequence is that the first of the events begins; None: something came that must not."""
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
            by_last = str(rule.get("overlap", "")).endswith("repeat_last")
            continue
        seen[str(step)] = seen["start"] if step == 0 else event.props
        by_last = False
        if times >= steps[step].get("times", 1):
            step, times = step + 1, 0
            by_last = step > last
    return Came(seen=seen, complete=step >= len(steps), by_last=by_last)


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
    inclusive = rule.get("boundary") == "inclusive"
    counting = [
        one
        for one in past
        if version.campaign not in one.consumed
        and _is(rule["of"], one)
        and _measurable(rule, one)
        and ("sliding" not in rule or later(one.at, rule["sliding"]) + inclusive > event.at)
        and ("tumbling" not in rule or one.at >= window_start(event.at, rule["tumbling"]))
    ]
    before = _measured(rule, [one for one in counting if one is not event])
    after = _measured(rule, counting)
    assert after is not None
    was_below = before is None or before < rule["at_least"]
    if after >= rule["at_least"] and (was_below or rule.get("fire") in ("consume", "every")):
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
        return rule.get("overlap") not in ("all", "all_repeat_last", "repeat_last")
    return "start_sequence" in rule or rule.get("fire") == "consume"


def answers(rule: Rule) -> Sequence[Mapping[str, Any]]:
    """What ends a wait in the trigger."""
    return filters(rule.get("unless"))
