"""Every word of the language as a story: text of a campaign, what happens, and which emails are decided.

Expected by hand from the rules R1 to R9. Times are seconds; entries come in order, a tick is a lone time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from sendwhen.campaigns import compile_campaign, fuse
from sendwhen.domain.decision import Send
from sendwhen.domain.entry import CampaignPut, EventBatch, Tick
from sendwhen.domain.sending_rules import InDoubt
from sendwhen.domain.shard import Shard
from tests.builders import FOR_EVER_MS, T0_MS, an_event

TEMPLATES = {"hello": "h1", "again": "h2"}
ABSENCE = "trigger: {absence: {start: {event: add}, unless: [{event: buy}], for: 60s%s}}"
SEND = "steps: [{send: hello}]"
MAIL = "send: {category: transactional}"
Step = tuple[Any, ...]
"""(at, who, event), with properties behind where wanted; or (at,) for a tick."""


@dataclass(frozen=True, kw_only=True)
class Story:
    """What the lines of a campaign make of a timeline: (due at, who, template), in the order of deciding."""

    lines: tuple[str, ...]
    happens: tuple[Step, ...]
    emails: tuple[tuple[float, str, str], ...]


def lines(*more: str, trigger: str = ABSENCE % "", steps: str = SEND, send: str = MAIL) -> tuple[str, ...]:
    return ("campaign: story", trigger, steps, send, *more)


def decided(story: Story) -> list[Send]:
    source = "\n".join(story.lines).encode()
    version = compile_campaign(source, TEMPLATES).version
    shard = Shard(
        partition=0, send_key=b"k", compile_campaign=lambda text: compile_campaign(text, TEMPLATES), fuse=fuse
    )
    shard.expect((), FOR_EVER_MS)
    shard.apply(CampaignPut(seq=1, at_ms=T0_MS, campaign_id="story", version=version, source=source))
    for seq, (at_s, *what) in enumerate(story.happens, start=2):
        at_ms = T0_MS + round(at_s * 1_000)
        if not what:
            shard.apply(Tick(seq=seq, at_ms=at_ms))
            continue
        who, name, properties, *more = (*what, {}) if len(what) == 2 else what
        extra = dict(*more)
        event = an_event(
            name,
            who,
            event_id=f"e{seq}",
            at_ms=at_ms - extra.get("age_s", 0) * 1_000,
            properties=properties,
            attributes=extra.get("attributes"),
        )
        entry = EventBatch(seq=seq, at_ms=at_ms, events=(event,))
        for uid in shard.absent(entry):
            shard.admit(uid, None, b"")
        shard.apply(entry)
    return list(shard.collect().sends)


STORIES = {
    "a filter holds or not, at its boundary": Story(
        lines=lines(trigger="trigger: {match: {event: view, where: event.properties.price >= 10}}"),
        happens=((1, "a", "view", {"price": 9.99}), (2, "a", "view", {"price": 10}), (3, "a", "view")),
        emails=((2, "a", "hello"),),
    ),
    "stop_after ends the wait that is open and starts nothing any more, for this customer only": Story(
        lines=lines("stop_after: [{event: bye}]"),
        happens=((0, "a", "add"), (1, "b", "add"), (2, "a", "bye"), (3, "a", "add"), (99,)),
        emails=((61, "b", "hello"),),
    ),
    "the cancelling filter compares with the start's values": Story(
        lines=lines(
            trigger="trigger: {absence: {start: {event: add}, for: 60s,"
            " unless: [{event: buy, where: event.properties.order == start.properties.order}]}}"
        ),
        happens=(
            (0, "a", "add", {"order": 1}),
            (1, "a", "buy", {"order": 2}),
            (2, "b", "add", {"order": 1}),
            (3, "b", "buy", {"order": 1}),
            (99,),
        ),
        emails=((60, "a", "hello"),),
    ),
    "runs of two keys wait apart, and only an answer of the key ends one": Story(
        lines=lines("per: event.properties.sku"),
        happens=(
            (0, "a", "add", {"sku": "x"}),
            (5, "a", "add", {"sku": "y"}),
            (6, "a", "buy", {"sku": "x"}),
            (7, "a", "buy", {}),
            (99,),
        ),
        emails=((65, "a", "hello"),),
    ),
    "a duration that the event tells, in its unit, and no longer than allowed": Story(
        lines=lines(
            trigger="trigger: {absence: {start: {event: add}, unless: [],"
            " for: {property: event.properties.wait, unit: minutes, at_most: 1h}, on_restart: parallel}}"
        ),
        happens=(
            (0, "a", "add", {"wait": 0.5}),
            (1, "a", "add", {"wait": 90}),
            (2, "a", "add", {"wait": "5"}),
            (9_999,),
        ),
        emails=((30, "a", "hello"), (3_601, "a", "hello")),
    ),
    "an empty unless is answered by nothing": Story(
        lines=lines(trigger="trigger: {absence: {start: {event: add}, unless: [], for: 60s}}"),
        happens=((0, "a", "add"), (1, "a", "buy"), (60,)),
        emails=((60, "a", "hello"),),
    ),
    "a start after a sequence within its window, which is half-open": Story(
        lines=lines(
            trigger="trigger: {absence: {start: {sequence: [{event: one}, {event: two, where: "
            "event.properties.n > 1}], within: 10s}, unless: [{event: buy}], for: 60s}}"
        ),
        happens=(
            (0, "a", "one"),
            (9.999, "a", "two", {"n": 2}),
            (0 + 20, "b", "one"),
            (30, "b", "two", {"n": 2}),
            (31, "c", "two", {"n": 2}),
            (32, "c", "one"),
            (33, "c", "two", {"n": 1}),
            (200,),
        ),
        emails=((69.999, "a", "hello"),),
    ),
    "reset: a further start begins the wait again": Story(
        lines=lines(),
        happens=((0, "a", "add"), (59.999, "a", "add"), (99,), (200,)),
        emails=((119.999, "a", "hello"),),
    ),
    "a start exactly at the deadline finds the wait over and begins another": Story(
        lines=lines(),
        happens=((0, "a", "add"), (60, "a", "add"), (200,)),
        emails=((60, "a", "hello"), (120, "a", "hello")),
    ),
    "keep: a further start is ignored": Story(
        lines=lines(trigger=ABSENCE % ", on_restart: keep"),
        happens=((0, "a", "add"), (30, "a", "add"), (200,)),
        emails=((60, "a", "hello"),),
    ),
    "parallel: every start waits for itself and one answer ends all": Story(
        lines=lines(trigger=ABSENCE % ", on_restart: parallel"),
        happens=((0, "a", "add"), (30, "a", "add"), (61, "b", "add"), (62, "b", "add"), (63, "b", "buy"), (200,)),
        emails=((60, "a", "hello"), (90, "a", "hello")),
    ),
    "always: every firing is welcome": Story(
        lines=lines("reentry: always", trigger="trigger: {match: {event: view}}"),
        happens=((1, "a", "view"), (1, "a", "view")),
        emails=((1, "a", "hello"), (1, "a", "hello")),
    ),
    "once for each key, for ever": Story(
        lines=lines("reentry: once", "per: event.properties.sku", trigger="trigger: {match: {event: view}}"),
        happens=(
            (1, "a", "view", {"sku": "x"}),
            (2, "a", "view", {"sku": "x"}),
            (3, "a", "view", {"sku": "y"}),
            (9_999_999, "a", "view", {"sku": "x"}),
        ),
        emails=((1, "a", "hello"), (3, "a", "hello")),
    ),
    "a cooldown is half-open": Story(
        lines=lines("reentry: {cooldown: 10s}", trigger="trigger: {match: {event: view}}"),
        happens=((0, "a", "view"), (9.999, "a", "view"), (10, "a", "view"), (11, "b", "view")),
        emails=((0, "a", "hello"), (10, "a", "hello"), (11, "b", "hello")),
    ),
    "a guard is looked at when it fires, with the start's values": Story(
        lines=lines("guard: customer.plan == 'pro' && start.properties.price > 5"),
        happens=(
            (0, "a", "add", {"price": 9}),
            (1, "b", "add", {"price": 9}, {"attributes": {"plan": "pro"}}),
            (2, "c", "add", {"price": 1}, {"attributes": {"plan": "pro"}}),
            (50, "a", "told", {}, {"attributes": {"plan": "pro"}}),
            (51, "b", "told", {}, {"attributes": {"plan": "free"}}),
            (99,),
        ),
        emails=((60, "a", "hello"),),
    ),
    "an event of exactly max_event_age starts, an older one does not": Story(
        lines=lines("max_event_age: 10s", trigger="trigger: {match: {event: view}}"),
        happens=((50, "a", "view", {}, {"age_s": 10}), (51, "a", "view", {}, {"age_s": 10.001})),
        emails=((50, "a", "hello"),),
    ),
    "without a word a day is the limit, and none is no limit": Story(
        lines=lines("max_event_age: none", trigger="trigger: {match: {event: view}}"),
        happens=((50, "a", "view", {}, {"age_s": 90_000_000}),),
        emails=((50, "a", "hello"),),
    ),
    "a firing of exactly max_lateness is sent, a later one has expired": Story(
        lines=lines("max_lateness: 10s"),
        happens=((0, "a", "add"), (0.001, "b", "add"), (70.001,), (71, "c", "add"), (141.001,)),
        emails=((60.001, "b", "hello"),),
    ),
    "however late, with max_lateness none": Story(
        lines=lines("max_lateness: none"), happens=((0, "a", "add"), (9_999_999,)), emails=((60, "a", "hello"),)
    ),
    "a wait counts from the instant that was due, and exits by its own filter, never at its deadline": Story(
        lines=lines(steps="steps: [{send: hello}, {wait: 30s, exit_on: [{event: bye}]}, {send: again}]"),
        happens=(
            (0, "a", "add"),
            (5, "b", "add"),
            (6, "c", "add"),
            (80,),
            (89, "c", "buy"),
            (90, "a", "bye"),
            (94.999, "b", "bye"),
            (200,),
        ),
        emails=((60, "a", "hello"), (65, "b", "hello"), (66, "c", "hello"), (90, "a", "again"), (96, "c", "again")),
    ),
    "exit_on of the campaign ends every wait step, and never the wait of the trigger": Story(
        lines=lines(
            "exit_on: [{event: bye, where: start.properties.n == event.properties.n}]",
            steps="steps: [{wait: 10s}, {send: hello}, {wait: 10s}, {send: again}]",
        ),
        happens=(
            (0, "a", "add", {"n": 1}),
            (1, "a", "bye", {"n": 1}),
            (2, "b", "add", {"n": 1}),
            (65, "b", "bye", {"n": 1}),
            (66, "a", "bye", {"n": 2}),
            (75, "a", "bye", {"n": 1}),
            (200,),
        ),
        emails=((70, "a", "hello"),),
    ),
    "marketing is the default and needs consent that is true when it is sent": Story(
        lines=lines(send="send: {in_doubt: at_least_once}", trigger="trigger: {match: {event: view}}"),
        happens=(
            (1, "a", "view"),
            (2, "b", "view", {}, {"attributes": {"consent": True}}),
            (3, "b", "view", {}, {"attributes": {"consent": False}}),
            (4, "c", "view", {}, {"attributes": {"consent": "true"}}),
        ),
        emails=((2, "b", "hello"),),
    ),
}


@pytest.mark.parametrize("name", STORIES)
def test_a_story_ends_as_told(name: str) -> None:
    story = STORIES[name]

    emails = [
        ((send.due_at_ms - T0_MS) / 1_000, send.email.partition("@")[0], send.template) for send in decided(story)
    ]

    assert emails == list(story.emails)


@pytest.mark.parametrize(
    ("words", "policy"),
    [
        ("{category: transactional}", InDoubt.AT_MOST_ONCE),
        ("{category: transactional, in_doubt: at_most_once}", InDoubt.AT_MOST_ONCE),
        ("{category: transactional, in_doubt: at_least_once}", InDoubt.AT_LEAST_ONCE),
    ],
)
def test_the_policy_for_doubts_goes_out_with_the_decision(words: str, policy: InDoubt) -> None:
    story = Story(
        lines=lines(trigger="trigger: {match: {event: view}}", send=f"send: {words}"),
        happens=((1, "a", "view"),),
        emails=(),
    )

    [send] = decided(story)

    assert send.in_doubt is policy
