"""Profile on a real store: the contract, and the change stream as invalidation."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest
import uvloop
from redis.asyncio import Redis

from sendwhen.chassis.grpc_channel import open_channel
from sendwhen.chassis.store_pool import open_async_store
from sendwhen.errors import Precondition
from sendwhen.v1.profile_service_pb2_grpc import ProfileStub
from services.profile.__main__ import main
from services.profile.installation import await_installation
from services.profile.ports import ChangesLost
from services.profile.settings import Settings
from services.profile.valkey_changes import ValkeyChanges
from services.profile.valkey_records import ValkeyRecords
from tests.contract.profile_store_contract import ProfileStoreContract, Store
from tests.integration.valkey_process import ValkeyServer
from tests.services.profile.desk import by_user, home, record

pytestmark = pytest.mark.integration


class OnValkey:
    """Writes keys as the commit function does."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self.records = ValkeyRecords(redis)
        self.changes = ValkeyChanges(pool=redis.connection_pool, partitions=4)

    async def commit(
        self, partition: int, records: Mapping[str, bytes], *, position: int, change_lost: bool = False
    ) -> None:
        prefix = f"sw:{{p{partition}}}:"
        number = int(await self._redis.hget(prefix + "head", "changes") or 0) + 1
        async with self._redis.pipeline(transaction=True) as together:
            if records:
                together.hset(prefix + "rec", mapping=dict(records))
            if not change_lost:
                fields = {"e": 1, "w": "owner", "p": position, "u": ",".join(records)}
                together.xadd(prefix + "chg", fields, id=f"{number}-0")
            together.hset(
                prefix + "head", mapping={"changes": number, "position": position, "position_ts": position * 1_000}
            )
            await together.execute()

    async def break_connections(self) -> None:
        await self._redis.client_kill_filter(_type="normal", skipme=True)


class TestValkey(ProfileStoreContract):
    @pytest.fixture(autouse=True)
    def _server(self, valkey: ValkeyServer) -> None:
        self._url = valkey.url

    @asynccontextmanager
    async def store(self) -> AsyncIterator[Store]:
        redis = open_async_store(self._url)
        store = OnValkey(redis)
        yield store
        await store.changes.close()
        await redis.aclose()


def test_a_store_that_hung_is_lost_and_its_late_reply_belongs_to_no_later_request(own_valkey: ValkeyServer) -> None:
    async def act() -> None:
        redis = open_async_store(own_valkey.url)
        store = OnValkey(redis)
        await store.changes.connect()
        own_valkey.freeze()
        try:
            with pytest.raises(ChangesLost):
                await store.changes.read(dict.fromkeys(range(4), 0))
        finally:
            own_valkey.thaw()
        heads = await store.changes.connect()
        numbers = {partition: head.changes for partition, head in heads.items()}

        for number in (1, 2):
            await store.commit(3, {"u": record("u", seq=number)}, position=number)
            seen = await store.changes.read(numbers)
            assert [(change.number, change.position) for change in seen] == [(number, number)]
            numbers[3] = number

        await store.changes.close()
        await redis.aclose()

    asyncio.run(act())


def test_profile_waits_for_the_installation_and_takes_its_numbers(valkey: ValkeyServer) -> None:
    async def act() -> None:
        redis = open_async_store(valkey.url)
        waiting = asyncio.create_task(await_installation(redis, within_s=10, stop=asyncio.Event()))
        await asyncio.sleep(0)
        await redis.hset("sw:installation", mapping={"format": 1, "partitions": 16, "clock": "events"})

        found = await waiting

        assert (found.partitions, found.events_clock) == (16, True)
        await redis.hset("sw:installation", "format", 9)
        with pytest.raises(Precondition, match="format 9"):
            await await_installation(redis, within_s=1, stop=asyncio.Event())
        await redis.delete("sw:installation")
        with pytest.raises(Precondition, match="Start trigger first"):
            await await_installation(redis, within_s=0.1, stop=asyncio.Event())
        asked_to_stop = asyncio.Event()
        asked_to_stop.set()
        assert await await_installation(redis, within_s=10, stop=asked_to_stop) is None
        await redis.aclose()

    uvloop.run(act())


def test_the_process_answers_follows_changes_survives_the_stores_restart_and_drains(own_valkey: ValkeyServer) -> None:
    async def act() -> None:
        redis = open_async_store(own_valkey.url)
        store = OnValkey(redis)
        await redis.hset("sw:installation", mapping={"format": 1, "partitions": 4, "clock": "wall"})
        uid, partition = home("ada")
        await store.commit(partition, {uid: record("ada", seq=1, plan='"free"')}, position=1)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        stop = asyncio.Event()
        settings = Settings(
            store_url=own_valkey.url, service_token="token", listen=f"127.0.0.1:{port}", metrics_listen="127.0.0.1:0"
        )
        running = asyncio.create_task(main(settings, stop))

        async with open_channel(f"127.0.0.1:{port}", key="token") as channel:
            profile = ProfileStub(channel)

            async def plan(*, at_least_seq: int = 0) -> bytes:
                request = by_user("ada", at_least_seq=at_least_seq)
                found = await profile.Get(request, timeout=10, wait_for_ready=True)
                return found.customer.fields["plan"].value_json

            assert await plan() == b'"free"'
            await store.commit(partition, {uid: record("ada", seq=2, plan='"pro"')}, position=2)
            assert await plan(at_least_seq=2) == b'"pro"'

            await asyncio.to_thread(own_valkey.restart, by_kill=True)
            await store.commit(partition, {uid: record("ada", seq=3, plan='"none"')}, position=3)
            assert await plan(at_least_seq=3) == b'"none"'

            # Followed again: a commit of somebody else's is seen without asking for it.
            await store.commit(partition, {uid: record("ada", seq=4, plan='"gold"')}, position=4)
            async with asyncio.timeout(5):
                while await plan() != b'"gold"':  # noqa: ASYNC110  only asking tells
                    await asyncio.sleep(0.01)

        stop.set()
        await asyncio.wait_for(running, 5)
        await redis.aclose()

    uvloop.run(act())
