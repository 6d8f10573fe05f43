"""What a rule says of waits: what ends them, what follows them, and what a further start does to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tests.oracle.neutral import Rule, filters, key_of, passes
from tests.oracle.people import Done, Version, Wait
from tests.oracle.triggers import answers

EMAIL = "hello"


def restart(rule: Rule) -> str:
    """What a further start does to a wait of its key."""
    words = {"session_end": "extend", "absence": rule.get("on_restart", "reset"), "recency": "reset"}
    restart: str = words.get(rule["kind"], "parallel")
    return restart


def in_event_time(version: Version | None) -> bool:
    return version is not None and version.rule.get("clock") == "event"


def passes_for(wanted: Mapping[str, Any], event: Done, wait: Wait) -> bool:
    return passes(wanted, event.name, event.props, wait.seen)


def steps_after(rule: Rule) -> Sequence[Mapping[str, Any]]:
    """What follows a firing; a delay asks its guard behind its wait."""
    course: Sequence[Mapping[str, Any]] = rule.get("course", ({"send": EMAIL},))
    if rule["kind"] == "delay":
        guarded = ({"branch": [{"if": rule["guard_at_fire"], "then": course}]},) if "guard_at_fire" in rule else course
        return ({"wait": rule["for"]}, *guarded)
    if rule["kind"] == "wait_until":
        asked = rule["until"] if set(rule["until"]) <= {"event", "where"} else {"until": rule["until"]}
        return ({**asked, **{name: rule[name] for name in ("max", "at_max") if name in rule}}, *course)
    return course


Steps = Sequence[Mapping[str, Any]]
Place = tuple[Any, ...]


def _in_order(steps: Steps, behind: Steps) -> Iterator[tuple[Mapping[str, Any], Steps]]:
    """Every step as it is written, with those that follow it."""
    for number, step in enumerate(steps):
        rest = (*steps[number + 1 :], *behind)
        yield step, rest
        for arm in (*step.get("branch", ()), *step.get("split", ())):
            yield from _in_order(arm.get("then", ()), rest)


def named_splits(steps: Steps) -> Mapping[int, str]:
    """What each split is called, of which the lot is drawn: after its shares, and numbered where there are several."""
    names: dict[int, str] = {}
    for step, _ in _in_order(steps, ()):
        if "split" in step:
            name = "/".join(share["name"] for share in step["split"])
            count = sum(one == name or one.startswith(f"{name} (") for one in names.values()) + 1
            names[id(step)] = name if count == 1 else f"{name} ({count})"
    return names


def places(version: Version) -> Iterator[tuple[Place, Mapping[str, Any], Steps]]:
    """Where those wait who are past the trigger: the how manyth wait behind which email."""
    after, sent, waits = "", dict[str, int](), dict[str, int]()
    for step, rest in _in_order(version.steps, ()):
        kind = "wait" if "wait" in step else "wait_until" if "until" in step or "event" in step else step.get("send")
        if kind is None:
            continue
        yield (kind, after, sent.get(after, 0), waits.get(kind, 0)), step, rest
        waits[kind] = waits.get(kind, 0) + 1
        if "send" in step:
            after, waits = step["send"], {}
            sent[after] = sent.get(after, 0) + 1


def moved(wait: Wait, to: Version) -> Wait | None:
    """The wait in another version, in the same place and until the same deadline; None: there is no such place."""
    before, after = wait.version.rule, to.rule
    if before.get("per") != after.get("per"):
        return None
    if wait.trigger:
        same = before["kind"] == after["kind"] or {before["kind"], after["kind"]} <= {"match", "delay", "wait_until"}
        return replace(wait, version=to) if same else None
    stands = wait.rest[0] if wait.held else wait.step
    here = [place for place, step, _ in places(wait.version) if step is stands]
    for place, step, rest in places(to):
        if place == here[0]:
            step_of_wait = {} if wait.held else step
            return replace(wait, version=to, step=step_of_wait, rest=(step, *rest) if wait.held else tuple(rest))
    return None


def trigger_of(rule: Rule) -> Rule:
    """What makes two versions' triggers the same."""
    others = {"reentry", "guard_at_fire", "stop_after", "exit_on", "course", "max_lateness", "max_event_age"}
    others |= {"send", "goal", "holdout", *(("for",) if rule["kind"] == "delay" else ())}
    others |= {"until", "max", "at_max"} if rule["kind"] == "wait_until" else set()
    # What starts an absence is remembered; the wait is made when that is complete.
    if rule["kind"] == "absence":
        others |= {"unless", "for", "for_prop", "on_restart", "repeat", "at_latest"}
    return {name: value for name, value in rule.items() if name not in others}


def awaited_by(wait: Wait, event: Done) -> bool:
    # An event without a key may be awaited, too: a click, say, knows of no order.
    if key_of(wait.version.rule, event.props) not in (wait.key, None):
        return False
    return "event" in wait.step and passes_for(wait.step, event, wait)


def ended_by(wait: Wait, event: Done) -> bool:
    rule = wait.version.rule
    goal = rule.get("goal")
    if goal and key_of(rule, event.props) in (wait.key, None) and passes(goal, event.name, event.props, {}):
        return True
    if key_of(rule, event.props) != wait.key:
        return False
    if wait.trigger:
        return any(passes_for(one, event, wait) for one in answers(rule))
    exits = (*filters(wait.step.get("exit_on")), *filters(rule.get("exit_on")))
    return any(passes_for(one, event, wait) for one in exits)
