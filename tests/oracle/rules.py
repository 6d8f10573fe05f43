"""What a rule says of waits: what ends them, what follows them, and what a further start does to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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


def trigger_of(rule: Rule) -> Rule:
    """What makes two versions' triggers the same."""
    others = ["reentry", "guard_at_fire", "stop_after", "exit_on", "course", "max_lateness", "max_event_age"]
    # What was begun keeps the window that it began with, and a wait is made when it begins.
    if rule["kind"] == "sequence":
        others += ["within"]
    if rule["kind"] == "absence":
        others += ["within", "start_within", "unless", "for", "for_prop", "on_restart", "repeat", "at_latest"]
    return {name: value for name, value in rule.items() if name not in others}


def awaited_by(wait: Wait, event: Done) -> bool:
    # An event without a key may be awaited, too: a click, say, knows of no order.
    if key_of(wait.version.rule, event.props) not in (wait.key, None):
        return False
    return "event" in wait.step and passes_for(wait.step, event, wait)


def ended_by(wait: Wait, event: Done) -> bool:
    rule = wait.version.rule
    if key_of(rule, event.props) != wait.key:
        return False
    if wait.trigger:
        return any(passes_for(one, event, wait) for one in answers(rule))
    exits = (*filters(wait.step.get("exit_on")), *filters(rule.get("exit_on")))
    return any(passes_for(one, event, wait) for one in exits)
