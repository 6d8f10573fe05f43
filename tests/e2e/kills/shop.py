"""Customers of a shop: the seed says what they do, and every event is handed over until it is acknowledged."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from sendwhen.client import Client, Event, Position, Retries, connect

CUSTOMERS = 300
CANARIES = 4
"""Enough for customers in the partitions of either shard."""
LANES = 8
BATCH_EVENTS = 10
BATCH_EVERY_S = 0.2
CALL_WITHIN_S = 3.0
"""Shorter than the longer pauses, so that calls are given up of which nobody knows what became."""
FOR_EVER = Retries(attempts=1_000_000, seconds=1_000_000.0)


@dataclass(slots=True)
class Customer:
    """One customer, and what is known of the events so far."""

    number: int
    events: int = 0
    occurred_at_ms: int = 0

    @property
    def user_id(self) -> str:
        return f"customer-{self.number}"

    def does(self, name: str, **properties: object) -> Event:
        """The next event, later than the one before it."""
        self.events += 1
        self.occurred_at_ms = max(self.occurred_at_ms + 1, time.time_ns() // 1_000_000)
        return Event(
            name=name,
            user_id=self.user_id,
            email=f"{self.user_id}@example.com",
            attributes={"visits": self.events},
            properties=properties,
            occurred_at_ms=self.occurred_at_ms,
            event_id=f"{self.user_id}/{self.events}",
        )


@dataclass
class Shop:
    """Customers and what was acknowledged of them.

    Attributes:
        canaries: Customers of whom only the probe makes events.
        acknowledged: Where each event is, by its id; written down the moment the answer is there.
        refused: Answers that no retry can mend; there must be none.
    """

    seed: int
    customers: list[Customer] = field(default_factory=lambda: list(map(Customer, range(CUSTOMERS))))
    canaries: list[Customer] = field(
        default_factory=lambda: list(map(Customer, range(CUSTOMERS, CUSTOMERS + CANARIES)))
    )
    acknowledged: dict[str, Position] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    closing: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def everyone(self) -> list[Customer]:
        return [*self.customers, *self.canaries]

    @property
    def made(self) -> int:
        """Events that customers made, acknowledged or still under way."""
        return sum(customer.events for customer in self.everyone)

    async def open(self, target: str, *, write_key: str) -> None:
        """Trade until closed; returns when every event is acknowledged."""
        async with connect(target, write_key=write_key, deadline_s=CALL_WITHIN_S, retries=FOR_EVER) as client:
            await asyncio.gather(*(self._trade(client, lane) for lane in range(LANES)))

    async def hand_over(self, client: Client, events: list[Event]) -> None:
        """Until acknowledged, with the same ids."""
        for event, result in zip(events, await client.track_batch(events), strict=True):
            if isinstance(result, Position):
                self.acknowledged[event.event_id] = result
            else:
                self.refused.append(f"{event.event_id}: {result}")

    async def _trade(self, client: Client, lane: int) -> None:
        doings = self._doings(lane)
        while not self.closing.is_set():
            await self.hand_over(client, [next(doings) for _ in range(BATCH_EVENTS)])
            await asyncio.sleep(BATCH_EVERY_S)

    def _doings(self, lane: int) -> Iterator[Event]:
        """Without end. Most events mean nothing; some carts are bought in time, some too late, some never."""
        chance = random.Random(f"{self.seed}/{lane}")
        customers = self.customers[lane::LANES]
        buying: list[tuple[int, Customer]] = []
        for turn in range(1_000_000_000):
            if buying and buying[0][0] <= turn:
                yield buying.pop(0)[1].does("Order Completed", total=chance.randrange(100))
                continue
            customer, kind = chance.choice(customers), chance.random()
            if kind < 0.03:
                yield customer.does("Product Added", sku=f"sku-{chance.randrange(9)}")
                if chance.random() < 0.6:
                    buying.append((turn + chance.randrange(1, 16 * BATCH_EVENTS), customer))
                    buying.sort(key=lambda later: later[0])
            elif kind < 0.045:
                yield customer.does("Order Completed", total=chance.randrange(100))
            elif kind < 0.055:
                yield customer.does("Seat Freed")
            else:
                yield customer.does("Page Viewed", path="/" + "x" * chance.randrange(200))
