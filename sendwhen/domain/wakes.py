"""Whose deadline comes next, whether or not the customer is in memory.

Deadlines up to ``known_to_ms`` are in an index in memory; later ones only stand with their customers, and the store
lists them. When the index is extended, the store tells the committed deadlines and the customers changed since tell
theirs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sendwhen.domain.customer import Customer
from sendwhen.domain.residents import Resident, Residents
from sendwhen.domain.run import Alarm, Run
from sendwhen.domain.shard_limits import ShardLimits
from sendwhen.domain.timers import Timer, Timers


class Wakes:
    """The customers in memory and the deadlines known.

    Attributes:
        known_to_ms: All deadlines up to here are known.
        residents: The customers in memory; those that become live tell their deadlines.
    """

    def __init__(self, *, known_to_ms: int, limits: ShardLimits) -> None:
        self.known_to_ms = known_to_ms
        self.residents = Residents(limits, self._woke)
        self._timers = Timers()

    def expect(self, wakes: Sequence[tuple[int, str]], complete_to_ms: int, unwritten: Iterable[str]) -> None:
        """Learn deadlines from the store, all up to an instant; ``unwritten`` customers may have others."""
        for due_ms, uid in wakes:
            self._timers.expect(due_ms, uid)
        self.known_to_ms = max(self.known_to_ms, complete_to_ms)
        for uid in (*unwritten, *(uid for _, uid in wakes)):
            resident = self.residents.live.get(uid)
            if resident is not None:
                self._woke(resident.customer)
        self._timers.compact(self._holds)

    def arm(self, uid: str, armed: Iterable[Run | Alarm]) -> None:
        """Learn the deadlines of runs and alarms just armed."""
        for one in armed:
            if one.due_at_ms <= self.known_to_ms:
                self._timers.arm(one, uid)

    def absent_until(self, to_ms: int) -> tuple[str, ...]:
        """Customers with a known deadline by then who are not resident, each once, the earliest first."""
        uids = dict.fromkeys(uid for _, _, uid in self._timers.until(to_ms))
        return self.residents.absent(uids)

    def next_due_ms(self) -> int | None:
        """The earliest known deadline."""
        timer = self._timers.first(self._holds)
        return None if timer is None else timer[0]

    def take_due(self, to_ms: int) -> Timer | None:
        """Take out the earliest deadline, where it is due by then. That of an evicted customer may have passed away."""
        timer = self._timers.first(self._holds)
        if timer is None or timer[0] > to_ms:
            return None
        return self._timers.pop()

    def _woke(self, customer: Customer) -> None:
        if customer.runs:
            self.arm(customer.uid, customer.runs)
        if customer.alarms:
            self.arm(customer.uid, customer.alarms)

    def _holds(self, timer: Timer) -> bool:
        resident: Resident | None = self.residents.live.get(timer[2])
        # What is not live is looked at when it is woken.
        return resident is None or resident.customer.due(timer[0], timer[1]) is not None
