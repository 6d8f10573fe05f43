"""One customer's way through one campaign, and the names of runs and emails."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b

import msgspec

from sendwhen.domain.condition import EventScope
from sendwhen.domain.event import Event
from sendwhen.domain.properties import read_object

TRIGGER_PHASE = -1
"""Phase of a run that waits in its trigger; otherwise the phase is the index of the wait step."""

EVENT_TIME = 2**53
"""Begins the place of what a campaign on event time arms; other places begin with a sequence, which is less. So the
clock can tell them apart. Held events begin with one more: at one instant they come behind the deadlines."""


def on_event_time(armed: tuple[int, ...]) -> bool:
    """Whether a place is that of a campaign on event time."""
    return bool(armed) and armed[0] >= EVENT_TIME


class StartEvent(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What is kept of the event that started a run: for correlated filters, templates and the trace."""

    event_id: str
    name: str
    occurred_at_ms: int
    properties: bytes
    traceparent: str
    received_at_us: int

    @classmethod
    def of(cls, event: Event) -> StartEvent:
        """What a run keeps of its starting event."""
        return cls(
            event.event_id,
            event.name,
            event.occurred_at_ms,
            event.properties,
            event.traceparent,
            event.received_at_us,
        )

    def scope(self) -> EventScope:
        """As conditions see it under ``start``."""
        return EventScope(
            name=self.name,
            id=self.event_id,
            occurred_at_ms=self.occurred_at_ms,
            properties=read_object(self.properties),
        )


NO_ADDRESS = "no_address"
"""``Run.held`` of a run that waits for the customer's address."""


class Alarm(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A deadline of a customer that is no run's: what has to be looked at again, and when.

    Attributes:
        kind: Who looks (``sendwhen.domain.alarms``).
        campaign_id, version: Whose; "" where it is the customer's alone.
        due_at_ms, armed: As of a run; one alarm of a customer has one place.
        key: Tells alarms of a kind apart. payload: in the kind's own coding.
    """

    kind: str
    campaign_id: str
    version: str
    due_at_ms: int
    armed: tuple[int, ...]
    key: str = ""
    payload: bytes = b""


class Run(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An open run: it waits for its deadline, in its trigger or in a step.

    Attributes:
        version: The campaign's version that started it; it stays with it.
        start_at_ms: Log time of the starting event.
        phase: TRIGGER_PHASE or the index of the wait step.
        due_at_ms: The deadline, computed once.
        armed: Place in the order of armings: (entry, instant, 1, index of the event, count within it) where an event
            armed it; (entry, due, 0, *armed of the timer that fired) where a timer did. Total and without a counter,
            so that a shard resumed in the middle of an entry orders alike.
        start: The event that the trigger started with. event: the one that completed it, where it is another.
        captured: Events of a sequence's named steps.
        value: What the trigger measured.
        held: Why it stands before the step ``phase`` again, which is no wait then (quiet hours, say); "" for a wait.
        latest_ms: The longest that it waits until something holds.
        occurrence: How many times its trigger fired before from the same start (a repeated absence).
        began_at_ms: Log time of the first start, where later ones reset it and there is a bound from the first; else 0.
    """

    run_id: str
    campaign_id: str
    version: str
    key: str
    start_at_ms: int
    phase: int
    due_at_ms: int
    armed: tuple[int, ...]
    start: StartEvent
    event: StartEvent | None = None
    captured: Mapping[str, StartEvent] = {}
    value: float | None = None
    held: str = ""
    latest_ms: int = 0
    occurrence: int = 0
    began_at_ms: int = 0

    def scope(self) -> EventScope:
        """As conditions see it: ``start``, with the named steps."""
        scope = self.start.scope()
        if self.captured:
            scope.steps = {name: one.scope() for name, one in self.captured.items()}
        return scope

    def firing_event(self) -> StartEvent:
        """The event that armed it."""
        return self.event or self.start


def run_id(*, campaign_id: str, event_id: str, key: str, uid: str) -> str:
    """The name of the run that this event arms: 32 hexadecimal digits."""
    return _digest(b"", (campaign_id, event_id, key, uid))


def next_run_id(run: str) -> str:
    """The name of the run that fires again where this one did."""
    return _digest(b"", (run, "again"))


def sibling_run_id(run: str, start_id: str) -> str:
    """The name of a run that the same event arms, but that began with another."""
    return _digest(b"", (run, "start", start_id))


def moved_run_id(run: str, version: str) -> str:
    """The name of a run from its move to another version on."""
    return _digest(b"", (run, "moved", version))


def send_id(send_key: bytes, *, run: str, step: int, occurrence: int = 0) -> str:
    """The name of one email, the same after every failure: 32 hexadecimal digits."""
    return _digest(send_key, (run, str(step), str(occurrence)))


def _digest(key: bytes, parts: tuple[str, ...]) -> str:
    # Lengths in front, so that no two lists of parts make the same bytes.
    joined = "".join(f"{len(part)}:{part}" for part in parts)
    return blake2b(joined.encode("utf-8", "surrogatepass"), digest_size=16, key=key[:64]).hexdigest()
