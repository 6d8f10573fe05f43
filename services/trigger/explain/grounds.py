"""The clauses behind a decision: each part of its conditions with its values and how old they are."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from sendwhen.campaigns.clauses import Clause, Facts, clauses
from sendwhen.domain import triggers
from sendwhen.domain.campaign import Campaign
from sendwhen.domain.condition import Condition, EventScope
from sendwhen.domain.customer import Customer
from sendwhen.domain.decision import Decision
from sendwhen.domain.event_filter import EventFilter
from sendwhen.domain.length import length
from sendwhen.domain.predicate import All, AnyOf, Not, When
from sendwhen.domain.properties import read_object
from sendwhen.domain.record import RecentEvent, recent_events
from services.trigger.explain.words import at


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """One clause, asked again.

    Attributes:
        part: Where it stands: "trigger", "guard", "stop_after" …
        ages: For each value how old it was, in a few words.
    """

    part: str
    clause: Clause
    ages: tuple[str, ...] = ()

    def text(self) -> str:
        """For people."""
        values = ", ".join(
            f"{path} = {value}{f' ({age})' if age else ''}"
            for (path, value), age in zip(self.clause.values, self.ages, strict=True)
        )
        return f"{self.part}: {self.clause.text} is {'true' if self.clause.holds else 'false'}" + (
            f"; {values}" if values else ""
        )


class Ground(msgspec.Struct, frozen=True, kw_only=True):
    """What a decision rests on.

    Attributes:
        known: The event is still remembered and the version kept, so that it could be asked again.
    """

    version: str
    event: str
    judged: tuple[Judged, ...]
    known: bool


def ground_of(decision: Decision, campaign: Campaign | None, customer: Customer) -> Ground:
    """The clauses that were asked for a decision, asked again of what is remembered.

    ``campaign``: the version that decided; None where it is not kept any more.
    """
    event = next((one for one in recent_events(customer) if one.event_id == decision.event_id), None)
    if campaign is None or event is None:
        return Ground(version=decision.version, event=event.name if event else "", judged=(), known=False)
    judged = [*_of_trigger(campaign, event, customer)]
    if decision.reason == "guard" and campaign.guard is not None:
        facts = _facts(event, customer, decision.due_at_ms or decision.at_ms)
        for condition in conditions(campaign.guard):
            judged += _judged("guard", condition, facts, customer, decision.at_ms)
    ago = f"“{event.name}” of {at(event.logged_at_ms)}"
    if decision.at_ms > event.logged_at_ms:
        ago += f", {length(decision.at_ms - event.logged_at_ms)} before"
    return Ground(version=decision.version, event=ago, judged=tuple(judged), known=True)


def unmet(campaign: Campaign, customer: Customer, *, until_ms: int) -> list[Judged]:
    """For each event the campaign listens to, the clauses that failed on the one that came nearest to passing."""
    found = []
    events = [one for one in recent_events(customer) if one.logged_at_ms <= until_ms]
    for one in listens_to(campaign):
        if one.where is None or one.where.needs_start:
            continue
        tried = [[*_of_event(one.where, event, customer)] for event in events if event.name == one.event]
        if tried and all(any(not j.clause.holds for j in judged) for judged in tried):
            # The latest of those with the fewest clauses that fail.
            found += [j for j in min(reversed(tried), key=_failing) if not j.clause.holds]
    return found


def listens_to(campaign: Campaign) -> tuple[EventFilter, ...]:
    """Filters of the events that move the trigger on."""
    return triggers.of(campaign.trigger).starts


def conditions(when: When) -> Iterator[Condition]:
    """The CEL conditions within a predicate."""
    match when:
        case Condition():
            yield when
        case All() | AnyOf():
            for part in when.parts:
                yield from conditions(part)
        case Not():
            yield from conditions(when.part)
        case _:
            return


def _failing(judged: list[Judged]) -> int:
    return sum(not one.clause.holds for one in judged)


def _of_trigger(campaign: Campaign, event: RecentEvent, customer: Customer) -> Iterator[Judged]:
    for one in listens_to(campaign):
        if one.event == event.name and one.where is not None and not one.where.needs_start:
            facts = _facts(event, customer, event.logged_at_ms)
            yield from _judged("trigger", one.where, facts, customer, event.logged_at_ms)


def _of_event(condition: Condition, event: RecentEvent, customer: Customer) -> Iterator[Judged]:
    at_ms = event.logged_at_ms
    facts = _facts(event, customer, at_ms)
    yield from _judged(f"“{event.name}” of {at(at_ms)}", condition, facts, customer, at_ms)


def _judged(part: str, condition: Condition, facts: Facts, customer: Customer, at_ms: int) -> Iterator[Judged]:
    for clause in clauses(condition, facts):
        ages = tuple(_age(path, customer, at_ms) for path, _ in clause.values)
        yield Judged(part=part, clause=clause, ages=ages)


def _age(path: str, customer: Customer, at_ms: int) -> str:
    root, _, name = path.partition(".")
    field = customer.fields.get(name.split(".")[0]) if root == "customer" else None
    if field is None:
        return ""
    told_ms = field.occurred_at_ms
    if told_ms > at_ms:
        return f"told {length(told_ms - at_ms)} later; what it was then is not known"
    return f"told {length(at_ms - told_ms)} before" if told_ms < at_ms else "told at that instant"


def _facts(event: RecentEvent, customer: Customer, now_ms: int) -> Facts:
    scope = EventScope(
        name=event.name,
        id=event.event_id,
        occurred_at_ms=event.occurred_at_ms,
        properties=read_object(event.properties),
    )
    return Facts(event=scope, customer=customer.scope(), start=scope, now_ms=now_ms)
