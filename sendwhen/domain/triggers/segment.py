"""Fires when a customer begins or ceases to be one for whom something holds."""

from __future__ import annotations

from sendwhen.domain.asking import holds, next_change_ms, said
from sendwhen.domain.run import Run
from sendwhen.domain.trigger_kinds import Edge, Segment
from sendwhen.domain.triggers.eventless import EventlessLogic
from sendwhen.domain.triggers.watch import Look, Sight

_IN, _OUT = b"\x01", b"\x00"


class SegmentLogic(EventlessLogic):
    """See ``sendwhen.domain.trigger_kinds.Segment``. Remembers whether the customer was in."""

    def __init__(self, trigger: Segment) -> None:
        self._trigger = trigger

    def look(self, memory: bytes, sight: Sight) -> Look:
        """Someone new was out before; of others it is asked what they were, so that being in is not entering."""
        when = self._trigger.when
        was_in = memory == _IN if memory else sight.before is not None and holds(when, sight.before)
        is_in = holds(when, sight.now)
        fires = is_in and not was_in if self._trigger.edge is Edge.ENTER else was_in and not is_in
        return Look(_IN if is_in else _OUT, fires, next_change_ms(when, sight.now))

    def because(self, run: Run) -> str:  # noqa: ARG002 - time alone may do it, too
        """Why it fires."""
        trigger = self._trigger
        verb = "begins to be" if trigger.edge is Edge.ENTER else "ceases to be"
        return (
            f"the customer {verb} in “{trigger.name}”" if trigger.name else f"it {verb} true that {said(trigger.when)}"
        )
