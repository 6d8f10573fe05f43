"""A store in memory, and a host that treats a shard as the real one does, but at moments that a test chooses."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from hashlib import blake2b

from sendwhen.domain.changes import CampaignRow, Changes, ReceivedRow
from sendwhen.domain.entry import Entry
from sendwhen.domain.past import PAST_SLOTS
from sendwhen.domain.record import with_past
from sendwhen.domain.shard import Shard


@dataclass(slots=True)
class Kept:
    """What a store would hold of one partition."""

    position: int = 0
    clock_ms: int = 0
    records: dict[str, bytes] = field(default_factory=dict)
    seen: dict[str, bytes] = field(default_factory=dict)
    past: dict[tuple[str, int], bytes] = field(default_factory=dict)
    due: dict[str, int] = field(default_factory=dict)
    campaigns: dict[tuple[str, str], CampaignRow] = field(default_factory=dict)
    received: dict[tuple[int, str], ReceivedRow] = field(default_factory=dict)
    outputs: list[object] = field(default_factory=list)

    def commit(self, changes: Changes) -> None:
        """Keep a round."""
        self.position, self.clock_ms = changes.position, changes.clock_ms
        for one in changes.customers:
            if one.record is None:
                self.records.pop(one.uid, None)
                for slot in range(PAST_SLOTS):
                    self.past.pop((one.uid, slot), None)
            else:
                self.records[one.uid] = one.record
            self.past |= {(one.uid, slot): chunk for slot, chunk in one.past}
            before = self.seen.get(one.uid, b"")
            self.seen[one.uid] = before + one.seen_append if one.seen_replace is None else one.seen_replace
            if one.due_moved:
                self.due.pop(one.uid, None)
                if one.due_at_ms is not None:
                    self.due[one.uid] = one.due_at_ms
            assert self.due.get(one.uid) == one.due_at_ms, "a deadline that moved was not said to have moved"
        for row in changes.campaigns:
            self.campaigns[row.campaign_id, row.version] = row
            if not row.source:
                del self.campaigns[row.campaign_id, row.version]
        for heard in changes.received:
            self.received[heard.source, heard.lineage] = heard
            if not heard.ordinal:
                del self.received[heard.source, heard.lineage]
        self.outputs += [*changes.decisions, *changes.sends, *changes.dead_letters]

    def past_of(self, uid: str) -> list[bytes | None]:
        """Chunks of older events, by slot."""
        return [self.past.get((uid, slot)) for slot in range(PAST_SLOTS)]

    def record(self, uid: str) -> bytes:
        """A customer as whoever looks is shown it."""
        return with_past(self.records[uid], self.past_of(uid))

    def outputs_by_kind(self) -> dict[str, list[object]]:
        """What was decided, each kind in its order, however it was cut into rounds."""
        kinds: dict[str, list[object]] = {}
        for output in self.outputs:
            kinds.setdefault(type(output).__name__, []).append(output)
        return kinds

    def digest(self) -> str:
        """Of all that is kept and was decided, in an order of its own."""
        parts = [self.position, self.clock_ms]
        parts += [
            sorted(self.records.items()),
            sorted(self.seen.items()),
            sorted(self.past.items()),
            sorted(self.due.items()),
        ]
        parts += [[self.campaigns[version] for version in sorted(self.campaigns)], self.outputs]
        return blake2b(repr(parts).encode()).hexdigest()


class Host:
    """Drives one shard from what is kept.

    Attributes:
        shard: Replaced by ``restart``.
    """

    def __init__(self, make_shard: Callable[[], Shard], *, horizon_ms: int, at_once: int = 1_000) -> None:
        self._make = make_shard
        self._horizon_ms = horizon_ms
        self._at_once = at_once
        self.kept = Kept()
        self.gone = 0
        self.restart()

    def restart(self) -> None:
        """Forget what was not committed; start from what is kept."""
        self.shard = self._make()
        rows = tuple(self.kept.campaigns.values())
        received = tuple(self.kept.received.values())
        self.shard.restore(position=self.kept.position, clock_ms=self.kept.clock_ms, campaigns=rows, received=received)

    def apply(self, entry: Entry, *, commit_between: bool = False) -> None:
        """As the shard's documentation says; deadlines in small chunks, committed in between where wished."""
        shard = self.shard
        self._load(shard.absent(entry))
        instants = shard.instants(entry)
        self._know(instants[-1])
        while shard.due_absent(instants[0]) and self._at_once < 1_000:
            due = shard.next_due_before_ms(entry)
            if due is None or due > instants[0]:
                break
            self._load(shard.due_absent(due))
            shard.advance(due, entry=entry)
            if commit_between:
                self.commit()
                self._load(shard.absent(entry))
        self._load(shard.due_absent(instants[-1]))
        self._load(shard.absent(entry))
        for uid in shard.past_wanted(entry):
            shard.recall(uid, self.kept.past_of(uid))
        shard.apply(entry)

    def commit(self) -> None:
        """Collect, keep, evict."""
        self.kept.commit(self.shard.collect())
        self.gone += self.shard.evict()

    def _know(self, to_ms: int) -> None:
        if to_ms > self.shard.known_to_ms:
            complete_to = to_ms + self._horizon_ms
            wakes = sorted((due, uid) for uid, due in self.kept.due.items() if due <= complete_to)
            self.shard.expect(wakes, complete_to)

    def _load(self, uids: Iterable[str]) -> None:
        for uid in uids:
            self.shard.admit(uid, self.kept.records.get(uid), self.kept.seen.get(uid, b""))
