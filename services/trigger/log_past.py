"""A customer's events as the log still holds them, and the archive: whole, with what each told of the customer."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Final

import msgspec
from msgspec.structs import replace

from sendwhen.domain.customer import Customer
from sendwhen.domain.entry import EventBatch
from sendwhen.domain.event import Event
from sendwhen.errors import SendwhenError
from sendwhen.wire.entry import entry_of
from services.trigger.archive_ports import EVENTS_MAX, Archived, ArchivedPast, LogTail
from services.trigger.ports import RawEntry

FOR_EVER_MS: Final = 2**62
PAGE: Final = 50
ENTRIES_MAX: Final = 5_000
BYTES_MAX: Final = 32 * 1024 * 1024
"""So much of a partition's log is looked through for one customer, the latest of it."""


class Logged(msgspec.Struct, frozen=True, kw_only=True):
    """What was found.

    Attributes:
        events: (log time, event), oldest first.
        since_ms: Log time from which on nothing is missing; a far instant where nothing could be read.
        unread: Why the archive was not read; "" where it was, or there is none.
    """

    events: tuple[tuple[int, Event], ...] = ()
    since_ms: int = FOR_EVER_MS
    unread: str = ""


class LogPast:
    """Looks through the end of a partition's log."""

    def __init__(self, tail: LogTail, *, event_clock: bool, archive: ArchivedPast | None = None) -> None:
        self._tail = tail
        self._archive = archive
        self._event_clock = event_clock

    async def of(self, partition: int, customer: Customer) -> Logged:
        """The latest events of a customer up to what is committed, EVENTS_MAX at most. Raises StoreLost."""
        after, position = await self._range(partition)
        logged = await self._logged(partition, customer, after, position)
        if self._archive is None:
            return _latest(logged)
        try:
            archived = await self._archive.customer(partition, customer.uid)
        except SendwhenError as error:
            return _latest(replace(logged, unread=f"The archive could not be read: {error}"))
        return _latest(_together(archived, logged, after, event_clock=self._event_clock))

    async def _logged(self, partition: int, customer: Customer, after: int, position: int) -> Logged:
        names = _names(customer)
        # One more than are kept, so that it shows where some are left out.
        found: deque[tuple[int, Event]] = deque(maxlen=EVENTS_MAX + 1)
        since_ms = FOR_EVER_MS
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


def _latest(logged: Logged) -> Logged:
    more = len(logged.events) - EVENTS_MAX
    if more <= 0:
        return logged
    events = logged.events[more:]
    # Others of the first one's instant may be among those left out.
    return replace(logged, events=events, since_ms=max(logged.since_ms, events[0][0] + 1))


def _together(archived: Archived, logged: Logged, after: int, *, event_clock: bool) -> Logged:
    known = {
        event.event_id: (event.occurred_at_ms if event_clock else at_ms, event) for at_ms, event in archived.events
    }
    known |= {event.event_id: (at_ms, event) for at_ms, event in logged.events}
    # From the first entry on and without a gap between the two, nothing is missing at all.
    whole = archived.first_seq == 1 and archived.last_seq >= after
    events = tuple(sorted(known.values(), key=lambda one: one[0]))
    return Logged(events=events, since_ms=0 if whole else logged.since_ms)


def _names(customer: Customer) -> list[bytes]:
    names = (customer.user_id, *customer.anonymous_ids, customer.email)
    return [name.encode("utf-8", "surrogatepass") for name in names if name]
