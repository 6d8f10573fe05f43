"""Explanations as messages of sendwhen.v1.Trigger."""

from __future__ import annotations

from sendwhen.v1 import trigger_service_pb2 as pb
from services.trigger.explain import Ground, Item, Judged, NearMiss


def ground_message(ground: Ground) -> pb.Ground:
    """What a decision rests on."""
    return pb.Ground(
        version=ground.version, event=ground.event, clauses=map(clause_message, ground.judged), known=ground.known
    )


def clause_message(judged: Judged) -> pb.Clause:
    """A clause and its values."""
    clause = judged.clause
    return pb.Clause(
        part=judged.part,
        text=clause.text,
        holds=clause.holds,
        values=[
            pb.ClauseValue(path=path, value_json=value, age=age)
            for (path, value), age in zip(clause.values, judged.ages, strict=True)
        ],
    )


def near_miss_message(miss: NearMiss) -> pb.NearMiss:
    """How little was missing."""
    return pb.NearMiss(kind=miss.kind, sentence=miss.sentence, event_id=miss.event_id, shift_ms=miss.shift_ms)


def item_message(item: Item) -> pb.TimelineItem:
    """One thing of a timeline."""
    return pb.TimelineItem(
        at_ms=item.at_ms, kind=item.kind, text=item.text, campaign_id=item.campaign_id, reference=item.reference
    )
