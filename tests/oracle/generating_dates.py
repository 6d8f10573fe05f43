"""Makes examples of campaigns on dates: around the days, hours and changes of clocks that matter to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from tests.oracle.choices import Choices
from tests.oracle.generating import DAY_MS, Example
from tests.oracle.local import dates
from tests.oracle.neutral import EPOCH

Rule = dict[str, Any]
BEGINNINGS = ("2024-02-26", "2023-02-26", "2024-03-29", "2024-10-25", "2024-11-01", "2023-12-29")
"""Shortly before the 29th of February, a year without one, clocks that change, and a new year."""
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Tokyo")
TIMES = ("09:00", "00:00", "02:30", "23:59", "01:30")
STEPS: Sequence[Mapping[str, Any]] = ({"send": "hello"}, {"wait": "1d"}, {"send": "second"})


def date_examples(choices: Choices, histories: int) -> list[Example]:
    """One rule with several histories."""
    t0 = (datetime.fromisoformat(choices.one(BEGINNINGS)).replace(tzinfo=UTC) - EPOCH) // timedelta(milliseconds=1)
    t0 += choices.one((0, 9, 23)) * DAY_MS // 24
    rule: Rule = {"kind": "date", "attr": "day", **_words(choices)}
    match choices.number(8):
        case 5:
            rule["reentry"] = choices.one(("once", {"cooldown": "365d"}, {"cooldown": "1d"}))
        case 6:
            rule["course"] = list(STEPS)
        case 7:
            rule["guard_at_fire"] = {"attr": "vip", "equals": True}
    return [_example(rule, t0, choices) for _ in range(histories)]


def _words(choices: Choices) -> Rule:
    words: Rule = {}
    if choices.rarely(2):
        words["offset"] = choices.one(("-1d", "1d", "-7d", "366d", "-366d"))
    if choices.rarely(2):
        words["at"] = choices.one(TIMES)
    if choices.rarely(2):
        words["zone"] = choices.one(ZONES)
    if not choices.rarely(3):
        words["repeat"] = "yearly"
    return words


def _told(t0: int, rule: Mapping[str, Any], choices: Choices) -> Rule:
    there = EPOCH + timedelta(milliseconds=t0)
    offset = timedelta(days=int(rule.get("offset", "0d").removesuffix("d")))
    near = there.date() - offset + timedelta(days=choices.one((1, 0, 2, 3, 4, -1, 5)))
    match choices.number(12):
        case 6:
            return {"time_zone": choices.one(ZONES)}
        case 7:
            return {"time_zone": choices.one((None, "Mars/Olympus"))}
        case 8:
            return {"day": choices.one((None, "soon", True))}
        case 9:
            return {"day": f"{near}T{choices.one(('15:00:00Z', '23:30:00-05:00', '00:10:00+09:00'))}"}
        case 10:
            return {
                "day": (datetime(near.year, near.month, near.day, 1, tzinfo=UTC) - EPOCH) // timedelta(milliseconds=1)
            }
        case 11:
            return {"vip": choices.rarely(2)}
    year = choices.one((near.year, near.year - 1, 1992, near.year + 1))
    try:
        return {"day": str(near.replace(year=year))}
    except ValueError:
        return {"day": str(date(1992, 2, 29))}


def _example(rule: Rule, t0: int, choices: Choices) -> Example:
    lines: list[Rule] = []
    at, known, now_rule, archived = t0, dict[str, Rule](), rule, False
    partitions = 1 if choices.rarely(4) else 0
    people = ["c1", *["anon-1"] * partitions, "c1", "c2"]
    for _ in range(2 + choices.number(7)):
        who = choices.one(people)
        at = max(at + partitions, _next_instant(at, now_rule, known.setdefault(who, {}), choices))
        # Visitors are forgotten after a month.
        at = min(at, t0 + 20 * DAY_MS + len(lines)) if partitions else at
        line: Rule = {"at": f"{at - t0}ms"}
        match choices.number(10 + partitions):
            case 10 if "anon-1" in people:
                people.remove("anon-1")
                line |= {"control": "merge", "from": "anon-1", "into": "c1"}
                known["c1"] = {**known.pop("anon-1", {}), **known.get("c1", {})}
            case 7 if lines and choices.rarely(3):
                line |= {"control": "policy", "policy": {"time_zone": choices.one(ZONES)}}
            case 6 if lines:
                line |= {"control": choices.one(("pause", "resume", "archive"))}
                archived = archived or line["control"] == "archive"
            case 7 if lines or archived:
                patch = choices.one((_words(choices), {"reentry": "once"}, {}))
                line |= {"control": "rule_change", "patch": patch}
                now_rule = {**now_rule, **patch}
            case 8 | 9:
                line |= {"control": "tick"}
            case _:
                attrs = _told(at, now_rule, choices)
                known[who] |= attrs
                line |= {"who": who, "id": f"e{len(lines)}", "control": "set", "attrs": attrs}
        lines.append(line)
    end = (
        at + 3 * DAY_MS
        if partitions
        else max(at + 3 * DAY_MS, max((_instants(at, now_rule, one)[-1] for one in known.values()), default=at))
    )
    if choices.rarely(3) and not partitions:
        end += 800 * DAY_MS
    lines.append({"at": f"{end - t0}ms", "control": "tick"})
    batched = choices.rarely(4) and not partitions
    # A date that is told at its very instant comes behind the events of its entry.
    late = batched or (choices.rarely(2) and not partitions)
    return Example(
        rule=rule,
        timeline=lines,
        t0=t0,
        batched=batched,
        restored=choices.number(8) // 7,
        late_looks=late,
        partitions=partitions,
    )


def _instants(at: int, rule: Mapping[str, Any], known: Mapping[str, Any]) -> list[int]:
    year = (EPOCH + timedelta(milliseconds=at)).year
    coming = dates(rule, {name: value for name, value in known.items() if value is not None}, {}, (year - 1, year + 3))
    return sorted(one for one, _ in coming if one >= at)[:2] or [at]


def _next_instant(at: int, rule: Mapping[str, Any], known: Mapping[str, Any], choices: Choices) -> int:
    match choices.number(7):
        case 0:
            return at
        case 1:
            return at + choices.one((1, 7, 24)) * DAY_MS // 24
        case 2:
            return at + choices.one((1, 500))
        case _:
            return choices.one(_instants(at, rule, known)) + choices.one((0, -1, 1, -1))
