"""What ingest needs of the outside: a log that keeps events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

from sendwhen.errors import SendwhenError


class LogPosition(msgspec.Struct, frozen=True, kw_only=True):
    """A place in the log: sequence ``seq`` of ``partition``."""

    partition: int
    seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Not taken, and why."""

    error: SendwhenError


Outcome = LogPosition | Refused


# Two of a kind for every event there is: these structs take a fifth of the time of a frozen dataclass.
class LogEvent(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An event ready for the log.

    Attributes:
        payload: Serialised sendwhen.v1.Event, validated and normalised.
        routing_hash: Stable hash of its routing key; decides its partition.
        occurred_at_ms: When it happened; 0 where the client named no time.
    """

    payload: bytes
    routing_hash: int
    occurred_at_ms: int


class EventLog(Protocol):
    """The log, as trigger's front keeps it. Every method raises Unavailable, TooLate or Overloaded."""

    async def partitions(self) -> int:
        """How many partitions the installation has."""
        ...

    async def append(self, events: Sequence[LogEvent]) -> Sequence[Outcome]:
        """Answer when every event is on disk or refused; outcomes in the events' order."""
        ...

    async def wait_applied(self, positions: Sequence[LogPosition], *, deadline_s: float) -> None:
        """Answer when the shards have committed all of these."""
        ...
