"""Profile without processes: the production parts on a store in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from sendwhen.chassis.clock import SystemClock
from sendwhen.domain.customer import Customer as Record
from sendwhen.domain.customer import Field
from sendwhen.domain.partition import customer_uid, routing_hash
from sendwhen.domain.record import write_record
from sendwhen.domain.ties import Ties
from sendwhen.domain.transfer import Place
from sendwhen.v1.profile_service_pb2 import CustomerId, Freshness, GetRequest, GetResponse
from services.profile.cache import NearCache
from services.profile.change_tail import ChangeTail
from services.profile.freshness import Freshness as Waits
from services.profile.loader import Loader
from services.profile.lookup import Lookup
from services.profile.record_message import record_message
from tests.fakes.profile_store import MemoryProfileStore
from tests.fakes.tally import Tally

PARTITIONS = 4
NOW_MS = 1_700_000_000_000


def home(user_id: str) -> tuple[str, int]:
    """A customer's uid and partition."""
    key = "user:" + user_id
    return customer_uid(key), routing_hash(key) % PARTITIONS


def record(user_id: str, *, seq: int, told_at_ms: int = NOW_MS, **fields: str) -> bytes:
    return write_record(
        Record(
            uid=home(user_id)[0],
            user_id=user_id,
            seq=seq,
            fields={name: Field(value.encode(), told_at_ms, seq, "grpc") for name, value in fields.items()},
        )
    )


def by_user(user_id: str, *, at_least_seq: int = 0, **max_age_ms: int) -> GetRequest:
    return GetRequest(
        id=CustomerId(user_id=user_id), freshness=Freshness(at_least_seq=at_least_seq, max_age_ms=max_age_ms)
    )


def by_uid(user_id: str) -> GetRequest:
    return GetRequest(id=CustomerId(uid=home(user_id)[0]))


@dataclass(kw_only=True)
class Desk:
    """What a test acts on."""

    store: MemoryProfileStore
    cache: NearCache
    tail: ChangeTail
    lookup: Lookup
    tally: Tally = field(default_factory=Tally)

    async def get(self, request: GetRequest, *, remaining_s: float | None = 5.0) -> GetResponse:
        return GetResponse.FromString(await self.lookup.get(request, remaining_s=remaining_s))

    async def put(self, user_id: str, *, seq: int, change_lost: bool = False, **fields: str) -> None:
        uid, partition = home(user_id)
        await self.store.commit(
            partition, {uid: record(user_id, seq=seq, **fields)}, position=seq, change_lost=change_lost
        )

    async def point(self, user_id: str, into: str, *, seq: int) -> None:
        """A tombstone that points to another customer."""
        (uid, partition), (into_uid, into_partition) = home(user_id), home(into)
        tombstone = Record(uid=uid, seq=seq, ties=Ties(into=Place(into_uid, into_partition, 1)))
        await self.store.commit(partition, {uid: write_record(tombstone)}, position=seq)

    async def settled(self, reached: Callable[[], bool]) -> None:
        """Let everything run until ``reached``."""
        async with asyncio.timeout(5):
            while not reached():  # noqa: ASYNC110  the state belongs to production code, which has no event for it
                await asyncio.sleep(0)

    async def seen(self, user_id: str, seq: int) -> None:
        """The change tail has seen the customer's partition up to ``seq``."""
        await self.settled(lambda: self.tail.position(home(user_id)[1]) >= seq)


@asynccontextmanager
async def open_desk(*, bytes_max: int = 1_000_000, follow: bool = True, idle_s: float = 60.0) -> AsyncIterator[Desk]:
    tally = Tally()
    store = MemoryProfileStore(partitions=PARTITIONS)
    cache = NearCache(bytes_max=bytes_max)
    tail = ChangeTail(changes=store, cache=cache, metrics=tally, idle_s=idle_s)
    loader = Loader(records=store, cache=cache, as_message=record_message, partitions=PARTITIONS, metrics=tally)

    async def now(partition: int) -> int:
        return NOW_MS

    lookup = Lookup(
        cache=cache,
        loader=loader,
        freshness=Waits(followed=tail, records=store, clock=SystemClock()),
        partitions=PARTITIONS,
        now=now,
        metrics=tally,
    )
    desk = Desk(store=store, cache=cache, tail=tail, lookup=lookup, tally=tally)
    following = asyncio.create_task(tail.run()) if follow else None
    try:
        if follow:
            cache.want()
            await desk.settled(lambda: cache.is_open)
        yield desk
    finally:
        if following is not None:
            following.cancel()
            await asyncio.wait({following})
