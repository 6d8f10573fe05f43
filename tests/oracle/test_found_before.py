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
}


@pytest.mark.parametrize("name", FOUND)
def test_oracle_and_domain_agree_on(name: str) -> None:
    rule, timeline = FOUND[name]

    found = compare(Example(rule=rule, timeline=timeline))

    assert found is None, found and found.told()
