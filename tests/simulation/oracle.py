"""A second, independent evaluator of the script's campaigns: from the log alone to what had to be decided.

It shares nothing with the production domain but the decoding of entries. It knows the four campaigns of the script by
heart, keeps plain dictionaries for each customer, and fires timers by looking for the earliest one. It also counts what
had to become of each event in the log.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from sendwhen.domain.entry import Entry, EventBatch, Unreadable
from sendwhen.domain.event import Event
from tests.simulation.script import MINUTE_EVENTS

CART_MS, KEYED_MS, THANKS_WAIT_MS, THANKS_COOLDOWN_MS = 60_000, 30_000, 20_000, 45_000
Email = tuple[str, str, str]
"""(campaign, id of the event that started the run, step)."""


@dataclass
class _Wait:
    due_ms: int
    email: Email
    key: str = ""
    price: int = 0


@dataclass
class _Customer:
    seen: dict[str, int] = field(default_factory=dict)
    applied_s: list[int] = field(default_factory=list)
    waits: list[_Wait] = field(default_factory=list)
    consent: tuple[int, int, bool] = (0, 0, False)
    thanked_ms: int = -THANKS_COOLDOWN_MS
    once: bool = False


class Oracle:
    """Reads the entries of one partition.

    Attributes:
        emails: What had to be decided.
        fates: How many events had to be applied, were repeated, or had to be set aside, by reason.
    """

    def __init__(self, skips: Collection[tuple[int, int]]) -> None:
        self._skips = skips
        self._customers: dict[str, _Customer] = {}
        self._clock_ms = 0
        self.emails: Counter[Email] = Counter()
        self.fates: Counter[str] = Counter()

    def read(self, entries: Iterable[Entry]) -> None:
        """Take the entries in, in their order."""
        for entry in entries:
            self._clock_ms = max(self._clock_ms, entry.at_ms)
            for customer in self._customers.values():
                self._fire(customer)
            if not isinstance(entry, EventBatch):
                continue
            if (entry.seq, -1) in self._skips:
                self.fates["quarantined"] += 1
                continue
            for index, event in enumerate(entry.events):
                assert not isinstance(event, Unreadable)
                self._event(event, entry.seq, skipped=(entry.seq, index) in self._skips)

    def _fire(self, customer: _Customer) -> None:
        for wait in [wait for wait in customer.waits if wait.due_ms <= self._clock_ms]:
            customer.waits.remove(wait)
            self.emails[wait.email] += 1

    def _event(self, event: Event, seq: int, *, skipped: bool) -> None:
        customer = self._customers.setdefault(event.user_id, _Customer())
        now_s = self._clock_ms // 1_000
        known = customer.seen.get(event.event_id)
        if known is not None:
            self.fates["repeated" if known == event.fingerprint else "other_payload"] += 1
            return
        if sum(at_s > now_s - 60 for at_s in customer.applied_s) >= MINUTE_EVENTS:
            self.fates["too_many"] += 1
            return
        if skipped:
            self.fates["failed"] += 1
            return
        self.fates["applied"] += 1
        customer.seen[event.event_id] = event.fingerprint
        customer.applied_s.append(now_s)
        if event.attributes:
            told = json.loads(event.attributes)
            if (event.occurred_at_ms, seq) >= customer.consent[:2] and "consent" in told:
                customer.consent = (event.occurred_at_ms, seq, told["consent"])
        self._campaigns(customer, event, json.loads(event.properties))

    def _campaigns(self, customer: _Customer, event: Event, properties: dict[str, Any]) -> None:
        now_ms, name, price, key = self._clock_ms, event.name, properties["price"], properties["sku"]
        waits = customer.waits
        if name == "B":
            waits[:] = [
                w
                for w in waits
                if w.email[0] == "thanks" or (w.email[0] == "keyed" and not (w.key == key and price > w.price))
            ]
            if now_ms - customer.thanked_ms >= THANKS_COOLDOWN_MS:
                customer.thanked_ms = now_ms
                self.emails["thanks", event.event_id, "0"] += 1
                self._wait(customer, THANKS_WAIT_MS, ("thanks", event.event_id, "2"))
        elif name == "C":
            waits[:] = [w for w in waits if w.email[0] != "thanks"]
            if not customer.once and customer.consent[2]:
                self.emails["once", event.event_id, "0"] += 1
            customer.once = True
        elif name == "A":
            if price >= 10:
                waits[:] = [w for w in waits if w.email[0] != "cart"]
                self._wait(customer, CART_MS, ("cart", event.event_id, "0"))
            self._wait(customer, KEYED_MS, ("keyed", event.event_id, "0"), key=key, price=price)

    def _wait(self, customer: _Customer, wait_ms: int, email: Email, *, key: str = "", price: int = 0) -> None:
        customer.waits.append(_Wait(self._clock_ms + wait_ms, email, key, price))
