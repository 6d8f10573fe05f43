"""Of which of several first events a sequence fires."""

from __future__ import annotations

import pytest

from sendwhen.domain.span import Span
from sendwhen.domain.trigger_kinds import Sequence, SequenceStep, Starts
from tests.builders import HOUR_MS, T0_MS, Story, a_campaign, an_event, on
from tests.domain.trigger_kinds import ADD, VIEW


def a_story(starts: Starts, *, within: Span | None = None, repeat_last: bool = False) -> Story:
    steps = (SequenceStep(of=on(VIEW)), SequenceStep(of=on(ADD)))
    trigger = Sequence(steps=steps, within=within, repeat_last=repeat_last, starts=starts)
    return Story(a_campaign(campaign_id="c", trigger=trigger))


def happens(story: Story, *names: str) -> None:
    for at_ms, name in enumerate(names):
        story.happens(an_event(name, event_id=f"{name}/{at_ms}", at_ms=T0_MS + at_ms))


@pytest.mark.parametrize("within", [None, Span(ms=HOUR_MS)])
@pytest.mark.parametrize(
    ("starts", "began"), [(Starts.OLDEST, [0]), (Starts.FIRST, [0]), (Starts.EACH, [0, 1])], ids=str
)
def test_a_completion_fires_for_the_starts_that_count(starts: Starts, began: list[int], within: Span | None) -> None:
    story = a_story(starts, within=within)

    happens(story, VIEW, VIEW, ADD, ADD)

    sends = story.shard.collect().sends
    assert [(send.due_at_ms - T0_MS, send.start_at_ms - T0_MS) for send in sends] == [(2, one) for one in began]


def test_each_start_has_a_run_and_an_email_of_its_own() -> None:
    story = a_story(Starts.EACH, repeat_last=True)

    happens(story, VIEW, VIEW, ADD, ADD)

    sends = story.shard.collect().sends
    assert len({send.send_id for send in sends}) == len({send.run_id for send in sends}) == len(sends) == 4


def test_the_run_of_the_oldest_start_has_the_name_that_it_has_alone() -> None:
    each, oldest = a_story(Starts.EACH), a_story(Starts.OLDEST)

    for story in (each, oldest):
        happens(story, VIEW, VIEW, ADD)

    assert each.shard.collect().sends[0].send_id == oldest.shard.collect().sends[0].send_id
