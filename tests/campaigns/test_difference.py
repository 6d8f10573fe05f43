"""What differs between two texts of a campaign."""

from __future__ import annotations

import pytest

from sendwhen.campaigns.difference import DIFFERENCES_LIMIT, differences, template_differences

BEFORE = b"""
campaign: cart
trigger:
  absence:
    start: {event: Product Added}
    unless: [{event: Order Completed}]
    for: 1h   # an hour
steps:
  - send: reminder
  - wait: 23h
  - send: last-call
"""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b"1h   # an hour", b'"1h"', []),
        (b"for: 1h", b"for: 2h", ["trigger.absence.for: 1h becomes 2h"]),
        (b"wait: 23h", b"wait: 2d", ["steps[2].wait: 23h becomes 2d"]),
        (b"  - wait: 23h\n", b"", ['steps[2]: {"wait": "23h"} is gone']),
        (b"steps:\n", b"steps:\n  - send: hello\n", ['steps[1]: {"send": "hello"} is new']),
        (b"steps:", b"reentry: once\nsteps:", ["reentry: once is new"]),
        (
            b"{event: Product Added}",
            b"{event: Product Added, where: event.properties.price > 3}",
            ["trigger.absence.start.where: event.properties.price > 3 is new"],
        ),
        (b"  - send: reminder\n", b"", ['steps[1]: {"send": "reminder"} is gone']),
        (b"[{event: Order Completed}]", b"[]", ['trigger.absence.unless[1]: {"event": "Order Completed"} is gone']),
    ],
)
def test_a_difference_is_a_sentence_with_its_place(old: bytes, new: bytes, said: list[str]) -> None:
    assert differences(BEFORE, BEFORE.replace(old, new)) == said


def test_templates_are_compared_by_name_and_content() -> None:
    before, after = {"a": "1", "b": "1", "c": "1"}, {"a": "1", "b": "2", "d": "1"}

    assert template_differences(before, after) == [
        "template b: its text is another",
        "template c: no longer sent",
        "template d: new",
    ]


def test_differences_are_bounded() -> None:
    many = b"".join(b"word%d: 1\n" % n for n in range(300))

    found = differences(b"x: 1\n", many)

    assert len(found) == DIFFERENCES_LIMIT + 1
    assert found[-1].endswith("more")
