"""A neutral rule in sendwhen's own campaign language."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.semantics.cases import Malformed, Unsupported, milliseconds
from tests.semantics.course_text import course_text, when_text

TEMPLATE = "hello"
_OPERATORS = {**{one: one for one in (">", ">=", "<", "<=", "==", "!=", "in")}, "=": "==", "<>": "!="}
_OVERLAPS: Mapping[str, Mapping[str, Any]] = {
    "default": {},
    "skip_past_last": {},
    "first_only": {"starts": "first"},
    "all": {"starts": "each"},
    "all_repeat_last": {"starts": "each", "repeat_last": True},
    "repeat_last": {"repeat_last": True},
}
"""What becomes of several starts; that and every further event of the last step."""
_MONTHS = re.compile(r"[0-9]+mo")
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
    # The rules know no limit of an event's age or a decision's lateness, but where they say so.
    campaign["max_event_age"] = _duration(rule["max_event_age"]) if "max_event_age" in rule else "none"
    lateness = rule.get("max_lateness")
    campaign["max_lateness"] = "none" if lateness is None else _duration(lateness)
    # JSON is YAML, and much cheaper to write.
    return json.dumps(campaign, ensure_ascii=False).encode()


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
    elif "start" in rule:
        absence["start"] = _filter(rule["start"])
    else:
        raise Malformed("An absence has a 'start' or a 'start_sequence'.")
    absence["unless"] = _filters(rule.get("unless", []))
    if "for_prop" in rule:
        absence["for"] = {"property": _property("event", rule["for_prop"]), "unit": "seconds", "at_most": "365d"}
    elif "for" in rule:
        absence["for"] = _duration(rule["for"])
    else:
        raise Malformed("An absence says how long, with 'for' or 'for_prop'.")
    if "on_restart" in rule:
        absence["on_restart"] = rule["on_restart"]
    if repeats:
        absence["repeat"] = _repeat(repeats, rule)
    elif "within" in rule and "start_sequence" not in rule:
        raise Unsupported("within of a single start")
    if "at_latest" in rule or "cap" in rule:
        absence["at_latest"] = _duration(rule.get("at_latest", rule.get("cap")))
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
    if overlap not in _OVERLAPS:
        raise Unsupported(f"overlap {overlap}")
    steps = _steps(rule["steps"], rule.get("not_between", []))
    sequence: dict[str, Any] = {"steps": steps}
    if "within" in rule:
        sequence["within"] = _window(rule, "within")
    return {**sequence, **_OVERLAPS[overlap]}


def _steps(given_steps: Any, not_between: Any) -> list[dict[str, Any]]:
    if not isinstance(given_steps, list) or not all(isinstance(one, Mapping) for one in given_steps):
        raise Malformed(f"The steps of a sequence are a list of {{event: NAME, …}}, this is {given_steps!r}.")
    forbidden: dict[int, list[dict[str, Any]]] = {}
    for between in _listed(not_between):
        after = between.get("after_step") if isinstance(between, Mapping) else None
        if not isinstance(after, int) or not 0 <= after < len(given_steps) - 1:
            raise Malformed(f"What must not come between two steps says 'after_step', from 0 on; this is {between!r}.")
        forbidden.setdefault(after + 1, []).append({"not": _filter(_without(between, "after_step"))})
    steps: list[dict[str, Any]] = []
    for index, given in enumerate(given_steps):
        steps += forbidden.get(index, [])
        step = {"as": f"step_{index}", **_filter(_without(given, "times"))}
        if "times" in given:
            step["times"] = given["times"]
        steps.append(step)
    return steps


def _without(given: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {word: value for word, value in given.items() if word != name}


def _threshold(rule: Mapping[str, Any]) -> dict[str, Any]:
    threshold: dict[str, Any] = {"of": _filter(rule["of"]), "at_least": rule["at_least"]}
    if "prop" in rule:
        threshold["value"] = _property("event", rule["prop"])
    for window in ("sliding", "tumbling"):
        if window in rule:
            threshold[window] = _window(rule, window)
    if "fire" in rule:
        threshold["fire"] = rule["fire"]
    return threshold


def _window(rule: Mapping[str, Any], word: str) -> str:
    """A window; one that includes its end is a millisecond longer, since times are whole milliseconds."""
    boundary = rule.get("boundary", "exclusive")
    if boundary not in {"exclusive", "half_open", "inclusive"} or (boundary == "inclusive" and word == "tumbling"):
        raise Unsupported(f"boundary {boundary}")
    text = _duration(rule[word])
    if boundary != "inclusive":
        return text
    months, mo, rest = text.rpartition("mo")
    return f"{months}{mo}{milliseconds(rest or 0) + 1}ms"


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
    return [_filter(one) for one in _listed(given)]


def _listed(given: Any) -> list[Any]:
    return given if isinstance(given, list) else [given]


def _filter(given: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(given, Mapping) or given.get("event") is None:
        raise Malformed(f"A filter is {{event: NAME, where: …}}, this is {given!r}.")
    for name in given:
        if name not in {"event", "where"}:
            raise Unsupported(f"filter option {name}")
    written: dict[str, Any] = {"event": str(given["event"])}
    where = given.get("where")
    if where:
        if not isinstance(where, list):
            raise Unsupported("a where that is no list of comparisons")
        written["where"] = " && ".join(map(_comparison, where))
    return written


def _comparison(given: Any) -> str:
    if not isinstance(given, list) or len(given) != 3:
        raise Unsupported(f"comparison {given!r}")
    name, operator, value = given
    if not isinstance(operator, str) or operator not in _OPERATORS:
        raise Unsupported(f"operator {operator}")
    return f"{_property('event', name)} {_OPERATORS[operator]} {_operand(value)}"


def _operand(value: Any) -> str:
    if isinstance(value, Mapping):
        if set(value) != {"ref"}:
            raise Unsupported(f"operand {sorted(map(str, value))}")
        root, _, name = str(value["ref"]).partition(".")
        if root.isdecimal() and name:
            return _property("start" if root == "0" else f"steps.step_{root}", name)
        if root not in {"start", "event"} or not name:
            raise Unsupported(f"reference {value['ref']}")
        return _property(root, name)
    return json.dumps(value)


def _property(root: str, name: Any) -> str:
    if not isinstance(name, str):
        raise Unsupported(f"property {name!r}")
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
    milliseconds(text)
    # The language has months in front.
    months = "".join(_MONTHS.findall(str(text)))
    return months + _MONTHS.sub("", str(text))
