"""Why an email goes out, in words."""

from __future__ import annotations

import pytest

from sendwhen.domain.entry import Tick
from sendwhen.domain.trigger_kinds import Absence, Duration, Repeat, Trigger
from tests.builders import T0_MS, Story, a_campaign, an_event, on
from tests.domain.trigger_kinds import ADD, BUY, TRIGGERS, VIEW

SAID = {
    "match": "“Product Viewed” happened",
    "sequence": "“Product Viewed”, then “Product Added” came",
    "captured": "“Product Viewed”, then “Product Added” 2 times, then “Order Completed” came",
    "absence": "no “Order Completed” came in time after “Product Added”",
    "quiet": "“Product Viewed” came after a time without “Product Added”",
    "count": "the number of “Product Viewed” reached 2, being 2",
    "sum": "the sum over “Product Added” reached 5, being 5.5",
    "average": "the average over “Product Added” reached 2, being 2.5",
    "distinct": "the number of different values of “Product Viewed” reached 3, being 3",
    "nth": "“Product Viewed” happened for the 2nd time",
    "recency": "the last “Product Viewed” lies that far back",
    "session": "the session that “Product Viewed” began is over",
}
HAPPENS = (
    (0, "Seen", 0),
    (700, VIEW, 1),
    (701, ADD, 2.5),
    (702, ADD, 3),
    (703, BUY, 4),
    (704, VIEW, 2),
    (705, VIEW, 3),
)


def reasons(trigger: Trigger) -> list[str]:
    story = Story(a_campaign(trigger=trigger))
    for at_ms, name, n in HAPPENS:
        story.happens(an_event(name, at_ms=T0_MS + at_ms, properties={"n": n}))
    story.happens(an_event(ADD, event_id="late", at_ms=T0_MS + 20_000, properties={"n": 1}))
    story.apply(Tick(seq=story.seq + 1, at_ms=T0_MS + 30_000))
    return [send.reason for send in story.shard.collect().sends]


@pytest.mark.parametrize("kind", SAID)
def test_every_email_says_why(kind: str) -> None:
    assert reasons(TRIGGERS[kind])[0] == f"Because {SAID[kind]}."


def test_a_repetition_says_which_it_is() -> None:
    trigger = Absence(start=(on("Seen"),), duration=Duration(fixed_ms=10), repeat=Repeat(at_most=2))
    assert reasons(trigger) == [
        "Because the wait after “Seen” is over.",
        "Because the wait after “Seen” is over, 2 times in a row.",
    ]
