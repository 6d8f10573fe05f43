"""Makes examples: a rule, and a timeline whose instants are those at which the rule's constants matter."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.oracle.choices import Choices
from tests.oracle.generating_rules import EDITED_KINDS, EVENT_TIME_KINDS, NAMES, NOISE, a_rule, some_edits
from tests.oracle.neutral import length

T0_MS = 1_700_000_000_000
"""A Tuesday in November; not a multiple of anything."""
DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One campaign and one history.

    Attributes:
        batched: Events of one instant come in one entry. restored: a new shard after every so many entries; 0: never.
        partitions: Of which customers live in several, 0: there is one, and nobody is merged or deleted.
        beside: Further campaigns, by name. policy: about emails. reasons: emails decided against are compared, too.
        late_looks: Customers who were known before a put are looked at only when something else happens.
    """

    rule: Mapping[str, Any]
    timeline: Sequence[Mapping[str, Any]]
    batched: bool = False
    restored: int = 0
    partitions: int = 0
    t0: int = T0_MS
    beside: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    policy: Mapping[str, Any] | None = None
    reasons: bool = False
    late_looks: bool = False


class People:
    """Who there is; visitors become customers, and some are deleted.

    Attributes:
        names: Those whom events may still come from.
    """

    def __init__(self, choices: Choices, *, mixed: bool) -> None:
        self._choices = choices
        self._visitors = ["anon-1", "anon-2"] if mixed else []
        self.names = ["c1", *self._visitors, "c1", "c1", "c2"] if mixed else ["c1", "c1", "c1", "c2"]

    def one(self) -> str:
        """Somebody."""
        return self._choices.one(self.names)

    def change(self) -> dict[str, Any] | None:
        """Two become one, or somebody is deleted and is somebody new from then on."""
        if self._visitors and not self._choices.rarely(4):
            visitor = self._visitors.pop(0)
            return {"control": "merge", "from": visitor, "into": "c1"}
        gone = self._choices.one(("c1", "c2"))
        if gone == "c1":
            self.names = [name for name in self.names if name in ("c1", "c2", *self._visitors)]
        return {"control": "delete", "who": gone}


def rule_examples(kind: str, choices: Choices, histories: int) -> list[Example]:
    """One rule of a kind of trigger, perhaps with edits, and several histories."""
    often = kind == "edited"
    rule = a_rule(choices.one(EDITED_KINDS) if often else kind, choices)
    edits = []
    if often or choices.rarely(3):
        edits = some_edits(rule, choices, 4 if often else 1)
    if rule["kind"] in EVENT_TIME_KINDS and _is_settled(rule, edits) and choices.rarely(6):
        rule |= {"clock": "event", "grace": choices.one(("1s", "2s", "3s"))}
    return [_example(rule, edits, choices) for _ in range(histories)]


def _is_settled(rule: Mapping[str, Any], edits: Sequence[Mapping[str, Any]]) -> bool:
    """Whether it is said what becomes of it in event time.

    Not so of what a wait looks at, of what is quiet since an edit that lies between an event and its watermark, and of
    those who wait when another version is put meanwhile.
    """
    plain = all(edit.get("migrate", "finish") == "finish" and edit["control"] == "rule_change" for edit in edits)
    return "'until'" not in repr((rule, edits)) and plain and (rule["kind"] != "quiet_then" or not edits)


def _example(rule: Mapping[str, Any], edits: Sequence[Mapping[str, Any]], choices: Choices) -> Example:
    spans = _spans(rule, edits)
    names = _names(rule) * 2 + (NOISE,)
    attrs = _words_of(rule, "attr")
    in_event_time = rule.get("clock") == "event"
    # Visitors are forgotten after a month.
    mixed = not in_event_time and max(map(length, spans)) <= 2 * DAY_MS
    partitions = choices.one((0, 0, 0, 0, 1, 3)) if mixed else 0
    people = People(choices, mixed=partitions > 0)
    lines: list[dict[str, Any]] = []
    at = length(choices.one(("0s", "0s", "1s")))
    coming = list(edits)
    for _ in range(3 + choices.number(10)):
        # What happens at one instant in two partitions has no order, so there merges meet no ties.
        at = max(_next_instant(lines, at, spans, choices), at + (1 if partitions else 0))
        line: dict[str, Any] = {"at": f"{at}ms"}
        which = choices.number(29 if partitions else 24)
        if coming and lines and which not in (0, 1) and choices.rarely(4):
            which = 22
        match which:
            case 24 | 25 | 26 | 27 | 28 if (line_of := people.change()) is not None:
                line |= line_of
            case 23:
                line |= {"control": "tick"}
            case 22 | 20 if coming and lines:
                line |= coming.pop(0)
            case 21:
                line |= {"control": choices.one(("pause", "resume"))}
            case 20 if lines and not in_event_time and not partitions:
                line["at"] = f"{max(0, at - 700)}ms"
                line |= _event(names, len(lines), attrs, choices)
            case 19 | 18 if lines:
                line |= _again(choices.one(lines[-3:]), people, choices)
            case 17 | 16:
                line |= _event(names, len(lines), attrs, choices)
                late = length(choices.one(spans)) + choices.one((0, -1, 1))
                line["happened_at"] = f"{at - late}ms"
            case 15 | 14 if attrs or "guard_at_fire" in repr(edits):
                line |= {"control": "set", "attrs": _attrs(choices)}
            case _:
                line |= _event(names, len(lines), attrs, choices)
        if "control" not in line or line["control"] == "set":
            line.setdefault("who", people.one())
            line.setdefault("id", f"e{len(lines)}")
        lines.append(line)
    lines += _ends(at, spans, choices)
    mode = choices.number(8)
    batched = mode in (1, 2, 3) and not in_event_time and not partitions
    # Whoever is looked at late may be too late for what time alone brought about.
    bounded = "max_lateness" in repr((rule, edits))
    late = choices.rarely(2) and rule["kind"] == "segment" and not bounded
    return Example(
        rule=rule, timeline=lines, batched=batched, restored=mode // 7, partitions=partitions, late_looks=late
    )


def _next_instant(lines: Sequence[Mapping[str, Any]], at: int, spans: Sequence[str], choices: Choices) -> int:
    """Mostly where something meets a deadline of an earlier line, to the millisecond."""
    match choices.number(8):
        case 0 | 1:
            return at
        case 2:
            return at + 1
        case 3:
            return at + length(choices.one(spans)) // 2
        case _ if lines:
            earlier = length(choices.one(lines[-4:])["at"])
            return max(at, earlier + length(choices.one(spans)) + choices.one((0, 0, -1, 1)))
        case _:
            return at + 500


def _ends(at: int, spans: Sequence[str], choices: Choices) -> list[dict[str, Any]]:
    longest = max(map(length, spans))
    match choices.number(3):
        case 0:
            ends = [at + 4 * longest + 100_000]
        case 1:
            ends = [at + longest // 2, at + longest, at + 4 * longest]
        case _:
            ends = []
    return [{"at": f"{end}ms", "control": "tick"} for end in ends]


def _event(names: Sequence[str], place: int, attrs: bool, choices: Choices) -> dict[str, Any]:
    props: dict[str, Any] = {}
    price = choices.number(6)
    if price < 5:
        props["price"] = price
    sku = choices.one(("a", "a", "b", None))
    if sku is not None:
        props["sku"] = sku
    name = names[place % len(names)] if choices.rarely(2) else choices.one(names)
    line: dict[str, Any] = {"event": name, "props": props}
    wait_s = choices.one((1, 1, 2, 0.5, 0, "1", 1.5))
    if wait_s is not None:
        props["wait_s"] = wait_s
    if attrs and choices.rarely(6):
        line["attrs"] = _attrs(choices)
    return line


def _attrs(choices: Choices) -> dict[str, Any]:
    return choices.one(({"spend": choices.number(4)}, {"vip": choices.rarely(2)}))


def _again(line: Mapping[str, Any], people: People, choices: Choices) -> dict[str, Any]:
    if "id" not in line or line["who"] not in people.names:
        return {"control": "tick"}
    again = {name: value for name, value in line.items() if name not in ("at", "happened_at")}
    if choices.rarely(3):
        del again["id"]
    return again


def _spans(*rules: Any) -> tuple[str, ...]:
    """The lengths of time that a rule speaks of."""
    found = dict.fromkeys(re.findall(r"'((?:[0-9.]+(?:ms|mo|[dhms]))+)'", repr(rules)))
    return tuple(found) or ("1s",)


def _names(rule: Mapping[str, Any]) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(re.findall(r"'event': '(\w)'", repr(rule))))
    return found or NAMES


def _words_of(rule: Mapping[str, Any], word: str) -> bool:
    return f"'{word}'" in repr(rule)
