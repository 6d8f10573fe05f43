"""The near-cache: customers as serialised answers, true as long as the change streams are followed without a gap.

Knows no store and no transport. One event loop uses it, so nothing here is locked: between two awaits nothing changes.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from services.profile.ports import Moved

ENTRY_OVERHEAD_BYTES: Final = 400
"""What an entry costs besides its bytes: keys, the object, its place in the order."""

NOWHERE: Final = -1
"""The partition of a customer whom no partition knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of one uid.

    Attributes:
        partition: Where the customer lives; NOWHERE where every partition was asked in vain.
        customer: Serialised sendwhen.v1.Customer; None: nobody (an answer worth keeping too).
        moved: The customer was joined into this one; ``customer`` is None then.
    """

    partition: int
    customer: bytes | None
    moved: Moved | None = None

    @property
    def size_bytes(self) -> int:
        """What keeping it costs."""
        return ENTRY_OVERHEAD_BYTES + (len(self.customer) if self.customer is not None else 0)


class Ticket:
    """A load under way. It goes stale when the customer changes, or its partition's changes were missed, meanwhile."""

    __slots__ = ("stale",)

    def __init__(self) -> None:
        self.stale = False


class NearCache:
    """Customers by uid, the least recently used go first.

    Args:
        bytes_max: Upper bound of what the entries cost together; on overflow the least recently used are evicted.

    Attributes:
        bytes_held, evicted: For metrics; ``evicted`` counts ever since.
        asked: How often somebody asked for a customer; says whether following changes is worth its while.
    """

    def __init__(self, *, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._known: OrderedDict[str, Known] = OrderedDict()
        self._uids: dict[int, set[str]] = {}
        self._loading: dict[str, Ticket] = {}
        self._open = False
        self._wanted = asyncio.Event()
        self.bytes_held = 0
        self.evicted = 0
        self.asked = 0

    def __len__(self) -> int:
        return len(self._known)

    @property
    def is_open(self) -> bool:
        """Changes are followed."""
        return self._open

    def find(self, uid: str) -> Known | None:
        """What is known, or None: load it."""
        self.asked += 1
        known = self._known.get(uid)
        if known is not None:
            self._known.move_to_end(uid)
        return known

    def begin_load(self, uid: str) -> Ticket:
        """Say, before the store is asked, that ``uid`` is being loaded."""
        ticket = Ticket()
        if self._open:
            self._loading[uid] = ticket
        else:
            # While changes are not followed nothing may be kept or shared: nobody would tell that it went stale.
            ticket.stale = True
            self.want()
        return ticket

    def end_load(self, uid: str, ticket: Ticket, known: Known | None) -> None:
        """Keep what was loaded, unless it went stale meanwhile. None: the load failed."""
        if self._loading.get(uid) is ticket:
            del self._loading[uid]
        if known is None or ticket.stale or known.size_bytes > self._bytes_max:
            return
        self._forget(uid)
        self._known[uid] = known
        self._uids.setdefault(known.partition, set()).add(uid)
        self.bytes_held += known.size_bytes
        while self.bytes_held > self._bytes_max:
            self._forget(next(iter(self._known)))
            self.evicted += 1

    def is_loading(self, uid: str) -> bool:
        """A load that has not gone stale is under way: wait for it instead of asking again."""
        return uid in self._loading

    def changed(self, uids: Iterable[str]) -> None:
        """These customers changed: forget them, and let no load that began before keep what it finds."""
        for uid in uids:
            self._forget(uid)
            self._spoil(uid)

    def clear(self, partition: int) -> None:
        """Changes of a partition were missed: forget its customers, and who was found nowhere."""
        for where in (partition, NOWHERE):
            for uid in tuple(self._uids.get(where, ())):
                self._forget(uid)
        # A load does not know yet where it will find its customer.
        for uid in tuple(self._loading):
            self._spoil(uid)

    def want(self) -> None:
        """Say that customers are going to be asked for, so that following changes is worth its while."""
        self._wanted.set()

    async def wanted(self) -> None:
        """Return when somebody has wanted a customer since changes were last followed."""
        await self._wanted.wait()

    def open(self) -> None:
        """From now on changes are followed: what is loaded may be kept."""
        self._open = True
        self._wanted.clear()

    def close(self) -> None:
        """Changes are no longer followed: forget everything and keep nothing."""
        self._open = False
        self._known.clear()
        self._uids.clear()
        self.bytes_held = 0
        for uid in tuple(self._loading):
            self._spoil(uid)

    def _spoil(self, uid: str) -> None:
        # Out of the table too: whoever asks from now on must not be answered by a load that began before the change.
        ticket = self._loading.pop(uid, None)
        if ticket is not None:
            ticket.stale = True

    def _forget(self, uid: str) -> None:
        known = self._known.pop(uid, None)
        if known is not None:
            self.bytes_held -= known.size_bytes
            self._uids[known.partition].discard(uid)
