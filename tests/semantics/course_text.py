"""What a neutral rule asks of a customer and what it does after it fired, in sendwhen's own campaign language."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.semantics.cases import Unsupported

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_COUNT_WORDS = ("event", "where", "at_least", "at_most", "within_last")
_OPERATORS = {
    "equals": "==",
    "not_equals": "!=",
    "at_least": ">=",
    "at_most": "<=",
    "above": ">",
    "below": "<",
    "in": "in",
}
Filter = Callable[[Mapping[str, Any]], dict[str, Any]]


def when_text(given: Mapping[str, Any], event_filter: Filter) -> Any:
    """A condition; ``event_filter`` writes a filter."""
    if not isinstance(given, Mapping):
        raise Unsupported(f"condition {given!r}")
    for word in ("all", "any"):
        if word in given:
            return {word: [when_text(part, event_filter) for part in given[word]]}
    if "not" in given:
        return {"not": when_text(given["not"], event_filter)}
    if "since" in given:
        return {"since": f"customer.{given['since']}", "at_least": given["at_least"]}
    if "attr" in given:
        return _attribute(given)
    if "no_event" in given:
        given = {"event" if name == "no_event" else name: value for name, value in given.items()} | {"at_most": 0}
    if set(given) - set(_COUNT_WORDS):
        raise Unsupported(f"condition {sorted(given)}")
    counted = event_filter({name: given[name] for name in ("event", "where") if name in given})
    bounds = {name: given[name] for name in ("at_least", "at_most", "within_last") if name in given}
    return {**counted, **({"at_least": 1} if not bounds.keys() & {"at_least", "at_most"} else {}), **bounds}


def course_text(course: Sequence[Mapping[str, Any]], event_filter: Filter) -> list[dict[str, Any]]:
    """The steps after a firing."""
    return [_step(step, event_filter) for step in course]


def _step(step: Mapping[str, Any], event_filter: Filter) -> dict[str, Any]:
    if "branch" in step:
        return {"branch": [_arm(arm, event_filter) for arm in step["branch"]]}
    if step.keys() & {"exit", "send", "set", "add_to", "remove_from"}:
        return dict(step)
    if "split" in step:
        return {"split": [{**share, "then": course_text(share["then"], event_filter)} for share in step["split"]]}
    exits = {"exit_on": [event_filter(one) for one in step["exit_on"]]} if "exit_on" in step else {}
    if "wait" in step:
        return {"wait": step["wait"], **exits}
    if "until" in step:
        asked: dict[str, Any] = {"if": when_text(step["until"], event_filter)}
    else:
        asked = event_filter({name: step[name] for name in ("event", "where") if name in step})
    written: dict[str, Any] = {"wait_until": asked, **exits}
    if "max" in step:
        written |= {"at_most": step["max"], "otherwise": step.get("at_max", "exit")}
    return written


def _arm(arm: Mapping[str, Any], event_filter: Filter) -> dict[str, Any]:
    then = course_text(arm["then"], event_filter)
    return {"if": when_text(arm["if"], event_filter), "then": then} if "if" in arm else {"else": then}


def _attribute(given: Mapping[str, Any]) -> str:
    place = f"customer[{json.dumps(given['attr'])}]"
    if _NAME.match(str(given["attr"])):
        place = f"customer.{given['attr']}"
    asked = {word: value for word, value in given.items() if word != "attr"}
    if not asked or asked.keys() - _OPERATORS.keys():
        raise Unsupported(f"condition {sorted(given)}")
    return " && ".join(f"{place} {_OPERATORS[word]} {json.dumps(value)}" for word, value in asked.items())
