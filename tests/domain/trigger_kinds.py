"""A campaign of each kind of trigger on events, with lengths of time that histories are tuned to."""

from __future__ import annotations

from typing import Any

from sendwhen.domain.campaign import Campaign
from sendwhen.domain.condition import Condition, CustomerScope, EventScope
from sendwhen.domain.span import Span
from sendwhen.domain.trigger_kinds import (
    Absence,
    Duration,
    Fire,
    Match,
    Measure,
    Nth,
    OnRestart,
    QuietThen,
    Recency,
    Repeat,
    Sequence,
    SequenceStep,
    SessionEnd,
    Threshold,
    Trigger,
)
from tests.builders import a_campaign, a_condition, a_property, on

WAIT_MS = 1_000
SHORT_MS = 700
WAIT, SHORT = Span(ms=WAIT_MS), Span(ms=SHORT_MS)
VIEW, ADD, BUY, LEAVE = "Product Viewed", "Product Added", "Order Completed", "Left"


def more_than(step: str = "") -> Condition:
    """event.properties.n > start.properties.n, or steps.<step>.properties.n"""

    def test(event: EventScope, customer: CustomerScope, start: EventScope, now_ms: int) -> bool:
        other = start.steps[step] if step else start
        return bool(event.properties["n"] > other.properties["n"])

    return a_condition(test, source=f"more than {step or 'start'}", needs_start=True)


def a_sequence(*steps: Any, **more: Any) -> Sequence:
    """A sequence; names of events stand for steps."""
    named = [SequenceStep(of=on(step)) if isinstance(step, str) else step for step in steps]
    return Sequence(steps=tuple(named), **more)


TRIGGERS: dict[str, Trigger] = {
    "match": Match(match=on(VIEW)),
    "sequence": a_sequence(VIEW, SequenceStep(of=on(ADD), forbidden=(on(LEAVE),)), within=WAIT),
    "captured": a_sequence(
        VIEW,
        SequenceStep(of=on(ADD, more_than()), times=2, name="added"),
        SequenceStep(of=on(BUY, more_than("added"))),
    ),
    "repeating": a_sequence(VIEW, ADD, within=WAIT, repeat_last=True),
    "absence": Absence(start=(on(ADD),), unless=(on(BUY),), duration=Duration(fixed_ms=WAIT_MS)),
    "absence-again": Absence(
        start=(on(VIEW), on(ADD)),
        start_within_ms=WAIT_MS,
        unless=(on(BUY, more_than()),),
        duration=Duration(fixed_ms=SHORT_MS),
        on_restart=OnRestart.PARALLEL,
        repeat=Repeat(at_most=3),
    ),
    "quiet": QuietThen(quiet_of=on(ADD), quiet=SHORT, then=on(VIEW)),
    "count": Threshold(measure=Measure.COUNT, of=on(VIEW), at_least=2, sliding=WAIT),
    "consumed": Threshold(measure=Measure.COUNT, of=on(VIEW), at_least=2, sliding=WAIT, fire=Fire.CONSUME),
    "sum": Threshold(measure=Measure.SUM, of=on(ADD), value=a_property("n"), at_least=5, sliding=WAIT),
    "average": Threshold(measure=Measure.AVERAGE, of=on(ADD), value=a_property("n"), at_least=2, tumbling=WAIT),
    "distinct": Threshold(measure=Measure.DISTINCT, of=on(VIEW), value=a_property("n"), at_least=3, sliding=WAIT),
    "nth": Nth(of=on(VIEW), ordinal=2),
    "recency": Recency(of=on(VIEW), since=WAIT),
    "session": SessionEnd(of=on(VIEW), gap=SHORT),
}


def campaigns(*, grace_ms: int | None = None, keyed: bool = False) -> tuple[Campaign, ...]:
    """One of each kind."""
    return tuple(
        a_campaign(
            campaign_id=f"{kind}{'-keyed' if keyed else ''}{'' if grace_ms is None else '-late'}",
            trigger=trigger,
            grace_ms=grace_ms,
            per=a_property("sku") if keyed else None,
        )
        for kind, trigger in TRIGGERS.items()
    )
