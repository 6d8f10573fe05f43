"""Fires when a session is over: nothing of it came for a while."""

from __future__ import annotations

from sendwhen.domain.event_filter import EventFilter
from sendwhen.domain.run import Run
from sendwhen.domain.trigger_kinds import OnRestart, SessionEnd
from sendwhen.domain.triggers.logic import Hit, Waiting


class SessionEndLogic(Waiting):
    """See ``sendwhen.domain.trigger_kinds.SessionEnd``. The open wait is the session, from its first event on."""

    on_restart = OnRestart.EXTEND

    def __init__(self, trigger: SessionEnd) -> None:
        self._gap = trigger.gap
        self.starts: tuple[EventFilter, ...] = (trigger.of,)

    def due_at_ms(self, hit: Hit) -> int | None:
        """A gap after the event: one that comes exactly then begins a session of its own."""
        return self._gap.after(hit.at_ms)

    def because(self, run: Run) -> str:
        """Why it fires."""
        return f"the session that “{run.start.name}” began is over"
