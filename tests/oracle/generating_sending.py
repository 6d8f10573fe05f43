"""Makes examples of several campaigns that want to write to the same people, and of rules about emails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.oracle.choices import Choices
from tests.oracle.generating import DAY_MS, Example
from tests.oracle.local import at_time, wall, zone
from tests.oracle.neutral import EPOCH, later

Rule = dict[str, Any]
HOUR_MS = 3_600_000
BEGINNINGS = ("2024-02-28", "2024-03-30", "2024-10-26", "2024-11-02")
"""The last of these are before days on which clocks change, in Berlin and in New York."""
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Tokyo")
TIMES = ("22:00", "08:00", "02:30", "00:00", "9:15", "01:30")
SPANS = ("1h", "2h", "1h30m", "1d")
DAYS = (["mon", "tue"], ["wed"], ["sat", "sun"], ["thu", "fri", "mon"])
NAMES = ("A", "B", "C")
PEOPLE = ("c1", "c1", "c1", "c2", "c3")


def sending_examples(choices: Choices, histories: int) -> list[Example]:
    """Some campaigns and a policy, with several histories."""
    t0 = (datetime.fromisoformat(choices.one(BEGINNINGS)).replace(tzinfo=UTC) - EPOCH) // timedelta(milliseconds=1)
    t0 += choices.one((12, 20, 0)) * HOUR_MS
    rules = [_rule(choices) for _ in range(choices.one((1, 2, 3, 2)))]
    if len(rules) > 1 and choices.rarely(4):
        rules[1] = {"kind": "attribute_change", "attr": "tier", "send": rules[1]["send"]}
    policy = _policy(choices) if not choices.rarely(4) else None
    if policy is not None and choices.rarely(3):
        # All of them want to be first.
        policy["priority_window"] = choices.one(("1h", "2h"))
        for rule in rules:
            rule["send"] = {"priority": choices.number(3) + 1}
    return [_example(rules, policy, t0, choices) for _ in range(histories)]


def course_examples(choices: Choices, histories: int) -> list[Example]:
    """One campaign of many steps, perhaps with one beside it that looks at what these tell of the customer."""
    t0 = (datetime.fromisoformat(choices.one(BEGINNINGS)).replace(tzinfo=UTC) - EPOCH) // timedelta(milliseconds=1)
    t0 += choices.one((6, 12, 20)) * HOUR_MS
    told = choices.one((("tier", "gold"), ("tier", 2), ("list.buyers", True)))
    rules: list[Rule] = [{**_trigger(choices), "course": _long_course(choices, told, 2)}]
    if choices.rarely(3):
        rules[0]["per"] = "sku"
    if choices.rarely(4):
        rules[0]["send"] = {"category": "transactional", "no_address": {"wait": "2h"}}
    if choices.rarely(6) and "'until'" not in repr(rules):
        rules[0] |= {"clock": "event", "grace": "1h"}
    watching: Rule = {"kind": "segment", "edge": choices.one(("enter", "exit")), "when": _told(told)}
    if choices.rarely(2):
        watching = {"kind": "attribute_change", "attr": told[0]}
    if not choices.rarely(3):
        rules.append(watching)
    return [_example(rules, None, t0, choices) for _ in range(histories)]


def _told(told: tuple[str, Any]) -> Rule:
    return {"attr": told[0], "equals": told[1]}


def _trigger(choices: Choices) -> Rule:
    name = choices.one(NAMES)
    match choices.number(6):
        case 3:
            return {"kind": "absence", "start": {"event": name}, "unless": [], "for": choices.one(SPANS)}
        case 4:
            return {"kind": "recency", "of": {"event": name}, "for": choices.one(SPANS)}
        case 5:
            return {"kind": "count", "of": {"event": name}, "at_least": 2, "fire": "consume"}
    return {"kind": "match", "match": {"event": name}}


def _wait(choices: Choices) -> Rule:
    match choices.number(6):
        case 0 | 1:
            wait: Any = choices.one(SPANS)
        case 2:
            wait = {"until": choices.one(TIMES)}
        case 3:
            wait = {"until": choices.one(TIMES), "weekday": choices.one(DAYS)}
        case 4:
            wait = {"weekday": choices.one(DAYS)}
        case _:
            wait = {"for": choices.one(SPANS), "until": choices.one(TIMES)}
    if isinstance(wait, dict) and choices.rarely(3):
        wait["zone"] = choices.one(ZONES)
    step: Rule = {"wait": wait}
    if choices.rarely(5):
        step["exit_on"] = [{"event": choices.one(NAMES)}]
    return step


def _long_course(choices: Choices, told: tuple[str, Any], depth: int) -> list[Rule]:
    course: list[Rule] = []
    for number in range(2 + choices.number(3)):
        match choices.number(9 if depth else 6):
            case 0 | 1:
                course.append(_wait(choices))
            case 2:
                course.append(_tells(told, choices))
            case 3:
                until: Rule = {"until": choices.one((_told(told), {"not": _told(told)}))}
                course.append({**until, "max": choices.one(SPANS), "at_max": choices.one(("continue", "exit"))})
            case 6:
                course.append({"split": _split(choices, told, depth - 1)})
            case 7:
                arm = {"if": _told(told), "then": _long_course(choices, told, depth - 1)}
                course.append({"branch": [arm, *([{"then": [{"send": "third"}]}] if choices.rarely(2) else [])]})
            case 8 if number:
                course.append({"exit": "enough"})
                break
            case _:
                course.append({"send": choices.one(("hello", "second", "third"))})
    if not any("send" in step for step in course):
        course.insert(0, {"send": "hello"})
    return course


def _tells(told: tuple[str, Any], choices: Choices) -> Rule:
    name, value = told
    if name.startswith("list."):
        return {choices.one(("add_to", "remove_from")): name.removeprefix("list.")}
    return {"set": {name: choices.one((value, None, "silver"))}}


def _split(choices: Choices, told: tuple[str, Any], depth: int) -> list[Rule]:
    names = choices.one((("a", "b"), ("short", "long"), ("x", "y", "z")))
    shares = choices.one(((50, 50), (1, 99), (90, 10))) if len(names) == 2 else (33, 33, 34)
    return [
        {"share": share, "name": name, "then": _long_course(choices, told, depth)}
        for share, name in zip(shares, names, strict=True)
    ]


# -------------------------------------------------------------------- rules about emails
def _rule(choices: Choices) -> Rule:
    rule: Rule = {**_trigger(choices)}
    if choices.rarely(2):
        rule["course"] = [{"send": "hello"}, _wait(choices), {"send": "second"}]
        if choices.rarely(4):
            rule["course"].insert(choices.number(3), {"set": {"tier": "gold"}})
    send: Rule = {}
    if choices.rarely(5):
        send["category"] = "transactional"
    else:
        if choices.rarely(2):
            send["priority"] = choices.number(3) + 1
        if choices.rarely(3):
            send["cap"] = {"at_most": choices.number(2) + 1, "per": choices.one(SPANS)}
        if choices.rarely(4):
            send["quiet_hours"] = _quiet(choices)
        if choices.rarely(8):
            rule["holdout"] = choices.one((50, 10, 90))
    if choices.rarely(3):
        send["no_address"] = choices.one(("skip", {"wait": "2h"}, {"wait": "1d"}))
    rule["send"] = send
    match choices.number(8):
        case 4 | 5:
            rule["goal"] = {"event": choices.one(("G", "G", "C")), "within": choices.one(SPANS)}
        case 6:
            rule["exit_on"] = [{"event": choices.one(NAMES)}]
        case 7:
            rule["max_lateness"] = choices.one(SPANS)
    if choices.rarely(5):
        rule["per"] = "sku"
    if choices.rarely(6):
        rule["reentry"] = choices.one(("once", {"cooldown": "2h"}))
    return rule


def _quiet(choices: Choices) -> Rule:
    begin = choices.one(TIMES)
    end = choices.one([time for time in ("08:00", "02:30", "20:00", "12:00") if time != begin])
    quiet: Rule = {"from": begin, "to": end}
    if choices.rarely(3):
        quiet["zone"] = choices.one(ZONES)
    if choices.rarely(3):
        quiet["then"] = choices.one(("skip", "defer"))
    return quiet


def _policy(choices: Choices) -> Rule:
    policy: Rule = {"time_zone": choices.one(ZONES)}
    if choices.rarely(2):
        policy["priority_window"] = choices.one(("1h", "2h"))
    if choices.rarely(2):
        policy["quiet_hours"] = _quiet(choices)
    caps = {}
    for name in ("marketing", "all"):
        if choices.rarely(3):
            caps[name] = {"at_most": choices.number(3) + 1, "per": choices.one(SPANS)}
    if caps:
        policy["caps"] = caps
    if choices.rarely(6):
        policy["holdout"] = choices.one((50, 10))
    return policy


# -------------------------------------------------------------------- histories
def _example(rules: Sequence[Rule], policy: Rule | None, t0: int, choices: Choices) -> Example:
    at, lines = t0, list[Rule]()
    in_event_time = any("clock" in rule for rule in rules)
    partitions = 1 if choices.rarely(4) and not in_event_time else 0
    people, coming = list(PEOPLE), _edits(rules, choices)
    if partitions:
        people.insert(1, "anon-1")
    for who in ("c1", "c2", "c3"):
        attrs: Rule = {"consent": not choices.rarely(8)}
        if choices.rarely(2):
            attrs["time_zone"] = choices.one(ZONES)
        address = {"address": False} if choices.rarely(4) else {}
        lines.append({"at": "0ms", "control": "set", "who": who, "id": f"of {who}", "attrs": attrs, **address})
    for number in range(3 + choices.number(9)):
        at = max(at + partitions, _next_instant(at, t0, lines, (rules, policy), choices))
        line: Rule = {"at": f"{at - t0}ms", "id": f"e{number}"}
        match choices.number(16 + partitions):
            case 14 if coming:
                line = {"at": line["at"], **coming.pop(0)}
            case 15 if in_event_time:
                line |= {"who": "c1", "event": choices.one(NAMES), "props": {}}
                line["happened_at"] = f"{at - t0 - choices.one((HOUR_MS, HOUR_MS - 1, HOUR_MS // 2))}ms"
            case 16 if "anon-1" in people:
                people.remove("anon-1")
                line = {"at": line["at"], "control": "merge", "from": "anon-1", "into": "c1"}
            case 9:
                told = choices.one(
                    ({"consent": not choices.rarely(4)}, {"time_zone": choices.one(ZONES)}, {"tier": "gold"})
                )
                line |= {"who": choices.one(people), "control": "set", "attrs": told}
            case 10:
                line = {"at": line["at"], "control": "tick"}
            case 11:
                campaign = choices.one(_names(rules))
                line = {"at": line["at"], "control": choices.one(("pause", "resume")), "campaign": campaign}
            case 12 if policy is not None:
                line |= {"who": choices.one(people), "event": "G", "props": {}}
            case _:
                line |= {"who": choices.one(people), "event": choices.one((*NAMES, "A", "G")), "props": _props(choices)}
        if "who" in line and (choices.rarely(3) or line["who"] == "anon-1"):
            line["address"] = False
        lines.append(line)
    if choices.rarely(2):
        lines.append({"at": f"{at - t0 + 8 * DAY_MS}ms", "control": "tick"})
    beside = dict(zip(_names(rules)[1:], rules[1:], strict=True))
    return Example(
        rule=rules[0],
        timeline=lines,
        t0=t0,
        beside=beside,
        policy=policy,
        reasons=True,
        batched=choices.rarely(3) and not partitions and not in_event_time,
        partitions=partitions,
        restored=choices.number(8) // 7,
    )


def _edits(rules: Sequence[Rule], choices: Choices) -> list[Rule]:
    """What becomes of some of the campaigns."""
    number = choices.number(len(rules))
    campaign, course = _names(rules)[number], rules[number].get("course", [{"send": "hello"}])
    if "'until'" in repr(course) or "clock" in rules[number]:
        return []
    longer = [*course[:1], _wait(choices), {"send": "third"}, *course[1:]]
    patch = choices.one(({"course": longer}, {"course": [{"send": "hello"}, {"send": "third"}]}, {"goal": None}, {}))
    migrate = choices.one(("move", "finish", "cancel"))
    edits: list[Rule] = [{"control": "rule_change", "patch": patch, "migrate": migrate, "campaign": campaign}]
    return [{"control": "archive", "campaign": campaign}, *edits] if choices.rarely(3) else edits


def _names(rules: Sequence[Rule]) -> Sequence[str]:
    return ("case", "before", "later")[: len(rules)]


def _props(choices: Choices) -> Rule:
    sku = choices.one(("a", "a", "b", None))
    return {} if sku is None else {"sku": sku}


def _next_instant(
    at: int,
    t0: int,
    lines: Sequence[Mapping[str, Any]],
    said: tuple[Sequence[Rule], Rule | None],
    choices: Choices,
) -> int:
    """Where something meets the end of a time of the rules, or an hour that they name; to the millisecond."""
    match choices.number(6):
        case 0:
            return at
        case 1:
            return at + choices.one((HOUR_MS // 2, HOUR_MS, 1))
        case 2 | 3:
            times = [time for time in TIMES if time in repr(said)] or ["00:00"]
            there = zone(choices.one(ZONES))
            assert there is not None
            day = wall(at, there).date()
            coming = [at_time(day + timedelta(days=days), choices.one(times), there) for days in (0, 1, 2)]
            return min((one for one in coming if one > at), default=at) + choices.one((0, -1, 1))
        case _:
            earlier = t0 + int(choices.one(lines[-4:])["at"].removesuffix("ms"))
            return later(earlier, choices.one(SPANS)) + choices.one((0, -1, 1))
