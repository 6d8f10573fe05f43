"""Customers in memory: live ones as objects, warm ones as compressed bytes. All others are in the store alone.

Both tiers are bounded by bytes; eviction looks for a customer that was not used since it was last looked at, so that
its cost does not depend on how many there are. Where a customer is makes no difference to what is decided.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from zlib import compress, decompress

from sendwhen.domain.changes import CustomerChange
from sendwhen.domain.customer import Customer
from sendwhen.domain.past import PAST_SLOTS, chunk_events
from sendwhen.domain.record import cut_past, read_record, write_record, young_ids
from sendwhen.domain.seen import ITEM_BYTES, SeenIds
from sendwhen.domain.shard_limits import ShardLimits
from sendwhen.errors import Precondition

LIVE_OVERHEAD_BYTES = 1_800
LIVE_BYTES_PER_RECORD_BYTE = 2
"""What a live customer takes besides its ids, as measured: with twenty events and with three open runs."""
WARM_OVERHEAD_BYTES = 150
_LOOKS_MAX = 20_000


class Resident:
    """A live customer.

    Attributes:
        due_at_ms: The deadline that is stored.
        life: ``Customer.born_seq`` as stored.
        dirty: Changed since the last collect.
        used: Since eviction last looked.
        size_bytes: As estimated when it was last read or written.
    """

    __slots__ = ("customer", "dirty", "due_at_ms", "life", "seen", "size_bytes", "used")

    def __init__(self, customer: Customer, seen: SeenIds, size_bytes: int) -> None:
        self.customer = customer
        self.seen = seen
        self.due_at_ms = customer.due_at_ms()
        self.life = customer.born_seq
        self.size_bytes = size_bytes
        self.dirty = False
        self.used = True


class Residents:
    """The customers of one partition that are in memory.

    Attributes:
        live: By uid.
    """

    def __init__(self, limits: ShardLimits, woke: Callable[[Customer], None]) -> None:
        """``woke`` is told of every customer that becomes live."""
        self._live_max_bytes = limits.live_bytes
        self._warm_max_bytes = limits.warm_bytes
        self._chunk_bytes = limits.young_ids * ITEM_BYTES
        self._chunk_events = chunk_events(limits.recent_events)
        self._woke = woke
        self.live: dict[str, Resident] = {}
        self._warm: OrderedDict[str, tuple[bytes, bytes]] = OrderedDict()
        self._queue: deque[str] = deque()
        self._live_bytes = 0
        self._warm_bytes = 0

    def __contains__(self, uid: str) -> bool:
        return uid in self.live or uid in self._warm

    def absent(self, uids: Iterable[str]) -> tuple[str, ...]:
        """Those that are not resident."""
        live, warm = self.live, self._warm
        return tuple([uid for uid in uids if uid not in live and uid not in warm])

    def admit(self, uid: str, record: bytes | None, older_ids: bytes) -> Resident:
        """Make a customer live who is not resident; None: a new one."""
        customer = Customer(uid) if record is None else read_record(record)
        young = b"" if record is None else young_ids(record)
        size = _live_size(b"" if record is None else record, len(older_ids))
        resident = self.live[uid] = Resident(customer, SeenIds(older_ids, young), size)
        self._live_bytes += size
        self._queue.append(uid)
        self._woke(customer)
        return resident

    def needed(self, uid: str) -> Resident:
        """A resident customer, live.

        Raises:
            Precondition: The customer is not resident.
        """
        resident = self.wake(uid)
        if resident is None:
            raise Precondition(
                f"Customer {uid} is not resident.", remedy="Admit the customers in absent() and due_absent() first."
            )
        return resident

    def wake(self, uid: str) -> Resident | None:
        """A resident customer, live; None where it is not resident."""
        resident = self.live.get(uid)
        if resident is None and uid in self._warm:
            record, older_ids = self._warm.pop(uid)
            self._warm_bytes -= _warm_size(record, older_ids)
            resident = self.admit(uid, decompress(record), older_ids)
        return resident

    def write(self, uid: str, resident: Resident) -> CustomerChange:
        """What is to be stored of a dirty customer, who is clean then."""
        seen, customer, was_due_ms = resident.seen, resident.customer, resident.due_at_ms
        append, replace = seen.settle(self._chunk_bytes)
        past: tuple[tuple[int, bytes], ...] = ()
        if not customer.seq:
            return self._deleted(uid, resident, replace)
        if customer.recent_count >= self._chunk_events:
            customer, past = cut_past(customer, self._chunk_events)
            resident.customer = customer
        if resident.life != customer.born_seq:
            if resident.life:
                # Who was deleted and came back since the last commit: the former life's chunks lie there still.
                past = (*((slot, b"") for slot in range(PAST_SLOTS)), *past)
            resident.life = customer.born_seq
        older_bytes = seen.older_bytes
        record = write_record(customer, seen.young(), older=older_bytes > 0)
        size = _live_size(record, older_bytes)
        self._live_bytes += size - resident.size_bytes
        resident.size_bytes = size
        resident.dirty = False
        due_ms = resident.due_at_ms = customer.due_at_ms()
        return CustomerChange(
            uid=uid,
            record=record,
            seen_append=append,
            seen_replace=replace,
            due_at_ms=due_ms,
            due_moved=due_ms != was_due_ms,
            past=past,
        )

    def _deleted(self, uid: str, resident: Resident, seen_replace: bytes | None) -> CustomerChange:
        moved = resident.due_at_ms is not None
        resident.dirty, resident.due_at_ms, resident.life = False, None, 0
        return CustomerChange(uid=uid, record=None, seen_replace=seen_replace, due_moved=moved)

    def evict(self) -> int:
        """Bring both tiers within their bounds, but for dirty customers; how many are gone.

        A call looks at a bounded number of customers; what is left over the bound goes with the next calls.
        """
        looks = min(len(self._queue), _LOOKS_MAX)
        while self._live_bytes > self._live_max_bytes and looks > 0:
            looks -= 1
            uid = self._queue.popleft()
            resident = self.live[uid]
            if resident.used or resident.dirty:
                resident.used = False
                self._queue.append(uid)
                continue
            del self.live[uid]
            self._live_bytes -= resident.size_bytes
            seen = resident.seen
            older_ids = bytes(seen.packed[: seen.older_bytes])
            record = compress(write_record(resident.customer, seen.young(), older=bool(older_ids)), 1)
            self._warm[uid] = (record, older_ids)
            self._warm_bytes += _warm_size(record, older_ids)
        gone = 0
        while self._warm_bytes > self._warm_max_bytes:
            _, (record, older_ids) = self._warm.popitem(last=False)
            self._warm_bytes -= _warm_size(record, older_ids)
            gone += 1
        return gone


def _live_size(record: bytes, older_bytes: int) -> int:
    return len(record) * LIVE_BYTES_PER_RECORD_BYTE + older_bytes + LIVE_OVERHEAD_BYTES


def _warm_size(record: bytes, older_ids: bytes) -> int:
    return len(record) + len(older_ids) + WARM_OVERHEAD_BYTES
