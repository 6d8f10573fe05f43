"""A second, independent evaluator of the script's campaigns: from the logs alone to what had to be decided.

It shares nothing with the production domain but the decoding of entries. It knows the four campaigns of the script by
heart, keeps plain dictionaries for each customer, and fires timers by looking for the earliest one. Who is one customer
it decides by itself (``tests.simulation.oracle_identities``). It also counts what had to become of each event.
"""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Collection, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from sendwhen.domain.entry import Delivered, Entry, EventBatch, Transfers, Unreadable
from sendwhen.domain.event import Event
from sendwhen.domain.partition import customer_uid, routing_hash
from sendwhen.domain.transfer import Forward, Import
from tests.simulation.history import Violated
from tests.simulation.oracle_identities import Handed, Identities, Known, wanted_keys
from tests.simulation.script import MINUTE_EVENTS, PARTITIONS, RECENT_EVENTS, VISITOR_MS

CART_MS, KEYED_MS, THANKS_WAIT_MS, THANKS_COOLDOWN_MS = 60_000, 30_000, 20_000, 45_000
Email = tuple[str, str, str]
"""(campaign, id of the event that started the run, step)."""
Place = tuple[int, int]


@dataclass
class _Wait:
    due_ms: int
    email: Email
    began_ms: int
    key: str = ""
    price: int = 0

    def ended_by(self, name: str, price: int, key: str) -> bool:
        match self.email[0]:
            case "cart":
                return name == "B"
            case "keyed":
                return name == "B" and key == self.key and price > self.price
            case _:
                return name == "C"


@dataclass
class Life:
    """What one customer, as one person, did and waits for."""

    seen: dict[str, int] = field(default_factory=dict)
    applied_s: list[int] = field(default_factory=list)
    waits: list[_Wait] = field(default_factory=list)
    consent: tuple[int, int, bool] = (0, 0, False)
    has_address: bool = False
    thanked_ms: int = -THANKS_COOLDOWN_MS
    once: bool = False
    recent: list[tuple[int, str, int, str]] = field(default_factory=list)
    last_seen_ms: int = 0
    expires_ms: int | None = None


class Oracle:
    """Reads the logs of all partitions.

    Attributes:
        emails: What had to be decided in each partition.
        fates: How many events had to be applied, were repeated, or had to be set aside, by reason, in each.
    """

    def __init__(self, logs: Mapping[int, Sequence[Entry]], skips: Mapping[int, Collection[Place]]) -> None:
        self._logs = {partition: deque(entries) for partition, entries in logs.items()}
        self._skips = skips
        self._clock_ms = dict.fromkeys(logs, 0)
        self._heard: dict[tuple[int, int, str], int] = {}
        self._moving: dict[tuple[str, int], Known] = {}
        self._arrived: set[tuple[str, int]] = set()
        self._identities = {partition: Identities(partition) for partition in logs}
        self._delivered: Counter[Handed] = Counter()
        self.emails: dict[int, Counter[Email]] = {partition: Counter() for partition in logs}
        self.fates: dict[int, Counter[str]] = {partition: Counter() for partition in logs}

    def run(self) -> None:
        """Read all, each log in its order, state that moves before where it arrives.

        Raises:
            Violated: Something arrived that nobody sent, or did not arrive.
        """
        while any(self._logs.values()):
            ready = [partition for partition, log in self._logs.items() if log and self._is_ready(log[0])]
            if not ready:
                raise Violated("State arrived that no identity had given away.")
            for partition in ready:
                self._read(partition, self._logs[partition].popleft())
        handed = sum((identities.handed for identities in self._identities.values()), Counter[Handed]())
        if handed != self._delivered:
            more, fewer = self._delivered - handed, handed - self._delivered
            raise Violated(f"Handed over against the rules: {sorted(more)[:3]}; not handed over: {sorted(fewer)[:3]}.")

    def _is_ready(self, entry: Entry) -> bool:
        return not isinstance(entry, Transfers) or all(
            _origin(item.transfer) in self._moving or _origin(item.transfer) in self._arrived
            for item in entry.items
            if isinstance(item, Delivered) and isinstance(item.transfer, Import)
        )

    def _read(self, partition: int, entry: Entry) -> None:
        now_ms = self._clock_ms[partition] = max(self._clock_ms[partition], entry.at_ms)
        for known in list(self._identities[partition].customers.values()):
            self._fire(partition, known, now_ms)
        fates = self.fates[partition]
        if isinstance(entry, EventBatch):
            if (entry.seq, -1) in self._skips[partition]:
                fates["quarantined"] += 1
                return
            for index, event in enumerate(entry.events):
                assert not isinstance(event, Unreadable)
                self._event(partition, event, (entry.seq, index))
        elif isinstance(entry, Transfers):
            if (entry.seq, -1) in self._skips[partition]:
                fates["quarantined"] += 1
            for index, item in enumerate(entry.items):
                assert isinstance(item, Delivered)
                self._item(partition, item, (entry.seq, index))

    # --- what happens to customers ---

    def _item(self, partition: int, item: Delivered, place: Place) -> None:
        if item.source >= 0:
            heard = partition, item.source, item.lineage
            if item.ordinal <= self._heard.get(heard, 0):
                return
            self._heard[heard] = item.ordinal
            self._delivered[Handed.of(partition, item.transfer)] += 1
        seq, _ = place
        if not {place, (seq, -1)}.isdisjoint(self._skips[partition]):
            self.fates[partition]["failed"] += place in self._skips[partition]
            return
        identities, transfer = self._identities[partition], item.transfer
        known = identities.take(transfer, seq, Life())
        if identities.gave is not None:
            self._moving[identities.gave.uid, seq] = deepcopy(identities.gave)
        if isinstance(transfer, Forward) and identities.is_gone:
            self.fates[partition]["deleted"] += 1
        if known is None:
            return
        if isinstance(transfer, Forward):
            self._event(partition, transfer.event, place, known=known)
        elif isinstance(transfer, Import):
            self._join(partition, known, transfer, seq)

    def _join(self, partition: int, known: Known, arrived: Import, seq: int) -> None:
        origin = _origin(arrived)
        if origin in self._arrived:
            return
        self._arrived.add(origin)
        now_ms, moved, own = self._clock_ms[partition], self._moving.pop(origin), known.life
        other, identities = moved.life, self._identities[partition]
        identities.joined(known, moved, arrived)
        for passed, after in pairwise(arrived.path):
            identities.hand(passed.partition, "repoint", passed.uid, after.uid)
        own.has_address = own.has_address or other.has_address
        if other.consent[0] > own.consent[0]:
            own.consent = (other.consent[0], seq, other.consent[2])
        own.thanked_ms = max(own.thanked_ms, other.thanked_ms)
        own.once = own.once or other.once
        own.seen = {**other.seen, **own.seen}
        own.applied_s += other.applied_s
        own.last_seen_ms = max(own.last_seen_ms, other.last_seen_ms)
        self._join_waits(own, other)
        own.recent = sorted((*other.recent, *own.recent), key=lambda event: event[0])[-RECENT_EVENTS:]
        self._meet(known, now_ms)
        self._fire(partition, known, now_ms)

    @staticmethod
    def _join_waits(own: Life, other: Life) -> None:
        def stays(wait: _Wait, events: Sequence[tuple[int, str, int, str]]) -> bool:
            return not any(
                wait.began_ms <= at_ms < wait.due_ms and wait.ended_by(name, price, key)
                for at_ms, name, price, key in events
            )

        kept = [wait for wait in own.waits if stays(wait, other.recent)]
        for wait in [wait for wait in other.waits if stays(wait, own.recent)]:
            carts = [one for one in kept if one.email[0] == wait.email[0] == "cart"]
            rival = next((one for one in carts if one.began_ms < wait.due_ms and wait.began_ms < one.due_ms), None)
            if rival is None or wait.began_ms >= rival.began_ms:
                kept = [one for one in kept if one is not rival]
                kept.append(wait)
        own.waits = kept

    def _fire(self, partition: int, known: Known, now_ms: int) -> None:
        life = known.life
        for wait in [wait for wait in life.waits if wait.due_ms <= now_ms]:
            life.waits.remove(wait)
            self.emails[partition][wait.email] += life.has_address
        while life.expires_ms is not None and life.expires_ms <= now_ms:
            expires_ms, life.expires_ms = life.expires_ms, None
            if known.user or life.has_address:
                return
            if life.last_seen_ms + VISITOR_MS > expires_ms:
                life.expires_ms = life.last_seen_ms + VISITOR_MS
            else:
                self._identities[partition].forget(known)

    def _meet(self, known: Known, now_ms: int) -> None:
        life = known.life
        if not known.user and not life.has_address and life.expires_ms is None:
            life.expires_ms = now_ms + VISITOR_MS

    # --- events ---

    def _event(self, partition: int, event: Event, place: Place, *, known: Known | None = None) -> None:
        identities, fates, now_ms = self._identities[partition], self.fates[partition], self._clock_ms[partition]
        if known is None:
            if identities.forwards(event):
                return
            known = identities.customers.get(event.uid)
        life = Life() if known is None else known.life
        if event.event_id in life.seen:
            fates["repeated" if life.seen[event.event_id] == event.fingerprint else "other_payload"] += 1
            return
        if sum(at_s > now_ms // 1_000 - 60 for at_s in life.applied_s) >= MINUTE_EVENTS:
            fates["too_many"] += 1
            return
        if place in self._skips[partition]:
            fates["failed"] += 1
            return
        fates["applied"] += 1
        known = known or identities.born(event.uid, place[0], Life())
        life = known.life
        known.user = known.user or event.user_id
        life.has_address = life.has_address or bool(event.email)
        for key in wanted_keys(event):
            identities.tie(known, key, customer_uid(key), routing_hash(key) % PARTITIONS)
        life.last_seen_ms = now_ms
        self._meet(known, now_ms)
        life.seen[event.event_id] = event.fingerprint
        life.applied_s.append(now_ms // 1_000)
        if event.attributes:
            told = json.loads(event.attributes)
            if (event.occurred_at_ms, place[0]) >= life.consent[:2] and "consent" in told:
                life.consent = (event.occurred_at_ms, place[0], told["consent"])
        self._campaigns(partition, life, event, json.loads(event.properties))

    def _campaigns(self, partition: int, life: Life, event: Event, properties: dict[str, Any]) -> None:
        now_ms, name, price, key = self._clock_ms[partition], event.name, properties["price"], properties["sku"]
        life.recent = [*life.recent, (now_ms, name, price, key)][-RECENT_EVENTS:]
        life.waits = [wait for wait in life.waits if not wait.ended_by(name, price, key)]
        emails = self.emails[partition]
        if name == "B":
            if now_ms - life.thanked_ms >= THANKS_COOLDOWN_MS:
                life.thanked_ms = now_ms
                emails["thanks", event.event_id, "0"] += life.has_address
                life.waits.append(_Wait(now_ms + THANKS_WAIT_MS, ("thanks", event.event_id, "2"), now_ms))
        elif name == "C":
            if not life.once and life.consent[2]:
                emails["once", event.event_id, "0"] += life.has_address
            life.once = True
        elif name == "A":
            if price >= 10:
                life.waits = [wait for wait in life.waits if wait.email[0] != "cart"]
                life.waits.append(_Wait(now_ms + CART_MS, ("cart", event.event_id, "0"), now_ms))
            life.waits.append(_Wait(now_ms + KEYED_MS, ("keyed", event.event_id, "0"), now_ms, key, price))


def _origin(arrived: Import) -> tuple[str, int]:
    """Whose state it is, and in which entry it was given away."""
    return arrived.path[0].uid, arrived.path[0].seq
