"""A neutral rule in sendwhen's own campaign language."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.semantics.cases import Unsupported, milliseconds
from tests.semantics.course_text import course_text, when_text

TEMPLATE = "hello"
_OPERATORS = {">", ">=", "<", "<=", "==", "!=", "in"}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def campaign_text(campaign_id: str, rule: Mapping[str, Any]) -> bytes:
    """The rule as campaign.yaml of one transactional email."""
    campaign: dict[str, Any] = {"campaign": campaign_id, "trigger": _trigger(rule)}
    if rule.get("clock", "log") == "event":
        campaign["event_time"] = {"grace": _duration(rule.get("grace", "0s"))}
    elif rule.get("clock", "log") != "log":
        raise Unsupported(f"clock {rule['clock']}")
    if "per" in rule:
        campaign["per"] = _property("event", rule["per"])
    if "guard_at_fire" in rule and rule["kind"] != "delay":
        campaign["guard"] = when_text(rule["guard_at_fire"], _filter)
    if "stop_after" in rule:
        campaign["stop_after"] = _filters(rule["stop_after"])
    campaign["steps"] = course_text(_course(rule), _filter)
    if "exit_on" in rule:
        campaign["exit_on"] = _filters(rule["exit_on"])
    if "reentry" in rule:
        campaign["reentry"] = _reentry(rule["reentry"])
    if "goal" in rule:
        goal = {name: value for name, value in rule["goal"].items() if name != "within"}
        campaign["goal"] = {**_filter(goal), "within": _duration(rule["goal"]["within"])}
    if "holdout" in rule:
        campaign["holdout"] = f"{rule['holdout']}%"
    campaign["send"] = rule.get("send", {"category": "transactional"})
    if "max_event_age" in rule:
        campaign["max_event_age"] = _duration(rule["max_event_age"])
    lateness = rule.get("max_lateness")
    campaign["max_lateness"] = "none" if lateness is None else _duration(lateness)
    # JSON is YAML, and much cheaper to write.
    return json.dumps(campaign).encode()


def _trigger(rule: Mapping[str, Any]) -> dict[str, Any]:
    kind = rule["kind"]
    if kind in {"count", "sum", "average", "distinct"}:
        return {kind: _threshold(rule)}
    return {_WORDS.get(kind, kind): _KINDS[kind](rule)}


def _course(rule: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    send: Sequence[Mapping[str, Any]] = rule.get("course", ({"send": TEMPLATE},))
    if rule["kind"] == "delay":
        guarded = {"branch": [{"if": rule["guard_at_fire"], "then": send}]} if "guard_at_fire" in rule else None
        return ({"wait": rule["for"]}, *((guarded,) if guarded else send))
    if rule["kind"] == "wait_until":
        until = rule["until"]
        asked = until if set(until) <= {"event", "where"} else {"until": until}
        return ({**asked, **{name: rule[name] for name in ("max", "at_max") if name in rule}}, *send)
    return send


def _absence(rule: Mapping[str, Any]) -> dict[str, Any]:
    absence: dict[str, Any] = {}
    repeats = rule.get("repeat")
    if "start_sequence" in rule:
        absence["start"] = {"sequence": _steps(rule["start_sequence"], rule.get("not_between", []))}
        within = rule.get("start_within", rule.get("within"))
        if within is not None:
            absence["start"]["within"] = _duration(within)
    else:
        absence["start"] = _filter(rule["start"])
    absence["unless"] = _filters(rule.get("unless", []))
    if "for_prop" in rule:
        absence["for"] = {"property": _property("event", rule["for_prop"]), "unit": "seconds", "at_most": "365d"}
    else:
        absence["for"] = _duration(rule["for"])
    if "on_restart" in rule:
        absence["on_restart"] = rule["on_restart"]
    if repeats:
        absence["repeat"] = _repeat(repeats, rule)
    elif "within" in rule and "start_sequence" not in rule:
        raise Unsupported("within of a single start")
    if "at_latest" in rule:
        absence["at_latest"] = _duration(rule["at_latest"])
    return absence


def _repeat(given: Any, rule: Mapping[str, Any]) -> dict[str, Any]:
    repeat = dict(given) if isinstance(given, Mapping) else {"at_most": 100 if given is True else given}
    if "within" in rule and "start_sequence" not in rule:
        repeat.setdefault("within", rule["within"])
    if set(repeat) - {"at_most", "within"}:
        raise Unsupported(f"repeat {sorted(repeat)}")
    return repeat


def _sequence(rule: Mapping[str, Any]) -> dict[str, Any]:
    overlap = rule.get("overlap", "default")
    if overlap not in {"default", "skip_past_last", "all_repeat_last"}:
        raise Unsupported(f"overlap {overlap}")
    steps = _steps(rule["steps"], rule.get("not_between", []))
    sequence: dict[str, Any] = {"steps": steps}
    if "within" in rule:
        sequence["within"] = _duration(rule["within"])
    if overlap == "all_repeat_last":
        sequence["repeat_last"] = True
    return sequence


def _steps(given_steps: list[Mapping[str, Any]], not_between: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = []
    for index, given in enumerate(given_steps):
        steps += [
            {"not": _filter({name: value for name, value in between.items() if name != "after_step"})}
            for between in not_between
            if between["after_step"] == index - 1
        ]
        step = {"as": f"step_{index}", **_filter({name: value for name, value in given.items() if name != "times"})}
        if "times" in given:
            step["times"] = given["times"]
        steps.append(step)
    return steps


def _threshold(rule: Mapping[str, Any]) -> dict[str, Any]:
    threshold: dict[str, Any] = {"of": _filter(rule["of"]), "at_least": rule["at_least"]}
    if "prop" in rule:
        threshold["value"] = _property("event", rule["prop"])
    for window in ("sliding", "tumbling"):
        if window in rule:
            threshold[window] = _duration(rule[window])
    if "fire" in rule:
        threshold["fire"] = rule["fire"]
    return threshold


def _attribute_change(rule: Mapping[str, Any]) -> dict[str, Any]:
    bounds = {word: rule[word] for word in ("from", "to") if word in rule}
    return {"attribute": rule["attr"], **bounds}


def _date(rule: Mapping[str, Any]) -> dict[str, Any]:
    words = ("offset", "at", "zone", "repeat")
    return {"attribute": rule["attr"], **{word: rule[word] for word in words if word in rule}}


_KINDS: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {
    "match": lambda rule: _filter(rule["match"]),
    "absence": _absence,
    "sequence": _sequence,
    "quiet_then": lambda rule: {
        "quiet_of": _filter(rule["quiet_of"]),
        "for": _duration(rule["for"]),
        "then": _filter(rule["then"]),
    },
    "delay": lambda rule: _filter(rule["start"]),
    "wait_until": lambda rule: _filter(rule["start"]),
    "nth": lambda rule: {"of": _filter(rule["of"]), "ordinal": rule["ordinal"]},
    "recency": lambda rule: {"of": _filter(rule["of"]), "for": _duration(rule["for"])},
    "attribute_change": _attribute_change,
    "date": _date,
    "segment": lambda rule: {rule.get("edge", "enter"): when_text(rule["when"], _filter)},
    "session_end": lambda rule: {"of": _filter(rule["of"]), "gap": _duration(rule["gap"])},
}
"""By kind, what stands under its word."""


_WORDS = {"delay": "match", "wait_until": "match"}
"""By kind, its word, where it has another."""


def _filters(given: Any) -> list[dict[str, Any]]:
    return [_filter(one) for one in (given if isinstance(given, list) else [given])]


def _filter(given: Mapping[str, Any]) -> dict[str, Any]:
    for name in given:
        if name not in {"event", "where"}:
            raise Unsupported(f"filter option {name}")
    written: dict[str, Any] = {"event": given["event"]}
    if given.get("where"):
        written["where"] = " && ".join(_comparison(*one) for one in given["where"])
    return written


def _comparison(name: str, operator: str, value: Any) -> str:
    if operator not in _OPERATORS:
        raise Unsupported(f"operator {operator}")
    return f"{_property('event', name)} {operator} {_operand(value)}"


def _operand(value: Any) -> str:
    if isinstance(value, Mapping):
        root, _, name = str(value["ref"]).partition(".")
        if root.isdecimal() and name:
            return _property("start" if root == "0" else f"steps.step_{root}", name)
        if root not in {"start", "event"} or not name:
            raise Unsupported(f"reference {value['ref']}")
        return _property(root, name)
    return json.dumps(value)


def _property(root: str, name: str) -> str:
    return f"{root}.properties.{name}" if _NAME.match(name) else f"{root}.properties[{json.dumps(name)}]"


def _reentry(given: Any) -> Any:
    if isinstance(given, Mapping):
        if set(given) != {"cooldown"}:
            raise Unsupported(f"reentry {sorted(given)}")
        return {"cooldown": _duration(given["cooldown"])}
    if given not in {"always", "once"}:
        raise Unsupported(f"reentry {given}")
    return given


def _duration(text: Any) -> str:
    milliseconds(str(text).partition("mo")[2] or "1ms" if "mo" in str(text) else text)
    return str(text)
