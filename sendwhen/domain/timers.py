"""Deadlines, in a total order: by instant, then by order of arming.

A timer is never taken out when its run ends: what comes to the front is compared with the runs of its customer, and
nothing happens where none has that deadline. A timer of a customer who is not resident only says that the customer must
be loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from heapq import heappop, heappush

from sendwhen.domain.run import Alarm, Run

Timer = tuple[int, tuple[int, ...], str]
"""(due_at_ms, armed, uid). ``armed`` is () where only the customer's earliest deadline is known."""


class Timers:
    """The known deadlines of one partition."""

    def __init__(self) -> None:
        self._heap: list[Timer] = []
        self._compact_at = 4_096

    def arm(self, due: Run | Alarm, uid: str) -> None:
        """A run's deadline, or an alarm's."""
        heappush(self._heap, (due.due_at_ms, due.armed, uid))

    def expect(self, due_at_ms: int, uid: str) -> None:
        """The earliest deadline of a customer who is not resident."""
        heappush(self._heap, (due_at_ms, (), uid))

    def first(self, holds: Callable[[Timer], bool]) -> Timer | None:
        """The earliest timer that holds; those before it are dropped."""
        heap = self._heap
        while heap:
            if holds(heap[0]):
                return heap[0]
            heappop(heap)
        return None

    def pop(self) -> Timer:
        """Take the earliest timer out."""
        return heappop(self._heap)

    def until(self, to_ms: int) -> Sequence[Timer]:
        """All timers due by then, in order."""
        if not self._heap or self._heap[0][0] > to_ms:
            return ()
        found = []
        todo = [0]
        while todo:
            place = todo.pop()
            if place < len(self._heap) and self._heap[place][0] <= to_ms:
                found.append(self._heap[place])
                todo += (2 * place + 1, 2 * place + 2)
        return sorted(found)

    def compact(self, holds: Callable[[Timer], bool]) -> None:
        """Drop timers that do not hold, or stand there twice, once they may outnumber the others."""
        if len(self._heap) >= self._compact_at:
            # Customers tell their deadlines each time they wake; a sorted list is a heap.
            self._heap = sorted({timer for timer in self._heap if holds(timer)})
            self._compact_at = max(4_096, 2 * len(self._heap))
