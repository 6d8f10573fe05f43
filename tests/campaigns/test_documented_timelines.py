"""What the document draws is what happens."""

from __future__ import annotations

import pytest

from sendwhen.campaigns.trigger_reader import KINDS
from tests.campaigns.timelines import DOCUMENT, Timeline, decided_emails, drawn_emails, timelines


@pytest.mark.parametrize("timeline", timelines(), ids=lambda timeline: timeline.name)
def test_a_drawn_timeline_is_what_happens(timeline: Timeline) -> None:
    assert decided_emails(timeline) == drawn_emails(timeline)
    assert drawn_emails(timeline)


def test_every_kind_of_trigger_has_a_timeline() -> None:
    shown = b"".join(timeline.source for timeline in timelines()).decode()
    assert [kind for kind in KINDS if f"\n  {kind}:" not in shown] == []


def test_every_timeline_in_the_document_belongs_to_a_campaign() -> None:
    assert DOCUMENT.read_text(encoding="utf-8").count("```timeline") == len(timelines())
