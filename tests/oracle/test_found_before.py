"""Examples on which oracle and domain once differed, by hand of what Hypothesis made of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.oracle.comparing import compare
from tests.oracle.generating import Example
from tests.oracle.production import played

STEPS = [{"send": "hello"}, {"wait": "1s"}, {"send": "second"}, {"wait": "1s"}, {"send": "third"}]
NO_A = {"not": {"event": "A", "at_least": 1, "within_last": "2s"}}
ONE_OR_THE_OTHER = [
    {"share": 50, "name": "a", "then": [{"send": "hello"}]},
    {"share": 50, "name": "b", "then": [{"send": "second"}]},
]
GOLD = {"set": {"tier": "gold"}}
"""A step that tells of the customer, and a campaign beside it that looks at that."""
BESIDE = {"later": {"kind": "attribute_change", "attr": "tier"}}
BIRTHDAY = {"kind": "date", "attr": "birthday", "zone": "UTC", "repeat": "yearly"}
Line = Mapping[str, Any]


def a(at: str, who: str = "c1", event: str = "A", **more: Any) -> Line:
    return {"at": at, "event": event, "who": who, "id": f"{event} at {at} of {who}", **more}


def put(instant: str, **patch: Any) -> Line:
    return {"at": instant, "control": "rule_change", "patch": patch}


def archive(at: str) -> Line:
    return {"at": at, "control": "archive"}


def tick(at: str) -> Line:
    return {"at": at, "control": "tick"}


def joins(at: str, visitor: str = "anon-1") -> Line:
    return {"at": at, "control": "merge", "from": visitor, "into": "c1"}


def an_example(rule: Mapping[str, Any], *lines: Line, partitions: int = 0, **more: Any) -> Example:
    return Example(rule=rule, timeline=lines, partitions=partitions, **more)


FOUND: Mapping[str, tuple[Example, int]] = {
    "a repetition and a step that are due at one instant": (
        an_example(
            {
                "kind": "absence",
                "start": {"event": "A"},
                "unless": [],
                "for": "1s",
                "repeat": {"at_most": 12},
                "course": STEPS,
            },
            a("0ms"),
            tick("1h"),
            partitions=1,
        ),
        36,
    ),
    "an edit between what two customers did and their merge": (
        an_example(
            {"kind": "nth", "of": {"event": "A"}, "ordinal": 1},
            a("1ms"),
            a("2ms", "anon-1"),
            put("3ms", max_event_age="2h"),
            {"at": "4ms", "control": "merge", "from": "anon-1", "into": "c1"},
            a("5ms"),
            partitions=1,
        ),
        1,
    ),
    "a count that was archived, and begins with nothing when it is put again": (
        an_example(
            {"kind": "count", "of": {"event": "A"}, "at_least": 2},
            a("0ms"),
            archive("1s"),
            put("2s"),
            a("3s"),
            a("4s"),
        ),
        1,
    ),
    "a trigger that was another meanwhile, and begins with nothing when it is back": (
        an_example(
            {"kind": "count", "of": {"event": "A"}, "at_least": 2},
            a("0ms"),
            put("1s", of={"event": "B"}),
            put("2s", of={"event": "A"}),
            a("3s"),
            a("4s"),
        ),
        1,
    ),
    "quiet since the first put, though a version was put again": (
        an_example(
            {"kind": "quiet_then", "quiet_of": {"event": "B"}, "for": "3s", "then": {"event": "A"}},
            a("0ms", event="C"),
            put("1s", reentry="once"),
            put("2s", reentry=None),
            a("3s"),
        ),
        1,
    ),
    "a segment that was archived while a customer came to be in it": (
        an_example(
            {"kind": "segment", "edge": "enter", "when": NO_A},
            a("0ms"),
            archive("1s"),
            put("3s"),
            a("4s", event="C", attrs={"spend": 1}),
        ),
        0,
    ),
    "a birthday that came while its campaign was archived": (
        an_example(
            BIRTHDAY,
            a("0ms", attrs={"birthday": "1990-11-20"}),
            archive("3d"),
            put("10d"),
            tick("400d"),
        ),
        1,
    ),
    "a birthday that came after a put and before the customer was looked at": (
        an_example(
            {**BIRTHDAY, "attr": "renews"},
            a("0ms", attrs={"birthday": "1990-11-20"}),
            put("3d", attr="birthday"),
            tick("6d"),
            late_looks=True,
        ),
        1,
    ),
    "a segment that a customer came to be in before the first look after an edit": (
        an_example(
            {"kind": "segment", "edge": "enter", "when": {"attr": "vip", "equals": True}},
            a("0ms"),
            a("500ms", event="B"),
            put("1s", when={"not": {"event": "B", "at_least": 1, "within_last": "2s"}}),
            a("1200ms", event="B"),
            put("2s", when=NO_A),
            put("2s", when={"not": {"event": "B", "at_least": 1, "within_last": "2s"}}),
            a("4s", event="C"),
            late_looks=True,
        ),
        1,
    ),
    "a date whose hour is edited on the day": (
        an_example(
            BIRTHDAY,
            a("0ms", attrs={"birthday": "1990-11-17"}),
            tick("3d"),
            put("3d", at="23:00"),
            tick("10d"),
        ),
        1,
    ),
    "an absence that is repeated under once, whose first time is skipped": (
        an_example(
            {
                "kind": "absence",
                "start": {"event": "A"},
                "unless": [],
                "for": "1s",
                "repeat": {"at_most": 3},
                "reentry": "once",
                "guard_at_fire": {"attr": "vip", "equals": True},
            },
            a("0ms"),
            a("1500ms", event="B", attrs={"vip": True}),
            tick("5s"),
        ),
        1,
    ),
    "an event of now that ends the wait of an earlier version in event time": (
        an_example(
            {
                "kind": "absence",
                "start": {"event": "A"},
                "unless": [{"event": "A"}],
                "for": "2s",
                "on_restart": "keep",
                "clock": "event",
                "grace": "1s",
            },
            a("0ms"),
            put("500ms", max_event_age="2h"),
            a("1s"),
            tick("9s"),
        ),
        1,
    ),
    "a step that is taken in event time, and tells of the customer": (
        an_example(
            {"kind": "match", "match": {"event": "A"}, "clock": "event", "grace": "1s", "course": [GOLD, STEPS[0]]},
            a("0ms"),
            tick("5s"),
            beside=BESIDE,
        ),
        2,
    ),
    "a step behind an email that waited for an address, and tells of the customer": (
        an_example(
            {
                "kind": "match",
                "match": {"event": "A"},
                "send": {"category": "transactional", "no_address": {"wait": "1h"}},
                "course": [STEPS[0], GOLD],
            },
            a("0ms", address=False),
            a("1s", event="B"),
            beside=BESIDE,
        ),
        2,
    ),
    "a step that tells again what was known, before older news of it arrive": (
        an_example(
            {"kind": "match", "match": {"event": "A"}, "course": [GOLD, STEPS[0]]},
            a("0ms", event="B", attrs={"tier": "gold"}),
            a("10s"),
            a("20s", event="C", attrs={"tier": "silver"}, happened_at="5s"),
            beside=BESIDE,
        ),
        2,
    ),
    "a step that a merge lets a run take, and tells of the customer": (
        an_example(
            {"kind": "match", "match": {"event": "A"}, "course": [STEPS[0], {"event": "B"}, GOLD]},
            a("1ms"),
            a("2ms", "anon-1", event="B"),
            {"at": "3ms", "control": "merge", "from": "anon-1", "into": "c1"},
            beside=BESIDE,
            partitions=1,
        ),
        2,
    ),
    "two splits of the same names, one within the other": (
        an_example(
            {
                "kind": "match",
                "match": {"event": "A"},
                "course": [
                    {
                        "split": [
                            {"share": 50, "name": "a", "then": [{"split": ONE_OR_THE_OTHER}]},
                            {"share": 50, "name": "b", "then": [{"split": ONE_OR_THE_OTHER}]},
                        ]
                    }
                ],
            },
            *(a(f"{number}ms", f"c{number}") for number in range(12)),
        ),
        12,
    ),
    "a higher number of what is counted within a time": (
        an_example(
            {"kind": "segment", "edge": "enter", "when": {"event": "A", "at_least": 2, "within_last": "1h"}},
            a("0ms"),
            a("1s"),
            put("2s", when={"event": "A", "at_least": 3, "within_last": "1h"}),
            a("3s"),
        ),
        2,
    ),
    "who moves before a wait for what holds already": (
        an_example(
            {
                "kind": "match",
                "match": {"event": "B"},
                "course": [{"until": {"attr": "vip", "equals": True}, "max": "1h"}, STEPS[0]],
            },
            a("0ms", event="B", attrs={"tier": 1}),
            {
                **put("2s", course=[{"until": {"attr": "tier", "equals": 1}, "max": "1h"}, STEPS[0]]),
                "migrate": "move",
            },
            a("3s"),
            tick("2h"),
            late_looks=True,
        ),
        1,
    ),
    "a repetition that meets a later start of another identity": (
        an_example(
            {"kind": "absence", "start": {"event": "A"}, "unless": [], "for": "1s", "repeat": {"at_most": 2}},
            a("1ms"),
            a("501ms", "anon-1"),
            {"at": "1001ms", "control": "merge", "from": "anon-1", "into": "c1"},
            tick("1h"),
            partitions=1,
        ),
        3,
    ),
    "a birthday of somebody whose zone is the policy's, which moves": (
        an_example(
            {"kind": "date", "attr": "birthday", "repeat": "yearly"},
            a("0ms", attrs={"birthday": "1990-11-20"}),
            {"at": "2d", "control": "policy", "policy": {"time_zone": "Asia/Tokyo"}},
            tick("9d"),
        ),
        1,
    ),
}

A_THEN_A: Mapping[str, Any] = {"kind": "sequence", "steps": [{"event": "A"}, {"event": "A"}]}
NO_LESS = [["price", ">=", {"ref": "0.price"}]]


def priced(at: str, who: str = "c1") -> Line:
    return a(at, who, props={"price": 0})


MERGED: Mapping[str, tuple[Example, int]] = {
    "an event that a firing of its own side had used": (
        an_example(
            {**A_THEN_A, "within": "1s"},
            *(a("1ms"), a("2ms", "anon-1"), a("3ms"), joins("1001ms"), a("1002ms")),
            partitions=1,
        ),
        1,
    ),
    "a start that a completion of the joined history does not end": (
        an_example(
            {"kind": "sequence", "steps": [{"event": "A"}, {"event": "A", "where": NO_LESS}]},
            *(priced("1ms"), priced("2ms", "anon-1"), priced("3ms"), priced("4ms"), joins("5ms"), priced("6ms")),
            partitions=1,
        ),
        2,
    ),
    "a start before a firing of somebody else then, who is joined by a third": (
        an_example(
            {"kind": "sequence", "steps": [{"event": "A"}, {"event": "B", "where": NO_LESS}]},
            *(priced("1ms"), a("2ms", "anon-1", props={"price": 5}), a("3ms", event="B", props={"price": 0})),
            *(joins("5ms"), a("6ms", "anon-2"), joins("7ms", "anon-2"), a("8ms", event="B", props={"price": 9})),
            partitions=3,
        ),
        2,
    ),
    "a start of an absence that a firing of its own side had used": (
        an_example(
            {
                "kind": "absence",
                "start_sequence": [{"event": "A"}, {"event": "A"}],
                "unless": [],
                "for": "1s",
                "on_restart": "parallel",
            },
            *(a("1ms"), a("2ms", "anon-1"), a("3ms"), joins("4ms"), a("5ms"), tick("9s")),
            partitions=1,
        ),
        1,
    ),
    "a first start behind one that the joined history completes": (
        an_example(
            {**A_THEN_A, "within": "1s", "overlap": "first_only"},
            *(a("1001ms"), a("1501ms", "anon-1"), joins("2001ms"), a("2002ms")),
            partitions=1,
        ),
        1,
    ),
    "what came before the trigger was put again": (
        an_example(
            {**A_THEN_A, "within": "1s"},
            *(a("1ms", "anon-1"), archive("1001ms"), a("1002ms"), put("1003ms"), joins("1004ms"), a("1005ms")),
            partitions=1,
        ),
        0,
    ),
    "an answer to a repetition that has fired since": (
        an_example(
            {
                "kind": "absence",
                "start": {"event": "A"},
                "unless": [{"event": "B"}],
                "for": "1s",
                "repeat": {"at_most": 3},
            },
            *(a("1ms", "anon-1"), a("1005ms", event="B"), joins("2003ms"), tick("9s")),
            partitions=1,
        ),
        0,
    ),
    "an event that came before its own customer's run moved to a version that it would have ended": (
        an_example(
            {
                "kind": "match",
                "match": {"event": "A"},
                "course": [{"send": "hello"}, {"wait": "1s"}, {"send": "second"}],
            },
            *(a("1ms"), a("2ms", event="B")),
            {**put("3ms", exit_on=[{"event": "B"}]), "migrate": "move"},
            *(joins("4ms"), tick("9s")),
            partitions=1,
        ),
        2,
    ),
    "what time had changed of who is joined before anybody looked since a put": (
        an_example(
            {"kind": "segment", "edge": "enter", "when": {"attr": "vip", "equals": True}},
            *(a("1ms"), a("2ms", "anon-1", event="C"), put("1s", when=NO_A), joins("4s"), tick("9s")),
            beside={"counting": {"kind": "match", "match": {"event": "B"}, "guard_at_fire": NO_A["not"]}},
            partitions=3,
            late_looks=True,
        ),
        1,
    ),
}
"""Of customers who turn out to be one."""
TILL_SATURDAY = [
    {"send": "hello"},
    {"wait": {"until": "00:00", "weekday": ["sat", "sun"], "zone": "UTC"}},
    {"send": "second"},
]
TILL_EVENING = [{"send": "hello"}, {"wait": {"until": "22:00", "zone": "America/New_York"}}, {"send": "second"}]

IN_TIME: Mapping[str, tuple[Example, int]] = {
    "an answer that came before another version was put, whose wait began late and earlier": (
        an_example(
            {
                "kind": "absence",
                "start": {"event": "A"},
                "unless": [{"event": "B"}],
                "for": "2s",
                "clock": "event",
                "grace": "3s",
            },
            a("2500ms", event="B"),
            put("2500ms", max_event_age="2h"),
            a("3500ms", happened_at="1500ms"),
            tick("99s"),
        ),
        0,
    ),
    "what was begun, and goes on with what came before another trigger was put": (
        an_example(
            {**A_THEN_A, "within": "2s", "clock": "event", "grace": "1s"},
            *(a("0ms"), a("1s"), put("1s", within="1s"), tick("99s")),
        ),
        1,
    ),
    "a repetition under once, edited after its only firing": (
        an_example(
            {
                "kind": "absence",
                "start": {"event": "A"},
                "unless": [],
                "for": "1s",
                "repeat": {"at_most": 2},
                "reentry": "once",
            },
            a("0ms"),
            {**put("1s", reentry={"cooldown": "1s"}), "migrate": "move"},
            tick("99s"),
        ),
        1,
    ),
    "a wait that a ranking armed, which ends with another ranking": (
        an_example(
            {"kind": "match", "match": {"event": "A"}, "send": {"priority": 1}},
            *(a("30m", attrs={"consent": True}), a("1h"), a("90m"), a("10h"), tick("9d")),
            beside={
                "before": {"kind": "match", "match": {"event": "A"}, "send": {"priority": 1}, "course": TILL_SATURDAY},
                "later": {"kind": "match", "match": {"event": "A"}, "send": {"priority": 2}, "course": TILL_EVENING},
            },
            policy={"time_zone": "UTC", "priority_window": "2h"},
            t0=1_711_800_000_000,
            reasons=True,
        ),
        20,
    ),
}
FOUND_LATER = {**FOUND, **MERGED, **IN_TIME}


@pytest.mark.parametrize("name", FOUND_LATER)
def test_oracle_and_domain_agree_on(name: str) -> None:
    example, emails = FOUND_LATER[name]

    found = compare(example)

    assert found is None, found and found.told()
    assert len(played(example)) == emails
