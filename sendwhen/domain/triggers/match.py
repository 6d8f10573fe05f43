"""Fires on every event that passes a filter."""

from __future__ import annotations

from collections.abc import Sequence

from sendwhen.domain.campaign import EventFilter, Match, OnRestart
from sendwhen.domain.condition import CustomerScope, EventScope
from sendwhen.domain.triggers.logic import Progress

_COMPLETE = Progress(b"", True)


class MatchLogic:
    """See ``sendwhen.domain.campaign.Match``."""

    def __init__(self, trigger: Match) -> None:
        self.starts: tuple[EventFilter, ...] = (trigger.match,)
        self.answers: tuple[EventFilter, ...] = ()
        self.on_restart = OnRestart.PARALLEL

    def progress(
        self,
        memory: bytes,  # noqa: ARG002 - a match remembers nothing; the protocol asks
        hits: Sequence[int],  # noqa: ARG002 - its one filter was hit
        *,
        key: str,  # noqa: ARG002 - as above
        at_ms: int,  # noqa: ARG002 - as above
        memories_max: int,  # noqa: ARG002 - as above
    ) -> Progress:
        """Complete."""
        return _COMPLETE

    def wait_ms(self, event: EventScope, customer: CustomerScope, at_ms: int) -> int | None:  # noqa: ARG002 - at once
        """At once."""
        return 0

    def because(self, event_name: str) -> str:
        """Why it fires."""
        return f"“{event_name}” happened"
