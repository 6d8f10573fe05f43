"""The log behind trigger's front, in the same process: what ``services.ingest.grpc_log`` asks for over the wire."""

from __future__ import annotations

from collections.abc import Sequence

from services.ingest.ports import LogEvent, LogPosition, Outcome, Refused
from services.trigger.append import Appender
from services.trigger.applied import AppliedWatch
from services.trigger.log_port import Appended


class FrontLog:
    """Ingest's log port over the front's own use cases. The store's time-outs bound every append."""

    def __init__(self, appender: Appender, applied: AppliedWatch) -> None:
        self._appender = appender
        self._applied = applied

    async def partitions(self) -> int:
        """How many partitions the installation has."""
        return self._appender.partitions

    async def append(self, events: Sequence[LogEvent]) -> Sequence[Outcome]:
        """Append; one outcome for each event."""
        outcomes = await self._appender.append(
            [event.payload for event in events],
            [event.routing_hash for event in events],
            [event.occurred_at_ms for event in events],
        )
        # Events of one partition share an entry, and then an outcome.
        known: dict[int, Outcome] = {}
        found: list[Outcome] = []
        for outcome in outcomes:
            told = known.get(id(outcome))
            if told is None:
                told = known[id(outcome)] = (
                    LogPosition(partition=outcome.partition, seq=outcome.seq)
                    if isinstance(outcome, Appended)
                    else Refused(error=outcome)
                )
            found.append(told)
        return found

    async def wait_applied(self, positions: Sequence[LogPosition], *, deadline_s: float) -> None:
        """Wait until the shards have committed them."""
        wanted = {position.partition: position.seq for position in positions}
        await self._applied.wait(wanted, within_s=deadline_s)
