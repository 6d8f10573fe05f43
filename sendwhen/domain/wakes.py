"""Whose deadline comes next, whether or not the customer is in memory.

Deadlines up to ``known_to_ms`` are in an index in memory; later ones only stand with their customers, and the store
lists them. When the index is extended, the store tells the committed deadlines and the customers changed since tell
theirs.

Deadlines of campaigns on event time are an index of their own: an entry that brings events from before may not pass
them until these are in their places.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sendwhen.domain.customer import Customer
from sendwhen.domain.residents import Resident, Residents
from sendwhen.domain.run import Alarm, Run, on_event_time
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
        self._event_timers = Timers()

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
        self._event_timers.compact(self._holds)

    def arm(self, uid: str, armed: Iterable[Run | Alarm]) -> None:
        """Learn the deadlines of runs and alarms just armed."""
        for one in armed:
            if one.due_at_ms <= self.known_to_ms:
                timers = self._event_timers if on_event_time(one.armed) else self._timers
                timers.arm(one, uid)

    def absent_until(self, to_ms: int) -> tuple[str, ...]:
        """Customers with a known deadline by then who are not resident, each once, the earliest first."""
        timers = (*self._timers.until(to_ms), *self._event_timers.until(to_ms))
        if not timers:
            return ()
        return self.residents.absent(dict.fromkeys(uid for _, _, uid in sorted(timers)))

    def next_due_ms(self, event_time_to_ms: int | None = None) -> int | None:
        """The earliest known deadline; of those on event time only one that is due by ``event_time_to_ms``."""
        first = self._first(event_time_to_ms)
        return None if first is None else first[1][0]

    def take_due(self, to_ms: int, event_time_to_ms: int) -> Timer | None:
        """Take out the earliest deadline, where it is due by then. That of an evicted customer may have passed away."""
        first = self._first(event_time_to_ms)
        if first is None or first[1][0] > to_ms:
            return None
        return first[0].pop()

    def _first(self, event_time_to_ms: int | None) -> tuple[Timers, Timer] | None:
        timer, held = self._timers.first(self._holds), self._event_timers.first(self._holds)
        if held is not None and event_time_to_ms is not None and held[0] > event_time_to_ms:
            held = None
        if held is not None and (timer is None or held < timer):
            return self._event_timers, held
        return None if timer is None else (self._timers, timer)

    def _woke(self, customer: Customer) -> None:
        if customer.runs:
            self.arm(customer.uid, customer.runs)
        if customer.alarms:
            self.arm(customer.uid, customer.alarms)

    def _holds(self, timer: Timer) -> bool:
        resident: Resident | None = self.residents.live.get(timer[2])
        # What is not live is looked at when it is woken.
        return resident is None or resident.customer.due(timer[0], timer[1]) is not None
