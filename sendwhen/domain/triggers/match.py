"""Fires on every event that passes a filter."""

from __future__ import annotations

from sendwhen.domain.event_filter import EventFilter
from sendwhen.domain.trigger_kinds import Match, OnRestart
from sendwhen.domain.triggers.logic import Hit, Progress

_COMPLETE = Progress(b"", True)


class MatchLogic:
    """See ``sendwhen.domain.campaign.Match``."""

    def __init__(self, trigger: Match) -> None:
        self.starts: tuple[EventFilter, ...] = (trigger.match,)
        self.answers: tuple[EventFilter, ...] = ()
        self.on_restart = OnRestart.PARALLEL

    def progress(self, memory: bytes, hit: Hit, memories_max: int) -> Progress:  # noqa: ARG002 - nothing to remember
        """Complete."""
        return _COMPLETE

    def due_at_ms(self, hit: Hit) -> int | None:
        """At once."""
        return hit.at_ms

    def join(self, own: bytes, other: bytes) -> bytes:  # noqa: ARG002 - nothing is remembered
        """Nothing."""
        return b""

    def because(self, event_name: str) -> str:
        """Why it fires."""
        return f"“{event_name}” happened"
