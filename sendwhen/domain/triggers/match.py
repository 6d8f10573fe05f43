"""Fires on every event that passes a filter."""

from __future__ import annotations

from sendwhen.domain.event_filter import EventFilter
from sendwhen.domain.run import Run
from sendwhen.domain.shard_limits import ShardLimits
from sendwhen.domain.trigger_kinds import Match
from sendwhen.domain.triggers.logic import AtOnce, Hit, Progress

_COMPLETE = Progress(b"", True)


class MatchLogic(AtOnce):
    """See ``sendwhen.domain.trigger_kinds.Match``."""

    def __init__(self, trigger: Match) -> None:
        self.starts: tuple[EventFilter, ...] = (trigger.match,)

    def progress(self, memory: bytes, hit: Hit, limits: ShardLimits) -> Progress:  # noqa: ARG002 - nothing to remember
        """Complete."""
        return _COMPLETE

    def because(self, run: Run) -> str:
        """Why it fires."""
        return f"“{run.start.name}” happened"

    def join(self, own: bytes, other: bytes) -> bytes:  # noqa: ARG002 - nothing is remembered
        """Nothing."""
        return b""
