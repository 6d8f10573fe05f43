"""The part of a trigger's logic that deals with events, for triggers that no event moves by itself."""

from __future__ import annotations

from sendwhen.domain.event_filter import EventFilter
from sendwhen.domain.shard_limits import ShardLimits
from sendwhen.domain.triggers.logic import AtOnce, Hit, Progress
from sendwhen.domain.triggers.watch import Watch


class EventlessLogic(AtOnce, Watch):
    """Listens to nothing; what it fires on, it sees."""

    starts: tuple[EventFilter, ...] = ()

    def progress(self, memory: bytes, hit: Hit, limits: ShardLimits) -> Progress:  # noqa: ARG002 - never asked
        """Nothing to move on."""
        return Progress(memory, False)

    def join(self, own: bytes, other: bytes) -> bytes:  # noqa: ARG002 - the survivor's look is what was seen last
        """What was seen of the customer that stays."""
        return own
