"""The outbox relay: takes what was committed to sender and to other partitions, in order. It yields what it needs.

Released rows come from memory. After a claim, after trouble, or when memory's limit was passed, a partition's rows are
read from the outbox until nothing is left there; sender recognises what it has had before. Partitions are served in
turn, and one whose rows sender does not take waits by itself. Rows that sender will never take are tried one by one;
the one that is refused alone is set aside with the reason and holds up nobody.

What is durable at its receiver is deleted when nothing waits to be taken there, so that no decision waits for a sync
that only tidies up; at the latest when it is as many rows of a partition as one call takes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, NoReturn

from sendwhen.domain.changes import DeadLetter
from services.trigger.host_limits import RelayLimits
from services.trigger.ports import (
    TO_SENDER,
    TO_SENDER_FORGET,
    DeleteOutbox,
    Deliver,
    OutboxRow,
    Pause,
    Push,
    ReadOutbox,
    RelayRequest,
    SenderLost,
    SenderRefused,
    StoreLost,
)

Steps = Generator[RelayRequest, Any, None]


class _Lane:
    """The rows of one partition on their way."""

    def __init__(self) -> None:
        self.rows: deque[OutboxRow] = deque()
        self.done = 0
        self.sent: OutboxRow | None = None
        self.sent_rows = 0
        self.reading = True
        self.failures = 0
        self.singly = 0
        self.not_before_ms = 0

    def claimed(self) -> None:
        """Ordinals may stand for other decisions than before: the outbox alone knows."""
        self.rows.clear()
        self.done, self.reading = 0, True
        self.deleted()

    def took(self, rows: Sequence[OutboxRow]) -> None:
        """These are durable at their receiver."""
        self.done, self.sent = rows[-1].ordinal, rows[-1]
        self.sent_rows += len(rows)
        while self.rows and self.rows[0].ordinal <= self.done:
            self.rows.popleft()

    def deleted(self) -> None:
        """What was taken is gone from the outbox, or no longer known to be there."""
        self.sent, self.sent_rows = None, 0

    def add(self, rows: Sequence[OutboxRow], rows_max: int) -> None:
        """Released rows. While the outbox is read they are found there."""
        if self.reading:
            return
        last = self.rows[-1].ordinal if self.rows else self.done
        fresh = [row for row in rows if row.ordinal > last]
        follows = not fresh or fresh[0].ordinal == last + 1
        if not follows or len(self.rows) + len(fresh) > rows_max:
            self.rows.clear()
            self.reading = True
        else:
            self.rows.extend(fresh)


class OutboxRelay:
    """The relay of one shard actor."""

    def __init__(
        self,
        *,
        monotonic_ms: Callable[[], int],
        letter: Callable[[OutboxRow, SenderRefused], DeadLetter],
        limits: RelayLimits | None = None,
    ) -> None:
        self._monotonic_ms = monotonic_ms
        self._letter = letter
        self._limits = limits or RelayLimits()
        self._lanes: dict[int, _Lane] = {}
        self._pushed = 0

    @property
    def pushed(self) -> int:
        """Rows that their receivers have made durable since the start, repeated ones included."""
        return self._pushed

    def waiting(self) -> int:
        """Rows released and not yet durable at sender, as far as they are in memory."""
        return sum(len(lane.rows) for lane in tuple(self._lanes.values()))

    def run(self) -> Generator[RelayRequest, Any, NoReturn]:
        """The requests, for ever."""
        wait_ms = 0
        while True:
            released: Mapping[int, Sequence[OutboxRow]] = yield Pause(at_most_ms=wait_ms)
            self._take(released)
            now_ms = self._monotonic_ms()
            ready = [
                (partition, lane)
                for partition, lane in self._lanes.items()
                if (lane.rows or lane.reading) and lane.not_before_ms <= now_ms
            ]
            for partition, lane in ready:
                yield from self._serve(partition, lane, self._push)
            if not ready:
                yield from self._tidy(now_ms)
            wait_ms = self._wait_ms()

    def _take(self, released: Mapping[int, Sequence[OutboxRow]]) -> None:
        for partition, rows in released.items():
            lane = self._lanes.setdefault(partition, _Lane())
            if rows:
                lane.add(rows, self._limits.memory_rows)
            else:
                lane.claimed()

    def _wait_ms(self) -> int:
        now_ms = self._monotonic_ms()
        waits = [
            max(0, lane.not_before_ms - now_ms)
            for lane in self._lanes.values()
            if lane.rows or lane.reading or lane.sent
        ]
        return min([self._limits.pause_ms, *waits])

    def _tidy(self, now_ms: int) -> Steps:
        """Delete what one partition has sent; then it is looked again whether rows have come."""
        for partition, lane in self._lanes.items():
            if lane.sent and lane.not_before_ms <= now_ms:
                yield from self._serve(partition, lane, self._delete)
                return

    def _serve(self, partition: int, lane: _Lane, do: Callable[[int, _Lane], Steps]) -> Steps:
        try:
            yield from do(partition, lane)
        except (SenderLost, StoreLost):
            # Whatever became of the rows: they stand in the outbox until they are deleted there.
            lane.rows.clear()
            lane.reading = True
            pause_ms = min(self._limits.backoff_ms << min(lane.failures, 10), self._limits.backoff_max_ms)
            lane.failures += 1
            lane.not_before_ms = self._monotonic_ms() + pause_ms
        else:
            lane.failures = 0

    def _push(self, partition: int, lane: _Lane) -> Steps:
        rows: Sequence[OutboxRow]
        rows_max = 1 if lane.singly else self._limits.push_rows
        if lane.reading:
            rows = yield ReadOutbox(partition=partition, after_ordinal=lane.done, rows_max=rows_max)
            if not rows:
                lane.reading = False
                return
        else:
            rows = [lane.rows[place] for place in range(min(len(lane.rows), rows_max))]
        rows = self._fitting(rows)
        last, letter = rows[-1], None
        try:
            if _is_for_sender(last):
                yield Push(partition=partition, rows=rows)
            else:
                yield Deliver(source=partition, rows=rows)
        except SenderRefused as refused:
            if len(rows) > 1:
                lane.singly = len(rows)
                return
            letter = self._letter(last, refused)
        else:
            self._pushed += len(rows)
        lane.singly = max(0, lane.singly - 1)
        if letter is not None:
            yield DeleteOutbox(partition=partition, up_to_ordinal=last.ordinal, lineage=last.lineage, letter=letter)
            lane.took(rows)
            lane.deleted()
            return
        lane.took(rows)
        if lane.sent_rows >= self._limits.push_rows:
            yield from self._delete(partition, lane)

    def _delete(self, partition: int, lane: _Lane) -> Steps:
        assert lane.sent is not None
        yield DeleteOutbox(partition=partition, up_to_ordinal=lane.sent.ordinal, lineage=lane.sent.lineage)
        lane.deleted()

    def _fitting(self, rows: Sequence[OutboxRow]) -> tuple[OutboxRow, ...]:
        size_bytes, to_sender = 0, _is_for_sender(rows[0])
        for place, row in enumerate(rows):
            size_bytes += len(row.intent)
            other = _is_for_sender(row) != to_sender
            if place and (other or size_bytes > self._limits.push_bytes):
                return tuple(rows[:place])
        return tuple(rows)


def _is_for_sender(row: OutboxRow) -> bool:
    return row.target in (TO_SENDER, TO_SENDER_FORGET)
