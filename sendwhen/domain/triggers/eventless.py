"""The part of a trigger's logic that deals with events, for triggers that no event moves by itself."""

from __future__ import annotations

from sendwhen.domain.event_filter import EventFilter
from sendwhen.domain.trigger_kinds import OnRestart
from sendwhen.domain.triggers.logic import Hit, Progress


class EventlessLogic:
    """Listens to nothing; what it fires on, it sees (``sendwhen.domain.triggers.watch``)."""

    starts: tuple[EventFilter, ...] = ()
    answers: tuple[EventFilter, ...] = ()
    on_restart = OnRestart.PARALLEL

    def progress(self, memory: bytes, hit: Hit, memories_max: int) -> Progress:  # noqa: ARG002 - never asked
        """Nothing to move on."""
        return Progress(memory, False)

    def join(self, own: bytes, other: bytes) -> bytes:  # noqa: ARG002 - it looks anew
        """What it saw last of the survivor; it looks again at once."""
        return own

    def due_at_ms(self, hit: Hit) -> int | None:
        """At once."""
        return hit.at_ms
