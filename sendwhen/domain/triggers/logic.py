"""What every kind of trigger tells the journey. A new kind is a module beside this one and a line in ``of``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

import msgspec

from sendwhen.domain.condition import CustomerScope, EventScope
from sendwhen.domain.event_filter import EventFilter
from sendwhen.domain.run import Run, StartEvent
from sendwhen.domain.shard_limits import ShardLimits
from sendwhen.domain.span import Span
from sendwhen.domain.trigger_kinds import OnRestart


class Begun(msgspec.Struct, frozen=True, gc=False):
    """Where what is now complete began, if not with the event that completes it.

    Attributes:
        at_ms: When. event: With what.
        captured: Events of named steps.
    """

    at_ms: int
    event: StartEvent
    captured: Mapping[str, StartEvent] = {}


class Progress(msgspec.Struct, frozen=True, gc=False):
    """How far a trigger has come.

    Attributes:
        memory: The kind's own memory from now on, in its own coding; b"" for none.
        complete: The event completes the start.
        overflows: Limits that overflowed.
        begun: None: with this event.
        value: What was measured.
        also: What else the event completes, each of which fires by itself.
    """

    memory: bytes
    complete: bool
    overflows: int = 0
    begun: Begun | None = None
    value: float | None = None
    also: Sequence[Begun] = ()


class Hit(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An event that passes filters of a trigger.

    Attributes:
        indexes: It passes ``starts[i]`` for these i; at least one. A condition that refers to what came before is not
            asked yet: only the trigger knows what that is.
        event, customer: As conditions see them.
        occurrence: The event as it is kept.
        key: Of the run.
        at_ms: Log time (in a campaign on event time: the event's own).
        first_seen_at_ms: Of the customer. put_at_ms: of the campaign's version.
    """

    indexes: Sequence[int]
    event: EventScope
    customer: CustomerScope
    key: str
    at_ms: int
    occurrence: StartEvent
    first_seen_at_ms: int
    put_at_ms: int


class Standing(msgspec.Struct, frozen=True, gc=False):
    """How far a trigger has come for one key, for explanations.

    Attributes:
        text: A clause without a full stop.
        since_ms: When that began, or last changed; 0: nobody knows.
    """

    key: str
    text: str
    since_ms: int = 0


class TriggerLogic(Protocol):
    """One trigger of one version of a campaign."""

    @property
    def starts(self) -> tuple[EventFilter, ...]:
        """Filters that move the trigger on."""
        ...

    @property
    def answers(self) -> tuple[EventFilter, ...]:
        """Filters that end a wait in the trigger; they may refer to ``start``."""
        ...

    @property
    def on_restart(self) -> OnRestart:
        """What a further start does to an open wait of its key."""
        ...

    @property
    def waits_for_itself(self) -> bool:
        """Its wait says that none of ``starts`` came: one that may start nothing (paused, too old) ends it."""
        ...

    @property
    def at_latest(self) -> Span | None:
        """So long after the first start it fires, however often later ones reset it; None: no bound."""
        ...

    def progress(self, memory: bytes, hit: Hit, limits: ShardLimits) -> Progress:
        """Move on by a hit, from what was remembered; no more is remembered than the limits allow."""
        ...

    def due_at_ms(self, hit: Hit) -> int | None:
        """When a complete start fires: ``hit.at_ms`` for at once, None where the event gives no usable time."""
        ...

    def due_again_at_ms(self, run: Run, due_at_ms: int) -> int | None:
        """When a run that fired at ``due_at_ms`` fires again; None: it does not."""
        ...

    def because(self, run: Run) -> str:
        """Why it fires, in words that follow "because"."""
        ...

    def standings(self, memory: bytes) -> Sequence[Standing]:
        """What is remembered, in words; ``memory`` is not b""."""
        ...

    def join(self, own: bytes, other: bytes) -> bytes:
        """The memory of two customers who turn out to be one; neither is b""."""
        ...


class Past(msgspec.Struct, frozen=True, gc=False):
    """A hit of the past, of one of two customers who turn out to be one.

    Attributes:
        own: It is the survivor's; else the other identity's.
    """

    hit: Hit
    own: bool


@runtime_checkable
class Replayed(Protocol):
    """A trigger whose memory is what events lead to in their order: it is made anew of two histories."""

    def rejoin(self, own: bytes, other: bytes, past: Sequence[Past], since_ms: int, limits: ShardLimits) -> bytes:
        """The memory after both histories in one; what completes in them is over and fires nothing.

        ``past`` is all that came since ``since_ms``, and perhaps some of what came before, in order. What was begun
        before it, and remembered by one side, is moved on by the other side's events only: its own have done so.
        """
        ...


class AtOnce:
    """What triggers have in common that fire on an event and keep no wait."""

    answers: tuple[EventFilter, ...] = ()
    on_restart = OnRestart.PARALLEL
    waits_for_itself = False
    at_latest: Span | None = None

    def due_at_ms(self, hit: Hit) -> int | None:
        """At once."""
        return hit.at_ms

    def due_again_at_ms(self, run: Run, due_at_ms: int) -> int | None:  # noqa: ARG002 - never
        """Never."""
        return None

    def standings(self, memory: bytes) -> Sequence[Standing]:  # noqa: ARG002 - nothing that words would help with
        """Nothing."""
        return ()


class Waiting:
    """What triggers have in common of which one event opens a wait and nothing else is remembered."""

    answers: tuple[EventFilter, ...] = ()
    waits_for_itself = True
    at_latest: Span | None = None

    def progress(self, memory: bytes, hit: Hit, limits: ShardLimits) -> Progress:  # noqa: ARG002 - nothing to remember
        """Every event opens the wait or begins it anew."""
        return Progress(b"", True)

    def due_again_at_ms(self, run: Run, due_at_ms: int) -> int | None:  # noqa: ARG002 - never
        """Never."""
        return None

    def standings(self, memory: bytes) -> Sequence[Standing]:  # noqa: ARG002 - nothing is remembered
        """Nothing."""
        return ()

    def join(self, own: bytes, other: bytes) -> bytes:  # noqa: ARG002 - nothing is remembered
        """Nothing."""
        return b""


def holds(one: EventFilter, hit: Hit, start: EventScope) -> bool:
    """A filter that the event passed as far as it could be asked holds in view of what came before."""
    where = one.where
    return where is None or not where.needs_start or where.test(hit.event, hit.customer, start, hit.at_ms)
