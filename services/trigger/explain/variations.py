"""Small changes of a past, by how small they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from sendwhen.campaigns.clauses import Comparison, Facts, comparison, parts, value_at
from sendwhen.domain.campaign import Campaign
from sendwhen.domain.condition import Condition, EventScope
from sendwhen.domain.decision import Decision
from sendwhen.domain.event import Event
from sendwhen.domain.length import length
from sendwhen.domain.properties import read_object
from sendwhen.domain.span import Span
from sendwhen.domain.trigger_kinds import Absence, Nth, Sequence, Threshold
from services.trigger.explain.grounds import conditions, listens_to
from services.trigger.explain.past import Past
from services.trigger.explain.words import at, at_exactly

MONTH_MS: Final = 30 * 86_400_000
"""A calendar month, for guessing how far to move an event; what is told was played with the real calendar."""


class Variation(msgspec.Struct, frozen=True, kw_only=True):
    """A past that might have been.

    Attributes:
        had: What is other in it, in words that follow "had".
    """

    past: Past
    had: str
    event_id: str = ""
    shift_ms: int = 0


def shifts(campaign: Campaign, past: Past, decided: Iterable[Decision]) -> Iterator[Variation]:
    """One event at another time: on the edges of what the campaign measures; the smallest shift first."""
    lengths = lengths_ms(campaign)
    times = [at_ms for at_ms, _ in past.events]
    targets: dict[tuple[int, int], None] = {}
    deadlines = {decision.due_at_ms for decision in decided if decision.due_at_ms}
    for index, mine_ms in enumerate(times):
        edges = set(deadlines)
        for other, other_ms in enumerate(times):
            if other != index:
                for ms in lengths:
                    edges |= {other_ms + ms - 1, other_ms + ms, other_ms - ms + 1, other_ms - ms}
        for edge_ms in edges:
            if edge_ms != mine_ms:
                targets[index, edge_ms - mine_ms] = None
    for index, shift_ms in sorted(targets, key=lambda one: (abs(one[1]), one)):
        at_ms, event = past.events[index]
        moved = replace(event, occurred_at_ms=event.occurred_at_ms + shift_ms)
        others = [one for number, one in enumerate(past.events) if number != index]
        which_way = "later" if shift_ms > 0 else "earlier"
        yield Variation(
            past=_with(past, [*others, (at_ms + shift_ms, moved)]),
            had=f"“{event.name}” of {at_exactly(at_ms)} come {length(shift_ms)} {which_way}",
            event_id=event.event_id,
            shift_ms=shift_ms,
        )


def additions(campaign: Campaign, past: Past, until_ms: int) -> Iterator[Variation]:
    """One more event of those that are counted or follow each other; the latest instant first, which shows the room."""
    trigger = campaign.trigger
    in_turn = isinstance(trigger, Sequence) or (isinstance(trigger, Absence) and len(trigger.start) > 1)
    if not in_turn and not isinstance(trigger, Threshold | Nth):
        return
    first_ms, last_ms = past.events[0][0], past.events[-1][0]
    edges = {at_ms + ms - 1 for at_ms, _ in past.events for ms in lengths_ms(campaign)} | {last_ms + 1}
    names = dict.fromkeys(one.event for one in listens_to(campaign))
    for edge_ms in sorted(edges, reverse=True):
        if not first_ms < edge_ms <= until_ms:
            continue
        after_ms, after = max((one for one in past.events if one[0] <= edge_ms), key=lambda one: one[0])
        for name in names:
            known = next((event for _, event in reversed(past.events) if event.name == name), None)
            like = known or Event(event_id="", name=name, uid=past.uid, occurred_at_ms=0)
            more = replace(like, event_id=f"{name} once more", occurred_at_ms=edge_ms)
            what = f"one more “{name}”" if known else f"“{name}”"
            room = f"within {length(edge_ms - after_ms + 1)} of “{after.name}” of {at_exactly(after_ms)}"
            yield Variation(past=_with(past, [*past.events, (edge_ms, more)]), had=f"{what} come {room}")


def removals(campaign: Campaign, past: Past) -> Iterator[Variation]:
    """One event the less; the latest first."""
    starts = {one.event for one in listens_to(campaign)}
    for index in range(len(past.events) - 1, -1, -1):
        at_ms, event = past.events[index]
        if event.name in starts or len(past.events) == 1:
            continue
        yield Variation(
            past=_with(past, [one for number, one in enumerate(past.events) if number != index]),
            had=f"“{event.name}” of {at_exactly(at_ms)} not come",
            event_id=event.event_id,
        )


def values(campaign: Campaign, past: Past) -> Iterator[Variation]:
    """One property of one event, brought to what a failing comparison asks for; the latest event first."""
    for at_ms, event in reversed(past.events):
        for one in listens_to(campaign):
            if one.event != event.name or one.where is None:
                continue
            for wanted, now in _failing(one.where, past, event):
                if wanted.path[:2] != ("event", "properties") or len(wanted.path) != 3:
                    continue
                properties = {**read_object(event.properties), wanted.path[2]: _met(wanted)}
                changed = replace(event, properties=msgspec.json.encode(properties))
                others = [same for same in past.events if same[1] is not event]
                what = f"{'.'.join(wanted.path)} of “{event.name}” of {at(at_ms)}"
                yield Variation(
                    past=_with(past, [*others, (at_ms, changed)]),
                    had=f"{what} been {_asked(wanted)} (it was {_said(now)})",
                    event_id=event.event_id,
                )


def attributes(campaign: Campaign, past: Past) -> Iterator[Variation]:
    """Consent, an address, or one attribute, brought to what a failing comparison asks for."""
    if past.attributes.get("consent") is not True:
        yield Variation(
            past=replace(past, attributes={**past.attributes, "consent": True}),
            had="the customer's attribute consent been true",
        )
    if not past.email:
        yield Variation(past=replace(past, email="somebody@example.com"), had="an address of the customer been known")
    asked = [one.where for one in listens_to(campaign) if one.where is not None]
    if campaign.guard is not None:
        asked += conditions(campaign.guard)
    event = past.events[-1][1]
    for condition in asked:
        for wanted, now in _failing(condition, past, event):
            if wanted.path[0] == "customer" and len(wanted.path) == 2:
                yield Variation(
                    past=replace(past, attributes={**past.attributes, wanted.path[1]: _met(wanted)}),
                    had=f"{'.'.join(wanted.path)} been {_asked(wanted)} (it is {_said(now)})",
                )


def lengths_ms(campaign: Campaign) -> list[int]:
    """Lengths of time that a campaign's trigger measures, its guard and re-entry too, ascending."""
    found: set[int] = {campaign.cooldown_ms}
    _lengths(campaign.trigger, found)
    _lengths(campaign.guard, found)
    return sorted(ms for ms in found if ms > 0)


def _lengths(part: Any, found: set[int]) -> None:
    if isinstance(part, Span):
        found.add(part.ms + part.months * MONTH_MS)
    elif isinstance(part, msgspec.Struct):
        months = getattr(part, "months", 0)
        for name in part.__struct_fields__:
            value = getattr(part, name)
            if isinstance(value, int) and name.endswith("_ms") and name not in ("unit_ms", "at_most_ms"):
                found.add(value + months * MONTH_MS)
            _lengths(value, found)
    elif isinstance(part, tuple):
        for one in part:
            _lengths(one, found)


def _failing(condition: Condition, past: Past, event: Event) -> Iterator[tuple[Comparison, Any]]:
    scope = EventScope(
        name=event.name,
        id=event.event_id,
        occurred_at_ms=event.occurred_at_ms,
        properties=read_object(event.properties),
    )
    facts = Facts(event=scope, customer=past.attributes, start=scope, now_ms=event.occurred_at_ms)
    for text in parts(condition.source):
        wanted = comparison(text)
        if wanted is not None:
            yield wanted, value_at(wanted.path, facts)


def _met(wanted: Comparison) -> Any:
    number = wanted.literal
    if isinstance(number, int | float) and not isinstance(number, bool):
        return {">": number + 1, "<": number - 1, "!=": number + 1}.get(wanted.operator, number)
    return f"not {number}" if wanted.operator == "!=" and isinstance(number, str) else number


def _asked(wanted: Comparison) -> str:
    words = {">": "over ", "<": "under ", ">=": "at least ", "<=": "at most ", "!=": "other than "}
    return words.get(wanted.operator, "") + _said(wanted.literal)


def _said(value: Any) -> str:
    return msgspec.json.encode(value).decode(errors="replace")


def _with(past: Past, events: Iterable[tuple[int, Event]]) -> Past:
    return replace(past, events=tuple(sorted(events, key=lambda one: one[0])))
