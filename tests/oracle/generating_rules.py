"""Makes rules of every kind, with constants so near to each other that their deadlines meet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tests.oracle.choices import Choices

Rule = dict[str, Any]
SPANS = ("1s", "2s", "3s", "1.5s")
LONG_SPANS = ("1d", "1mo", "24h0.001s")
NAMES = ("A", "B", "C")
STOP, NOISE = "X", "N"


def a_rule(kind: str, choices: Choices) -> Rule:
    """A rule of a kind."""
    rule = {"kind": kind, **_KINDS[kind](choices)}
    if kind not in {"segment", "attribute_change"} and choices.rarely(3):
        rule["per"] = "sku"
    _common(rule, choices)
    return rule


def some_edits(rule: Mapping[str, Any], choices: Choices, up_to: int) -> list[Rule]:
    """What becomes of a rule: lines of a timeline, in their order."""
    edits: list[Rule] = []
    while len(edits) < up_to and (not edits or not choices.rarely(4)):
        if choices.rarely(4):
            edits += [{"control": "archive"}, {"control": "rule_change", "patch": {}}][: 2 - choices.rarely(4)]
            continue
        patch = a_patch(rule, choices)
        edit = {"control": "rule_change", "patch": patch}
        # What waits until something holds asks on what it asked when it began: another question comes too late.
        asks = "'until'" in repr((rule, patch)) and patch.keys() & {"course", "until"}
        migrate = choices.one(("finish", "finish", "move", "move", "cancel"))
        if migrate != "finish" and not (asks and migrate == "move"):
            edit["migrate"] = migrate
        edits.append(edit)
        if choices.rarely(3):
            # And back again.
            edits.append({**edit, "patch": {word: rule.get(word) for word in patch}})
    return edits


def a_patch(rule: Mapping[str, Any], choices: Choices) -> Rule:
    """An edit of a rule."""
    if rule["kind"] == "segment" and not choices.rarely(3):
        another_number = {**rule["when"], "at_least": choices.number(3) + 1}
        asks_a_number = "event" in rule["when"] and "at_most" not in rule["when"]
        return {"when": another_number if asks_a_number and choices.rarely(2) else a_when(choices, 1)}
    if "course" in rule and not choices.rarely(3):
        return {"course": _course(choices)}
    words = ("for", "guard_at_fire", "reentry", "max_lateness", "within", "unless", "sliding", "gap")
    word = choices.one(words)
    if word in {"for", "within", "sliding", "gap"} and word in rule and not rule.keys() & {"repeat", "at_latest"}:
        return {word: a_span(choices)}
    if word == "unless" and "unless" in rule:
        return {"unless": [{"event": choices.one(NAMES)}]}
    if word == "reentry" and "per" not in rule:
        return {"reentry": choices.one(("once", "always", {"cooldown": "2s"}))}
    if word == "max_lateness":
        return {"max_lateness": a_span(choices, months=False)}
    return {"guard_at_fire": choices.one(({"attr": "vip", "equals": True}, {"attr": "vip", "not_equals": True}))}


def a_span(choices: Choices, *, months: bool = True) -> str:
    """A length of time."""
    span = choices.one(LONG_SPANS if choices.rarely(12) else SPANS)
    return span if months else span.replace("1mo", "30d")


def _common(rule: Rule, choices: Choices) -> None:
    _an_option(rule, choices)
    if choices.rarely(3):
        _an_option(rule, choices)


def _an_option(rule: Rule, choices: Choices) -> None:
    match choices.number(12):
        case 1 | 2:
            rule["reentry"] = {"cooldown": a_span(choices)}
        case 3:
            rule["reentry"] = "once"
        case 4:
            rule["stop_after"] = a_filter(choices, (STOP, STOP, "C"))
        case 5:
            rule["guard_at_fire"] = choices.one(({"attr": "vip", "equals": True}, {"attr": "vip", "not_equals": True}))
        case 6:
            rule["guard_at_fire"] = a_count(choices)
        case 7:
            rule["max_event_age"] = a_span(choices, months=False)
        case 8:
            rule["max_lateness"] = a_span(choices, months=False)
        case 9 | 10:
            rule["course"] = _course(choices)
            if choices.rarely(3):
                rule["exit_on"] = [a_filter(choices, NAMES)]


def _course(choices: Choices) -> list[Rule]:
    course: list[Rule] = [{"send": "hello"}, _wait(choices), {"send": "second"}]
    if choices.rarely(2):
        course += [_wait(choices), {"send": "third"}]
    if choices.rarely(3):
        arms: list[Rule] = [{"if": a_when(choices, 1), "then": course[1:]}]
        if choices.rarely(2):
            arms.append({"then": [_wait(choices), {"send": "third"}]})
        course = [course[0], {"branch": arms}, *([{"send": "third"}] if choices.rarely(2) else [])]
    return course


def _wait(choices: Choices) -> Rule:
    wait: Rule
    match choices.number(6):
        case 4:
            wait = {"until": a_when(choices, 1), **_at_most(choices)}
        case 5:
            wait = {**a_filter(choices, NAMES, refers=True), **_at_most(choices)}
        case _:
            wait = {"wait": a_span(choices)}
    if choices.rarely(2):
        wait["exit_on"] = [a_filter(choices, NAMES, refers=True)]
    return wait


def _at_most(choices: Choices) -> Rule:
    return {"max": a_span(choices), "at_max": choices.one(("exit", "continue"))} if choices.rarely(2) else {}


def a_filter(choices: Choices, names: tuple[str, ...], *, refers: bool = False) -> Rule:
    """Events of a name, perhaps of a property."""
    one: Rule = {"event": choices.one(names)}
    match choices.number(6):
        case 4:
            one["where"] = [["price", choices.one((">", ">=", "<", "==", "!=")), choices.number(3) + 1]]
        case 5 if refers:
            one["where"] = [["price", choices.one((">", "==", "<=")), {"ref": "start.price"}]]
    return one


def a_count(choices: Choices) -> Rule:
    """How often something was done."""
    counted = a_filter(choices, NAMES)
    match choices.number(3):
        case 0:
            counted["at_least"] = choices.number(3) + 1
        case 1:
            counted["at_most"] = choices.number(3)
        case _:
            counted["at_least"] = 1
            counted["at_most"] = choices.number(2) + 1
    if not choices.rarely(4):
        counted["within_last"] = a_span(choices)
    return counted


def _match(choices: Choices) -> Rule:
    return {"match": a_filter(choices, NAMES)}


def _absence(choices: Choices) -> Rule:
    rule: Rule = {}
    if choices.rarely(4):
        rule["start_sequence"] = [a_filter(choices, ("A", "B")) for _ in range(choices.one((2, 2, 3)))]
        if not choices.rarely(3):
            rule["start_within"] = choices.one(SPANS)
        if choices.rarely(4):
            rule["not_between"] = [{"after_step": 0, **a_filter(choices, (NOISE, "C"))}]
        if choices.rarely(4):
            rule["start_sequence"][1]["where"] = [["price", choices.one((">", "<")), {"ref": "0.price"}]]
    else:
        rule["start"] = a_filter(choices, ("A", "B"))
    names = ("B", "C", "C", "A")
    rule["unless"] = [a_filter(choices, names, refers=True) for _ in range(choices.one((1, 1, 0, 2)))]
    if choices.rarely(5):
        rule["for_prop"] = "wait_s"
    else:
        rule["for"] = a_span(choices)
    restart = choices.one((None, None, "keep", "parallel"))
    if restart is not None:
        rule["on_restart"] = restart
    elif rule.get("for") in SPANS and choices.rarely(3):
        rule["at_latest"] = choices.one(("4s", "3.5s", "5s"))
    if "at_latest" not in rule and choices.rarely(6):
        within = ({"within": "4s"}, {"within": "5s"}) if rule.get("for", "1s") in SPANS else ()
        rule["repeat"] = choices.one(({"at_most": 2}, {"at_most": 3}, *within))
        if choices.rarely(3):
            rule |= {"reentry": "once", "guard_at_fire": {"attr": "vip", "equals": True}}
    return rule


def _sequence(choices: Choices) -> Rule:
    steps: list[Rule] = []
    for number in range(choices.one((2, 2, 3))):
        step = a_filter(choices, NAMES)
        if choices.rarely(5):
            step["times"] = 2
        if number and choices.rarely(5):
            step["where"] = [["price", choices.one((">", ">=", "<")), {"ref": f"{choices.number(number)}.price"}]]
        steps.append(step)
    rule: Rule = {"steps": steps}
    if not choices.rarely(4):
        rule["within"] = a_span(choices)
    if choices.rarely(4):
        after = choices.number(len(steps) - 1)
        rule["not_between"] = [{"after_step": after, **a_filter(choices, (NOISE, "C", "A"))}]
    if choices.rarely(4):
        rule["overlap"] = choices.one(("repeat_last", "all_repeat_last", "all", "first_only"))
    return rule


def _threshold(kind: str) -> Callable[[Choices], Rule]:
    def threshold(choices: Choices) -> Rule:
        rule: Rule = {"of": a_filter(choices, NAMES), "at_least": choices.number(3) + (2 if kind == "count" else 1)}
        if kind != "count":
            rule["prop"] = "sku" if kind == "distinct" and choices.rarely(2) else "price"
        match choices.number(4):
            case 0 | 1:
                rule["sliding"] = a_span(choices)
            case 2:
                rule["tumbling"] = choices.one(("1s", "2s", "1mo", "1d"))
        if choices.rarely(3):
            rule["fire"] = choices.one(("consume", "consume", "every"))
        return rule

    return threshold


def _segment(choices: Choices) -> Rule:
    return {"edge": choices.one(("enter", "exit")), "when": a_when(choices, 2)}


def a_when(choices: Choices, depth: int) -> Rule:
    """Something that may hold of a customer."""
    match choices.number(8 if depth else 5):
        case 0:
            return {"attr": "spend", "at_least": choices.number(3) + 1}
        case 1 | 2 | 3:
            return a_count(choices)
        case 4:
            return {"attr": "vip", "equals": True}
        case 5:
            return {"all": [a_when(choices, depth - 1), a_when(choices, depth - 1)]}
        case 6:
            return {"any": [a_when(choices, depth - 1), a_when(choices, depth - 1)]}
        case _:
            return {"not": a_when(choices, depth - 1)}


def _wait_until(choices: Choices) -> Rule:
    until = a_filter(choices, ("C", "B")) if choices.rarely(3) else a_when(choices, 1)
    return {"start": a_filter(choices, ("A", "B")), "until": until, **_at_most(choices)}


def _attribute_change(choices: Choices) -> Rule:
    rule: Rule = {"attr": choices.one(("spend", "vip"))}
    values = (1, 2, 3) if rule["attr"] == "spend" else (True, False)
    for word in ("from", "to"):
        if choices.rarely(3):
            rule[word] = choices.one(values)
    return rule


_KINDS: Mapping[str, Callable[[Choices], Rule]] = {
    "match": _match,
    "absence": _absence,
    "sequence": _sequence,
    **{kind: _threshold(kind) for kind in ("count", "sum", "average", "distinct")},
    "nth": lambda choices: {"of": a_filter(choices, NAMES), "ordinal": choices.number(3) + 1},
    "quiet_then": lambda choices: {
        "quiet_of": a_filter(choices, NAMES),
        "for": a_span(choices),
        "then": a_filter(choices, NAMES),
    },
    "recency": lambda choices: {"of": a_filter(choices, NAMES), "for": a_span(choices)},
    "session_end": lambda choices: {"of": a_filter(choices, NAMES), "gap": a_span(choices)},
    "delay": lambda choices: {"start": a_filter(choices, NAMES), "for": a_span(choices)},
    "wait_until": _wait_until,
    "segment": _segment,
    "attribute_change": _attribute_change,
}
EDITED_KINDS = ("absence", "segment", "delay", "recency", "match", "count", "nth", "quiet_then", "sequence")
TRIGGER_KINDS = (*_KINDS, "edited")
EVENT_TIME_KINDS = tuple(kind for kind in _KINDS if kind not in {"segment", "attribute_change", "wait_until"})
