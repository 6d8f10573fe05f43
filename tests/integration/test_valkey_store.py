"""The contract of the trigger's store, on a real Valkey with fsync on every write."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar

import pytest

from sendwhen.chassis.clock import SystemClock
from sendwhen.chassis.store_pool import open_async_store
from services.trigger import store_keys
from services.trigger.valkey_log import ValkeyLog
from services.trigger.valkey_shards import ValkeyShards
from services.trigger.valkey_waiting import ValkeyWaiting
from tests.contract.commit_contract import CommitContract
from tests.contract.identity_contract import IdentityContract
from tests.contract.log_contract import LogContract
from tests.contract.review_contract import ReviewContract
from tests.contract.store_world import ChangeTuple, World
from tests.contract.waiting_contract import WaitingContract
from tests.integration.valkey_process import ValkeyServer

pytestmark = pytest.mark.integration
T = TypeVar("T")


class ValkeyWorld(World):
    def __init__(self, server: ValkeyServer, *, events_clock: bool = False, **options: Any) -> None:
        self._server = server
        self._events_clock = events_clock
        self._runner = asyncio.Runner()
        self._client = open_async_store(server.url)
        self._shards: list[ValkeyShards] = []
        self.log = ValkeyLog(self._client, clock=SystemClock(), partitions=3, events_clock=events_clock, **options)
        self.waiting = ValkeyWaiting(self._client)

    def connect(self) -> ValkeyShards:
        shards = ValkeyShards(self._server.url, clock=SystemClock(), events_clock=self._events_clock)
        self._shards.append(shards)
        return shards

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(coroutine)

    def now_ms(self) -> int:
        return SystemClock().now_ms()

    def break_connections(self) -> None:
        with self._server.client() as client:
            client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")

    def change_rows(self, partition: int) -> list[ChangeTuple]:
        with self._server.client() as client:
            rows = client.xrange(store_keys.changes(partition))
        return [
            (
                int(row_id.split(b"-")[0]),
                int(fields[b"e"]),
                fields[b"w"].decode(),
                int(fields[b"p"]),
                tuple(uid for uid in fields[b"u"].decode().split(",") if uid),
            )
            for row_id, fields in rows
        ]

    def close(self) -> None:
        for shards in self._shards:
            shards.close()
        self.run(self._client.aclose())
        self._runner.close()


class TestValkeyStore(LogContract, CommitContract, IdentityContract, ReviewContract, WaitingContract):
    @pytest.fixture(autouse=True)
    def _worlds(self, valkey: ValkeyServer) -> Iterator[None]:
        self._server = valkey
        self._opened: list[ValkeyWorld] = []
        yield
        for world in self._opened:
            world.close()

    def open(self, **options: Any) -> World:
        world = ValkeyWorld(self._server, **options)
        self._opened.append(world)
        return world
