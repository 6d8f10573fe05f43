"""One partition as its owner holds it: the pure shard, the fence of its claim, and entries read but not applied."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

import msgspec

from sendwhen.domain.changes import DeadLetter
from sendwhen.domain.decision import Send
from sendwhen.domain.entry import Entry, EventBatch, Review, Transfers, Unreadable
from sendwhen.domain.shard import Shard
from sendwhen.domain.skips import WHOLE_ENTRY
from sendwhen.domain.transfer import write_transfer
from sendwhen.wire.email import forget_bytes
from services.trigger.ports import TO_SENDER_FORGET, Claimed, OutboxRow, PartitionCommit, RawEntry


class HostPorts(msgspec.Struct, frozen=True, kw_only=True):
    """What turns bytes into entries and decisions into bytes (``sendwhen.wire``), and a clock for traces.

    Attributes:
        decode: (seq, at_ms, appended_at_us, body) to entry.
        encode: (send, partition, read_at_us, decided_at_us) to a serialised SendIntent.
        payload: (body, index) to the event as it stands there.
        now_us: The process's clock; only for the stamps of traces, no decision reads it.
    """

    decode: Callable[[int, int, int, bytes], Entry]
    encode: Callable[[Send, int, int, int], bytes]
    payload: Callable[[bytes, int], bytes]
    now_us: Callable[[], int]


class Arrived(msgspec.Struct, frozen=True, kw_only=True):
    """An entry, and when it was read."""

    raw: RawEntry
    read_at_us: int


class HostedPartition:
    """A claimed partition. Forgotten as a whole when the store says that it is not what we think.

    Attributes:
        number: Which partition.
        waiting: Read, not applied yet.
        read_to: Last sequence read.
        position: Last one committed.
        cautious: Entries still to be applied alone, because an owner died here.
        page_full: The last answer on deadlines was cut by its limit.
        tick_refused: The log was said to have gone on; if nothing can be read then, our tail is not the store's.
        next_tick_ms: No tick before this.
    """

    def __init__(self, number: int, shard: Shard, claimed: Claimed, ports: HostPorts, *, cautious_entries: int) -> None:
        self.number = number
        self.shard = shard
        self.waiting: deque[Arrived] = deque()
        self.read_to = self.position = claimed.position
        self.epoch = claimed.epoch
        self.cautious = cautious_entries if claimed.claims_without_progress > 1 else 0
        self.page_full = False
        self.tick_refused = False
        self.next_tick_ms = 0
        self._ports = ports
        self._nonce = claimed.position_nonce
        self._lineage = claimed.lineage
        self._next_ordinal = claimed.next_ordinal
        self._applied: dict[int, Arrived] = {}
        self._latest: Arrived | None = None
        self._set_aside: list[DeadLetter] = []
        shard.restore(
            position=claimed.position,
            clock_ms=claimed.clock_ms,
            campaigns=claimed.campaigns,
            received=claimed.received,
        )

    def take(self, entries: tuple[RawEntry, ...], read_at_us: int) -> bool:
        """Keep entries for later. False: they do not follow what was read, so the log is not the one we know."""
        self.tick_refused = False
        for raw in entries:
            if raw.seq != self.read_to + 1:
                return False
            self.read_to = raw.seq
            self.waiting.append(Arrived(raw=raw, read_at_us=read_at_us))
        return True

    def next_entries(self, events_max: int) -> tuple[list[tuple[Arrived, Entry]], int]:
        """Take out the next entries with about so many events, at least one; and how many events they have."""
        found: list[tuple[Arrived, Entry]] = []
        events = 0
        while self.waiting and events < events_max:
            arrived = self.waiting[0]
            entry = self.decoded(arrived)
            size = _size(entry)
            if found and events + size > events_max:
                break
            self.waiting.popleft()
            found.append((arrived, entry))
            events += size
        return found, events

    def last_instant(self, entries: Sequence[tuple[Arrived, Entry]]) -> int:
        """To which the clock moves by these."""
        return max(self.shard.instants(entry)[-1] for _, entry in entries)

    def decoded(self, arrived: Arrived) -> Entry:
        """The entry; what raises on decoding is a batch of one unreadable event."""
        raw = arrived.raw
        try:
            return self._ports.decode(raw.seq, raw.at_ms, raw.appended_at_us, raw.body)
        except Exception:  # noqa: BLE001 - whatever is wrong with one entry must not stop the partition; it is set aside
            return EventBatch(seq=raw.seq, at_ms=raw.at_ms, events=(Unreadable(payload=raw.body),))

    def quarantined(self, arrived: Arrived, tries: int) -> Entry:
        """Set an entry aside unread: an entry without events takes its place, so that the clock goes on."""
        raw = arrived.raw
        letter = DeadLetter(
            seq=raw.seq,
            index=WHOLE_ENTRY,
            event_id="",
            reason="quarantined",
            detail=f"The process died {tries} times while it applied this entry.",
            at_ms=raw.at_ms,
            logged=True,
            payload=raw.body,
        )
        self._set_aside.append(letter)
        return EventBatch(seq=raw.seq, at_ms=raw.at_ms, events=())

    def apply(self, arrived: Arrived, entry: Entry) -> None:
        """Apply an entry whose customers and deadlines are there."""
        self.expecting(arrived)
        self.shard.apply(entry)
        self._nonce = arrived.raw.nonce

    def expecting(self, arrived: Arrived) -> None:
        """Timers are about to fire for this entry, or it is about to be applied: what it decides is stamped with it."""
        self._applied[arrived.raw.seq] = arrived
        self._latest = arrived

    def round(self, owner: str) -> PartitionCommit:
        """All that changed since the last one."""
        changes = self.shard.collect()
        decided_at_us = self._ports.now_us() if changes.sends else 0
        rows = tuple(
            OutboxRow(ordinal=ordinal, lineage=self._lineage, intent=self._encoded(send, decided_at_us))
            for ordinal, send in enumerate(changes.sends, start=self._next_ordinal)
        )
        rows += tuple(
            OutboxRow(ordinal=ordinal, lineage=self._lineage, intent=write_transfer(transfer), target=target)
            for ordinal, (target, transfer) in enumerate(changes.transfers, start=self._next_ordinal + len(rows))
        )
        # Behind the decisions: what was decided before somebody was deleted is at sender when it hears of it.
        rows += tuple(
            OutboxRow(ordinal=ordinal, lineage=self._lineage, intent=forget_bytes(one), target=TO_SENDER_FORGET)
            for ordinal, one in enumerate(changes.forgotten, start=self._next_ordinal + len(rows))
        )
        # Not before its entry is passed: a page of timers may be committed first.
        set_aside = [letter for letter in self._set_aside if letter.seq <= changes.position]
        if changes.dead_letters or set_aside:
            letters = (*changes.dead_letters, *set_aside)
            changes.counters.dead += len(set_aside)
            changes = msgspec.structs.replace(changes, dead_letters=tuple(map(self._with_payload, letters)))
        ahead = self._latest.raw if self._latest and self._latest.raw.seq > changes.position else None
        return PartitionCommit(
            partition=self.number,
            epoch=self.epoch,
            owner=owner,
            from_position=self.position,
            to_position=changes.position,
            to_nonce=self._nonce,
            changes=changes,
            outbox=rows,
            ahead_seq=ahead.seq if ahead else 0,
            ahead_nonce=ahead.nonce if ahead else b"",
        )

    def committed(self, done: PartitionCommit) -> None:
        """The store has it."""
        self.position = done.to_position
        self._next_ordinal += len(done.outbox)
        # What was applied meanwhile belongs to the round to come.
        self._applied = {seq: arrived for seq, arrived in self._applied.items() if seq > done.to_position}
        self._set_aside = [letter for letter in self._set_aside if letter.seq > done.to_position]
        self.shard.evict()

    def _encoded(self, send: Send, decided_at_us: int) -> bytes:
        arrived = self._applied.get(send.entry_seq)
        return self._ports.encode(send, self.number, arrived.read_at_us if arrived else 0, decided_at_us)

    def _with_payload(self, letter: DeadLetter) -> DeadLetter:
        arrived = self._applied.get(letter.seq)
        if letter.payload or arrived is None:
            return letter
        body = arrived.raw.body
        payload = body if letter.index == WHOLE_ENTRY else self._ports.payload(body, letter.index)
        return msgspec.structs.replace(letter, payload=payload)


def _size(entry: Entry) -> int:
    match entry:
        case EventBatch():
            return len(entry.events)
        case Transfers():
            return len(entry.items)
        case Review():
            return len(entry.uids)
        case _:
            return 1
