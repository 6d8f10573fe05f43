"""A version of a campaign, prepared for the shard: which events it listens to, and for what."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from hashlib import blake2b
from types import MappingProxyType
from typing import Any, Final

import msgspec

from sendwhen.domain import triggers
from sendwhen.domain.campaign import Campaign
from sendwhen.domain.condition import Condition, CustomerScope, EventScope, Fuse, Fused
from sendwhen.domain.customer import Customer
from sendwhen.domain.event import Event
from sendwhen.domain.event_filter import EventFilter
from sendwhen.domain.predicate import History, When
from sendwhen.domain.run import EVENT_TIME, TRIGGER_PHASE, Run, on_event_time
from sendwhen.domain.shard_limits import ShardLimits
from sendwhen.domain.source_text import written
from sendwhen.domain.steps import BranchStep, SendStep, WaitStep, WaitUntilStep
from sendwhen.domain.tally import histories
from sendwhen.domain.trigger_kinds import Segment
from sendwhen.domain.triggers.watch import Watch

ANSWERED, EXITED, STOPPED, GOAL = "answered", "exited", "stopped", "goal"
_NOBODY: Final[CustomerScope] = MappingProxyType({})
"""For conditions that ask nothing of the customer."""


class Plan:
    """One version of a campaign.

    Attributes:
        campaign: The version.
        logic: Its trigger.
        on_event_time: It runs behind a watermark. grace_ms: how far its deadlines lie behind in log time; else 0.
        event_names: All that its filters name.
    """

    def __init__(self, campaign: Campaign) -> None:
        self.campaign = campaign
        self.logic = triggers.of(campaign.trigger)
        self.watch: Watch | None = self.logic if isinstance(self.logic, Watch) else None
        self.stops = _by_event(campaign.stop_after)
        self.starts = _by_event(self.logic.starts)
        self._ends: dict[int, dict[str, list[EventFilter]]] = {TRIGGER_PHASE: _by_event(self.logic.answers)}
        for index, step in enumerate(campaign.steps):
            if isinstance(step, SendStep):
                # Where its email is held (for an address, for the end of quiet hours): a wait as good as any.
                self._ends[index] = _by_event(campaign.exit_on)
            elif isinstance(step, WaitStep | WaitUntilStep):
                self._ends[index] = _by_event((*step.exit_on, *campaign.exit_on))
        self.on_event_time = campaign.grace_ms is not None
        self.grace_ms = campaign.grace_ms or 0
        self.event_names = frozenset((*self.starts, *self.event_names_that_end_runs()))

    @cached_property
    def trigger_text(self) -> str:
        """The same for versions of which one may go on with what the trigger of the other remembers."""
        campaign = self.campaign
        return written((campaign.trigger, campaign.per, campaign.grace_ms))

    def continues(self, before: Plan | None) -> bool:
        """Its trigger goes on with what that of another version remembers, as they are the same."""
        return before is not None and before.trigger_text == self.trigger_text

    def watched(self) -> Iterable[When]:
        """What is asked of the customer without an event being looked for."""
        if isinstance(self.campaign.trigger, Segment):
            yield self.campaign.trigger.when
        for step in self.campaign.steps:
            if isinstance(step, WaitUntilStep) and step.when is not None:
                yield step.when

    def histories(self) -> Iterable[History]:
        """The counts that its trigger, guard and steps ask for."""
        campaign = self.campaign
        if isinstance(campaign.trigger, Segment):
            yield from histories(campaign.trigger.when)
        yield from histories(campaign.guard)
        for step in campaign.steps:
            if isinstance(step, WaitUntilStep):
                yield from histories(step.when)
            elif isinstance(step, BranchStep):
                for arm in step.arms:
                    yield from histories(arm.when)

    def event_names_that_end_runs(self) -> Iterable[str]:
        """Names of events that may end an open run."""
        yield from self.stops
        for filters in self._ends.values():
            yield from filters
        for step in self.campaign.steps:
            if isinstance(step, WaitUntilStep) and step.event is not None:
                yield step.event.event
        if self.campaign.goal is not None:
            yield self.campaign.goal.of.event

    def end(self, run: Run, event: EventScope, customer: CustomerScope, at_ms: int, limits: ShardLimits) -> str:
        """Why an event ends a run, or ""."""
        name = event.name
        for where in self.stops.get(name, ()):
            if holds(where.where, event, customer, None, at_ms):
                return STOPPED
        filters = self._ends.get(run.phase, {}).get(name)
        if filters and self.key(event, customer, at_ms, limits) == run.key:
            start = run.scope() if any(where.where and where.where.needs_start for where in filters) else None
            for where in filters:
                if holds(where.where, event, customer, start, at_ms):
                    return ANSWERED if run.phase == TRIGGER_PHASE else EXITED
        goal = self.campaign.goal
        if goal is not None and goal.of.event == name and self._is_its(run, event, customer, at_ms, limits):
            return GOAL if holds(goal.of.where, event, customer, None, at_ms) else ""
        return ""

    def place(self, armed: tuple[int, ...]) -> tuple[int, ...]:
        """The place of a run in the order of armings, by which the clock tells event time apart."""
        return (EVENT_TIME, *armed) if self.on_event_time and not on_event_time(armed) else armed

    def passed(self, event: EventScope, customer: CustomerScope, at_ms: int) -> tuple[bool, list[int]]:
        """Whether an event ends the campaign for the customer, and which of the trigger's filters it passes.

        For one campaign alone; otherwise ``Listeners`` ask for all at once.
        """
        stops = any(holds(one.where, event, customer, None, at_ms) for one in self.stops.get(event.name, ()))
        starts = [
            index
            for index, one in enumerate(self.logic.starts)
            if one.event == event.name and (not _fusable(one) or holds(one.where, event, customer, None, at_ms))
        ]
        return stops, starts

    def awaits(self, run: Run, event: EventScope, customer: CustomerScope, at_ms: int, limits: ShardLimits) -> bool:
        """Whether a run waits until this event comes."""
        step = self.campaign.steps[run.phase] if 0 <= run.phase < len(self.campaign.steps) else None
        if not isinstance(step, WaitUntilStep) or step.event is None or run.held or step.event.event != event.name:
            return False
        where = step.event.where
        start = run.scope() if where and where.needs_start else None
        return self._is_its(run, event, customer, at_ms, limits) and holds(where, event, customer, start, at_ms)

    def _is_its(self, run: Run, event: EventScope, customer: CustomerScope, at_ms: int, limits: ShardLimits) -> bool:
        """An event of the run's key, or of none (a click, say, knows of no order)."""
        return self.key(event, customer, at_ms, limits) in {run.key, None}

    def key(self, event: EventScope, customer: CustomerScope, at_ms: int, limits: ShardLimits) -> str | None:
        """Key of a run; "" in a campaign without keys; None where the event has none."""
        if self.campaign.per is None:
            return ""
        value = self.campaign.per.value(event, customer, event, at_ms)
        return None if value is None else key_text(value, limits.key_chars)


class Listening(msgspec.Struct, frozen=True, gc=False):
    """What one campaign in force does with events of one name.

    Attributes:
        stop_mask: Bits of the filters of which any ends the campaign for the customer.
        starts: (bit, index into logic.starts), start_mask: all of these bits.
    """

    plan: Plan
    stop_mask: int
    starts: tuple[tuple[int, int], ...]
    start_mask: int


class Listeners:
    """All that campaigns in force do with events of one name, their filters fused into one function.

    Attributes:
        campaigns: In the order of their ids.
    """

    def __init__(self, name: str, plans: Sequence[Plan], fuse: Fuse) -> None:
        self._conditions: list[Condition] = []
        self._unconditional = 0
        asked = [(plan, plan.stops.get(name, ()), plan.starts.get(name, ())) for plan in plans]
        for _, stops, starts in asked:
            self._conditions += [one.where for one in (*stops, *starts) if _fusable(one)]
        first_unconditional = self._next_bit = len(self._conditions)
        self._next_condition = 0
        campaigns = []
        for plan, stops, starts in asked:
            if not stops and not starts:
                continue
            stop_mask = sum(1 << self._bit(one) for one in stops)
            bits = tuple(
                (self._bit(one), index)
                for one in starts
                for index, start in enumerate(plan.logic.starts)
                if start is one
            )
            campaigns.append(Listening(plan, stop_mask, bits, sum(1 << bit for bit, _ in bits)))
        self.campaigns = tuple(campaigns)
        self._always_mask = sum(1 << bit for bit in range(first_unconditional, self._next_bit))
        self._fused: Fused | None = fuse(self._conditions) if self._conditions else None
        self._asks_customer = any(condition.asks_customer for condition in self._conditions)

    def passed(self, event: EventScope, customer: CustomerScope, now_ms: int) -> int:
        """A bit for each filter that an event passes."""
        return self._always_mask | (self._fused(event, customer, now_ms) if self._fused is not None else 0)

    def concerns(self, event: Event, customer: Customer, now_ms: int) -> bool:
        """Whether an event passes any filter."""
        if self._fused is None or self._always_mask:
            return True
        scope = customer.scope() if self._asks_customer else _NOBODY
        return self._fused(EventScope.of(event), scope, now_ms) != 0

    def _bit(self, one: EventFilter) -> int:
        if not _fusable(one):
            self._next_bit += 1
            return self._next_bit - 1
        self._next_condition += 1
        return self._next_condition - 1


def holds(
    where: Condition | None, event: EventScope, customer: CustomerScope, start: EventScope | None, at_ms: int
) -> bool:
    """The filter's condition holds; none always does."""
    return where is None or where.test(event, customer, start, at_ms)


def key_text(value: Any, chars_max: int) -> str:
    """A key as text: the same for numbers that are equal; cut and hashed where it is too long."""
    if isinstance(value, str):
        text = value
    elif isinstance(value, float) and value.is_integer() and abs(value) < 2**63:
        text = str(int(value))
    elif isinstance(value, bool) or not isinstance(value, int | float):
        text = msgspec.json.encode(value, order="deterministic").decode()
    else:
        text = str(value)
    if len(text) <= chars_max:
        return text
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    return f"{text[: max(0, chars_max - 33)]}~{digest}"


def _by_event(filters: Sequence[EventFilter]) -> dict[str, list[EventFilter]]:
    by_event: dict[str, list[EventFilter]] = {}
    for one in filters:
        by_event.setdefault(one.event, []).append(one)
    return by_event


def _fusable(one: EventFilter) -> bool:
    # What refers to the events before is asked by the trigger, which knows them.
    return one.where is not None and not one.where.needs_start
