"""How fresh an answer is, and what to do when that is not fresh enough."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

from sendwhen.errors import Invalid, Precondition, Violation
from sendwhen.v1.customer_pb2 import Customer
from services.profile.ports import Head, Records

POLL_S: Final = 0.01
"""How often a partition is asked where it stands while a call waits for it and no change is seen."""

ANSWER_MARGIN_S: Final = 0.02
"""Kept back of a call's deadline, so that "not fresh enough" still reaches the caller."""

WAIT_MAX_S: Final = 10.0
"""Waits of calls without a deadline, and of those with a longer one, end here."""


class Followed(Protocol):
    """How far changes have been seen; the change tail is one."""

    def position(self, partition: int) -> int:
        """Everything committed up to this sequence shows."""
        ...

    def reached(self, partition: int, head: Head) -> bool:
        """Whether all changes of ``head`` were seen."""
        ...

    async def moved(self, *, within_s: float) -> None:
        """Return when a change was seen, or after ``within_s``."""
        ...


class MonotonicClock(Protocol):
    """Measures waits."""

    def monotonic_s(self) -> float:
        """Seconds that never go back."""
        ...


class Freshness:
    """Waits until a partition has been seen far enough."""

    def __init__(self, *, followed: Followed, records: Records, clock: MonotonicClock) -> None:
        self._followed = followed
        self._records = records
        self._clock = clock

    async def reach(self, partition: int, at_least_seq: int, *, remaining_s: float | None) -> int:
        """How far the partition has been seen, once that is at least ``at_least_seq``.

        Args:
            partition: Whose changes.
            at_least_seq: How far.
            remaining_s: What is left of the call's deadline; None: it has none.

        Raises:
            Precondition: Not by the deadline; says how far it is.
            Unavailable: The store cannot be reached.
        """
        seen = self._followed.position(partition)
        if seen >= at_least_seq:
            return seen
        wait_s = WAIT_MAX_S if remaining_s is None else min(remaining_s, WAIT_MAX_S)
        until = self._clock.monotonic_s() + wait_s - ANSWER_MARGIN_S
        while True:
            head = await self._records.head(partition)
            if head.position >= at_least_seq and self._followed.reached(partition, head):
                return head.position
            left_s = until - self._clock.monotonic_s()
            if left_s <= 0:
                raise Precondition(
                    f"Partition {partition} has been seen up to entry {seen}, not yet up to {at_least_seq}.",
                    remedy="Ask again with a longer deadline, or for less fresh data.",
                )
            await self._followed.moved(within_s=min(POLL_S, left_s))
            seen = self._followed.position(partition)
            if seen >= at_least_seq:
                return seen


def withhold_old(customer: Customer, max_age_ms: Mapping[str, int], *, now_ms: int) -> list[str]:
    """Take the values of fields older than asked for out of ``customer``; their names, sorted.

    A field that is not there is not old: it is missing.

    Raises:
        Invalid: A greatest age is negative.
    """
    if any(age_ms < 0 for age_ms in max_age_ms.values()):
        raise Invalid.of([Violation(field="freshness.max_age_ms", description="Send ages of at least 0.")])
    old = sorted(
        name
        for name, age_ms in max_age_ms.items()
        if name in customer.fields and now_ms - customer.fields[name].occurred_at_ms > age_ms
    )
    for name in old:
        customer.fields[name].ClearField("value_json")
    return old
