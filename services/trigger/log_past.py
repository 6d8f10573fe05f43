"""A customer's events as the log still holds them: whole, with what each told of the customer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from sendwhen.domain.customer import Customer
from sendwhen.domain.entry import EventBatch
from sendwhen.domain.event import Event
from sendwhen.wire.entry import entry_of
from services.trigger.archive_ports import LogTail
from services.trigger.ports import RawEntry

PAGE: Final = 50
ENTRIES_MAX: Final = 5_000
BYTES_MAX: Final = 32 * 1024 * 1024
"""So much of a partition's log is looked through for one customer, the latest of it."""


class Logged(msgspec.Struct, frozen=True, kw_only=True):
    """What was found.

    Attributes:
        events: (log time, event), oldest first.
        since_ms: Log time from which on nothing is missing; a far instant where nothing could be read.
    """

    events: tuple[tuple[int, Event], ...] = ()
    since_ms: int = 2**62


class LogPast:
    """Looks through the end of a partition's log."""

    def __init__(self, tail: LogTail, *, event_clock: bool) -> None:
        self._tail = tail
        self._event_clock = event_clock

    async def of(self, partition: int, customer: Customer) -> Logged:
        """Events of a customer up to what is committed. Raises StoreLost."""
        after, position = await self._range(partition)
        names = _names(customer)
        found: list[tuple[int, Event]] = []
        since_ms = 2**62
        while after < position:
            page = await self._tail.entries(partition, after, position, PAGE)
            if not page:
                break
            since_ms = min(since_ms, page[0].at_ms)
            for raw in page:
                # Bodies are searched before they are read: one of many is the customer's.
                if any(name in raw.body for name in names):
                    found += self._of_customer(raw, customer.uid)
            after = page[-1].seq
        return Logged(events=tuple(found), since_ms=since_ms)

    async def _range(self, partition: int) -> tuple[int, int]:
        """Behind which entry to begin, and where to end: the latest entries that are not too many bytes."""
        standing = await self._tail.standing(partition, 0)
        first, position = standing.first_seq, standing.position
        entries = ENTRIES_MAX
        while first and entries:
            after = max(first - 1, position - entries)
            if (await self._tail.standing(partition, after)).bytes <= BYTES_MAX:
                return after, position
            entries //= 4
        return position, position

    def _of_customer(self, raw: RawEntry, uid: str) -> Iterator[tuple[int, Event]]:
        entry = entry_of(raw.seq, raw.at_ms, raw.appended_at_us, raw.body)
        if isinstance(entry, EventBatch):
            for event in entry.events:
                if isinstance(event, Event) and event.uid == uid:
                    yield (event.occurred_at_ms if self._event_clock else entry.at_ms), event


def _names(customer: Customer) -> list[bytes]:
    names = (customer.user_id, *customer.anonymous_ids, customer.email)
    return [name.encode("utf-8", "surrogatepass") for name in names if name]
