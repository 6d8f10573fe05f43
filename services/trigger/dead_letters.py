"""Lists events that were set aside, latest first, within what one answer may carry."""

from __future__ import annotations

import heapq
from typing import Final

from sendwhen.domain.changes import DeadLetter
from sendwhen.errors import Invalid, Violation
from sendwhen.v1 import trigger_service_pb2 as pb
from services.trigger.front_messages import dead_letter_message
from services.trigger.log_port import Log

LETTERS_DEFAULT: Final = 100
LETTERS_MAX: Final = 1_000
EVENTS_BYTES_MAX: Final = 3 * 1024 * 1024
"""Of the events in one answer, because clients take 4 MB; of further letters the event is left out."""

_Placed = tuple[int, DeadLetter]
"""(partition, letter)."""


class DeadLetterDesk:
    """Reads the letters of all partitions."""

    def __init__(self, event_log: Log, *, partitions: int) -> None:
        self._log = event_log
        self._partitions = range(partitions)

    async def list(self, limit: int) -> pb.ListDeadLettersResponse:
        """The latest ``limit`` of all partitions; 0: as many as is usual.

        Raises:
            Invalid: That is no number of letters.
        """
        limit = limit or LETTERS_DEFAULT
        if not 0 < limit <= LETTERS_MAX:
            description = f"Send 1 to {LETTERS_MAX}, or 0 for {LETTERS_DEFAULT}."
            raise Invalid.of([Violation(field="limit", description=description)])
        heads = await self._log.heads(self._partitions)
        latest: list[_Placed] = []
        # One partition after the other: a letter has up to 34 KB, and each partition may have as many as are asked for.
        for partition in self._partitions:
            letters = await self._log.dead_letters(partition, limit)
            latest = heapq.nlargest(limit, [*latest, *((partition, letter) for letter in letters)], key=_order)
        return pb.ListDeadLettersResponse(
            dead_letters=_within_bytes(latest), total=sum(head.dead_letters for head in heads)
        )


def _order(placed: _Placed) -> tuple[int, int, int, int]:
    partition, letter = placed
    return letter.at_ms, letter.seq, partition, letter.index


def _within_bytes(latest: list[_Placed]) -> list[pb.DeadLetter]:
    messages = []
    left_bytes = EVENTS_BYTES_MAX
    for partition, letter in latest:
        message = dead_letter_message(partition, letter)
        left_bytes -= len(message.event)
        if left_bytes < 0:
            message.ClearField("event")
        messages.append(message)
    return messages
