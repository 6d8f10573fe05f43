"""Examples on which oracle and domain once differed, by hand of what Hypothesis made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tests.oracle.comparing import compare
from tests.oracle.generating import Example

STEPS = [{"send": "hello"}, {"wait": "1s"}, {"send": "second"}, {"wait": "1s"}, {"send": "third"}]
FOUND: Mapping[str, tuple[Mapping[str, Any], Sequence[Mapping[str, Any]]]] = {
    "a repetition and a step that are due at one instant": (
        {
            "kind": "absence",
            "start": {"event": "A"},
            "unless": [],
            "for": "1s",
            "repeat": {"at_most": 12},
            "course": STEPS,
        },
        [{"at": "0ms", "event": "A", "who": "c1"}, {"at": "1h", "control": "tick"}],
    ),
    "an edit between what two customers did and their merge": (
        {"kind": "nth", "of": {"event": "A"}, "ordinal": 1},
        [
            {"at": "1ms", "event": "A", "who": "c1"},
            {"at": "2ms", "event": "A", "who": "anon-1"},
            {"at": "3ms", "control": "rule_change", "patch": {"max_event_age": "2h"}},
            {"at": "4ms", "control": "merge", "from": "anon-1", "into": "c1"},
            {"at": "5ms", "event": "A", "who": "c1"},
        ],
    ),
    "a repetition that meets a later start of another identity": (
        {"kind": "absence", "start": {"event": "A"}, "unless": [], "for": "1s", "repeat": {"at_most": 2}},
        [
            {"at": "1ms", "event": "A", "who": "c1"},
            {"at": "501ms", "event": "A", "who": "anon-1"},
            {"at": "1001ms", "control": "merge", "from": "anon-1", "into": "c1"},
            {"at": "1h", "control": "tick"},
        ],
    ),
    "what one identity completed and began before another came": (
        {"kind": "sequence", "steps": [{"event": "A"}, {"event": "A", "where": [["price", ">=", {"ref": "0.price"}]]}]},
        [
            {"at": "1ms", "event": "A", "who": "c1", "props": {"price": 0}},
            {"at": "2ms", "event": "A", "who": "anon-1", "props": {"price": 0}},
            {"at": "3ms", "event": "A", "who": "c1", "props": {"price": 0}},
            {"at": "4ms", "event": "A", "who": "c1", "props": {"price": 0}},
            {"at": "5ms", "control": "merge", "from": "anon-1", "into": "c1"},
            {"at": "6ms", "event": "A", "who": "c1", "props": {"price": 0}},
        ],
    ),
}


@pytest.mark.parametrize("name", FOUND)
def test_oracle_and_domain_agree_on(name: str) -> None:
    rule, timeline = FOUND[name]

    found = compare(Example(rule=rule, timeline=timeline, partitions=1))

    assert found is None, found and found.told()
