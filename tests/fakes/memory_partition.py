"""One partition of the in-memory store: the state of the real keys, and each store function as a method.

Written as a second, independent statement of the semantics of services/trigger/*.lua; the contract suite holds the two
together.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field

from sendwhen.domain.changes import CampaignRow, DeadLetter, ReceivedRow
from sendwhen.domain.past import PAST_SLOTS
from sendwhen.domain.record import with_past
from sendwhen.v1 import log_pb2
from services.trigger.archive_ports import Standing
from services.trigger.log_port import Lagging, PartitionHead
from services.trigger.ports import Claimed, DueAnswer, OutboxRow, PartitionCommit, RawEntry, Refusal, Why

DEAD_LETTERS_MAX = 10_000
FLOOD_LETTERS_MAX = 1_000
CHANGES_MAX = 10_000
ENTRY_OVERHEAD_BYTES = 128


@dataclass(frozen=True)
class ChangeRow:
    """What the change stream holds for each commit."""

    number: int
    epoch: int
    owner: str
    position: int
    uids: tuple[str, ...]


@dataclass(frozen=True)
class Stored:
    """An entry, and the events and bytes appended up to it, itself included."""

    entry: RawEntry
    events: int
    bytes: int


@dataclass
class MemoryPartition:
    """State of one partition. All values are immutable, so a copy of the containers is a snapshot."""

    partition: int
    log: dict[int, Stored] = field(default_factory=dict)
    seq: int = 0
    ts: int = 0
    events: int = 0
    bytes: int = 0
    position: int = 0
    position_ts: int = 0
    position_nonce: bytes = b""
    events_applied: int = 0
    epoch: int = 0
    owner: str = ""
    generation: int = 0
    claims: int = 0
    ordinal: int = 0
    out_acked: int = 0
    dead: int = 0
    duplicates: int = 0
    applied: int = 0
    trying_seq: int = 0
    trying_n: int = 0
    changes: int = 0
    review_mark: str = ""
    review_left: tuple[str, ...] = ()
    records: dict[str, bytes] = field(default_factory=dict)
    seen: dict[str, bytes] = field(default_factory=dict)
    past: dict[tuple[str, int], bytes] = field(default_factory=dict)
    due: dict[str, int] = field(default_factory=dict)
    outbox: dict[int, OutboxRow] = field(default_factory=dict)
    change_rows: list[ChangeRow] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    campaigns: dict[tuple[str, str], CampaignRow] = field(default_factory=dict)
    received: dict[tuple[int, str], ReceivedRow] = field(default_factory=dict)

    def copied(self) -> MemoryPartition:
        """The same state, apart."""
        twin = copy.copy(self)
        for name, value in vars(self).items():
            if isinstance(value, dict | list):
                setattr(twin, name, value.copy())
        return twin

    # --- the log ---

    def append(
        self, *, at_ms: int, store_us: int, events: int, nonce: bytes, body: bytes, lag_max: int
    ) -> Lagging | None:
        """Add an entry unless the shard is too far behind. ``at_ms`` is bounded by the caller from above only."""
        lag = self.events - self.events_applied
        if events and lag >= lag_max:
            return Lagging(partition=self.partition, lag_events=lag)
        self.seq += 1
        self.ts = max(self.ts, at_ms)
        self.events += events
        self.bytes += len(body) + ENTRY_OVERHEAD_BYTES
        entry = RawEntry(seq=self.seq, at_ms=self.ts, appended_at_us=store_us, nonce=nonce, body=body)
        self.log[self.seq] = Stored(entry, self.events, self.bytes)
        return None

    def read(self, after: int, entries_max: int) -> tuple[RawEntry, ...]:
        """Entries behind a sequence; a trimmed one is passed over in silence, as a stream does."""
        first = max(after + 1, next(iter(self.log), self.seq + 1))
        last = min(first + entries_max, self.seq + 1)
        return tuple(self.log[s].entry for s in range(first, last) if s in self.log)

    def trim(self, *, keep_ms: int, keep_bytes: int, now_ms: int, archived: int | None) -> int:
        """Delete what lies behind the position and before the last archived entry, and is old or too much."""
        at = self.log.get(self.position)
        if at is None:
            return 0
        gone = [
            seq
            for seq, stored in self.log.items()
            if seq < self.position
            and (archived is None or seq < archived)
            and (stored.entry.at_ms < max(now_ms, self.position_ts) - keep_ms or at.bytes - stored.bytes > keep_bytes)
        ]
        for seq in gone:
            del self.log[seq]
        return len(gone)

    def standing(self, after: int) -> Standing:
        """What is there behind a sequence."""
        following = next((seq for seq in self.log if after < seq <= self.position), None)
        at = self.log.get(after)
        return Standing(
            head_seq=self.seq,
            position=self.position,
            first_seq=next(iter(self.log), 0),
            nonce=at.entry.nonce if at else None,
            next_appended_at_us=self.log[following].entry.appended_at_us if following else 0,
            bytes=self.log[self.position].bytes - self.log[following].bytes if following else 0,
        )

    def record(self, uid: str) -> bytes | None:
        """A customer's record, with its older events."""
        record = self.records.get(uid)
        return record and with_past(record, [self.past.get((uid, slot)) for slot in range(PAST_SLOTS)])

    # --- ownership ---

    def claim(self, *, owner: str, generation: int, lineage: str) -> Claimed | Refusal:
        """Become the owner, unless a newer generation has been here."""
        if generation < self.generation:
            return Refusal(why=Why.FENCED)
        self.epoch += 1
        self.owner, self.generation = owner, generation
        self.claims += 1
        return Claimed(
            epoch=self.epoch,
            position=self.position,
            position_nonce=self.position_nonce,
            clock_ms=self.position_ts,
            campaigns=tuple(self.campaigns.values()),
            next_ordinal=self.ordinal + 1,
            lineage=lineage,
            claims_without_progress=self.claims,
            received=tuple(self.received.values()),
        )

    def fenced(self, epoch: int, owner: str) -> bool:
        """Whether this is not the owner."""
        return (epoch, owner) != (self.epoch, self.owner)

    def mark_trying(self, epoch: int, owner: str, seq: int) -> int | Refusal:
        """Count the attempts at one entry."""
        if self.fenced(epoch, owner):
            return Refusal(why=Why.FENCED)
        self.trying_n = self.trying_n + 1 if self.trying_seq == seq else 1
        self.trying_seq = seq
        return self.trying_n

    def review(self, mark: str, customers_max: int) -> tuple[tuple[str, ...], bool]:
        """Who is to be named next, and whether that is all."""
        if mark != self.review_mark:
            self.review_mark, self.review_left = mark, tuple(self.records)
        named, self.review_left = self.review_left[:customers_max], self.review_left[customers_max:]
        return named, not self.review_left

    # --- the commit ---

    def commit(self, round_: PartitionCommit, *, skip_at_ms: int, store_us: int, nonces: list[bytes]) -> Refusal | None:
        """All of the round, or nothing."""
        if (refusal := self._refuses(round_)) is not None:
            return refusal
        changes = round_.changes
        for number, row in enumerate(round_.outbox, start=self.ordinal + 1):
            if row.ordinal != number:
                raise ValueError(f"outbox row {row.ordinal} must have ordinal {number}")
        if round_.to_position > self.position:
            self.claims = 0
        if round_.to_position:
            self.events_applied = self.log[round_.to_position].events
        self.position, self.position_nonce = round_.to_position, round_.to_nonce
        self.position_ts = changes.clock_ms
        self._write_customers(round_)
        for row in round_.outbox:
            self.outbox[row.ordinal] = row
            self.ordinal = row.ordinal
        self._write_rest(round_)
        skipped = [letter for letter in changes.dead_letters if letter.logged]
        for letter, nonce in zip(skipped, nonces, strict=True):
            skip = log_pb2.SkipEntry(seq=letter.seq, index=letter.index, reason=letter.reason)
            body = log_pb2.LogEntry(skip=skip).SerializeToString()
            self.append(at_ms=skip_at_ms, store_us=store_us, events=0, nonce=nonce, body=body, lag_max=0)
        return None

    def _refuses(self, round_: PartitionCommit) -> Refusal | None:
        if self.fenced(round_.epoch, round_.owner):
            return Refusal(why=Why.FENCED)
        if round_.from_position != self.position:
            return Refusal(why=Why.MOVED)
        stored = self.log.get(round_.to_position)
        if round_.to_position and (stored is None or stored.entry.nonce != round_.to_nonce):
            return Refusal(why=Why.LOST)
        ahead = self.log.get(round_.ahead_seq)
        if round_.ahead_seq and (ahead is None or ahead.entry.nonce != round_.ahead_nonce):
            return Refusal(why=Why.LOST)
        return None

    def _write_customers(self, round_: PartitionCommit) -> None:
        for customer in round_.changes.customers:
            if customer.record is None:
                self.records.pop(customer.uid, None)
                for slot in range(PAST_SLOTS):
                    self.past.pop((customer.uid, slot), None)
            else:
                self.records[customer.uid] = customer.record
            self.past |= {(customer.uid, slot): chunk for slot, chunk in customer.past}
            if customer.seen_replace is not None:
                self.seen[customer.uid] = customer.seen_replace
            elif customer.seen_append:
                self.seen[customer.uid] = self.seen.get(customer.uid, b"") + customer.seen_append
            if not customer.due_moved:
                continue
            if customer.due_at_ms is None:
                self.due.pop(customer.uid, None)
            else:
                self.due[customer.uid] = customer.due_at_ms

    def _write_rest(self, round_: PartitionCommit) -> None:
        changes = round_.changes
        self.changes += 1
        uids = tuple(customer.uid for customer in changes.customers)
        self.change_rows.append(ChangeRow(self.changes, round_.epoch, round_.owner, round_.to_position, uids))
        del self.change_rows[:-CHANGES_MAX]
        self._set_aside(changes.dead_letters)
        self.applied += changes.counters.applied
        self.duplicates += changes.counters.duplicates
        for row in changes.campaigns:
            if row.source:
                self.campaigns[row.campaign_id, row.version] = row
            else:
                self.campaigns.pop((row.campaign_id, row.version), None)
        for heard in changes.received:
            if heard.ordinal:
                self.received[heard.source, heard.lineage] = heard
            else:
                self.received.pop((heard.source, heard.lineage), None)

    def _set_aside(self, letters: Sequence[DeadLetter]) -> None:
        self.dead += len(letters)
        self.dead_letters.extend(letters)
        for flood, most in ((False, DEAD_LETTERS_MAX), (True, FLOOD_LETTERS_MAX)):
            alike = [letter for letter in self.dead_letters if (letter.reason == "too_many") is flood]
            for letter in alike[:-most]:
                self.dead_letters.remove(letter)

    # --- what is read ---

    def past_of(self, uid: str) -> tuple[bytes | None, ...]:
        """Chunks of older events, by slot."""
        return tuple(self.past.get((uid, slot)) for slot in range(PAST_SLOTS))

    def due_up_to(self, up_to_ms: int, customers_max: int) -> DueAnswer:
        """See Due."""
        rows = sorted((at_ms, uid) for uid, at_ms in self.due.items() if at_ms <= up_to_ms)
        if len(rows) <= customers_max:
            return DueAnswer(customers=tuple(rows), complete_to_ms=up_to_ms)
        cut_ms = rows[customers_max][0]
        kept = [row for row in rows if row[0] < cut_ms]
        if kept:
            return DueAnswer(customers=tuple(kept), complete_to_ms=cut_ms - 1)
        return DueAnswer(customers=tuple(row for row in rows if row[0] == cut_ms), complete_to_ms=cut_ms)

    def delete_outbox(self, up_to: int, lineage: str, letter: DeadLetter | None) -> None:
        """Delete rows; none where the last one is gone or of another lineage."""
        row = self.outbox.get(up_to)
        if lineage and (row is None or row.lineage != lineage):
            return
        self.outbox = {ordinal: row for ordinal, row in self.outbox.items() if ordinal > up_to}
        self.out_acked = max(self.out_acked, min(up_to, self.ordinal))
        if letter is not None:
            self._set_aside([letter])

    def head(self) -> PartitionHead:
        """Where it stands."""
        return PartitionHead(
            partition=self.partition,
            owner=self.owner,
            epoch=self.epoch,
            generation=self.generation,
            head_seq=self.seq,
            head_at_ms=self.ts,
            position=self.position,
            lag_events=self.events - self.events_applied,
            outbox=self.ordinal - self.out_acked,
            dead_letters=self.dead,
            duplicates=self.duplicates,
            applied=self.applied,
        )
