"""Fires when the last event of a kind lies so far back."""

from __future__ import annotations

from sendwhen.domain.event_filter import EventFilter
from sendwhen.domain.run import Run
from sendwhen.domain.trigger_kinds import OnRestart, Recency
from sendwhen.domain.triggers.logic import Hit, Waiting


class RecencyLogic(Waiting):
    """See ``sendwhen.domain.trigger_kinds.Recency``. The wait since the last event is all there is to know."""

    on_restart = OnRestart.RESET

    def __init__(self, trigger: Recency) -> None:
        self._since = trigger.since
        self.starts: tuple[EventFilter, ...] = (trigger.of,)

    def due_at_ms(self, hit: Hit) -> int | None:
        """So long after the event."""
        return self._since.after(hit.at_ms)

    def because(self, run: Run) -> str:
        """Why it fires."""
        return f"the last “{run.start.name}” lies that far back"
