"""Ingest and trigger's front in this process, on real sockets, over a store in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import grpc

from sendwhen.chassis.grpc_channel import open_channel
from sendwhen.chassis.grpc_server import Access, GrpcServer
from sendwhen.chassis.metrics import Metrics
from sendwhen.v1 import ingest_service_pb2_grpc, trigger_service_pb2_grpc
from services.ingest.grpc_log import GrpcLog
from services.ingest.intake import Intake
from services.ingest.metering import Metering
from services.ingest.servicer import SERVICE, IngestServicer
from services.trigger.front import Front
from services.trigger.log_port import Append, Appended, Lagging
from services.trigger.settings import Settings
from services.trigger.yaml_checker import YamlChecker
from tests.fakes.fixed_clock import FixedClock
from tests.fakes.front import MemoryEmails, MemoryShelf, NoShards, SettableWatch
from tests.fakes.memory_store import MemoryStore
from tests.fakes.memory_waiting import MemoryWaiting

WRITE_KEY, TOKEN, ADMIN = "write", "token", "admin"


class HeldLog:
    """The store's log; while ``go`` is cleared, appends wait. ``arrived`` tells that one came."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self.go = asyncio.Event()
        self.go.set()
        self.arrived = asyncio.Event()

    async def append(self, appends: Sequence[Append]) -> Sequence[Appended | Lagging]:
        self.arrived.set()
        await self.go.wait()
        return await self._store.append(appends)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something that no event tells has come about."""
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110  what is waited for has no event of its own
            await asyncio.sleep(0.002)


class Running:
    """Both services; ``async with Running() as running``.

    Attributes:
        store: Behind the front; log: the same, with appends that can be held. clock: of everything.
    """

    def __init__(self, *, partitions: int = 4, clock: str = "wall", lag_max_events: int = 1_000_000) -> None:
        self.clock = FixedClock()
        self.event_clock = clock == "events"
        self.store = MemoryStore(
            partitions=partitions, clock=self.clock, events_clock=self.event_clock, lag_max_events=lag_max_events
        )
        self.metrics = Metrics()
        self.log = HeldLog(self.store)
        self.emails, self.shelf, self.watch = MemoryEmails(), MemoryShelf(), SettableWatch()
        self.settings = Settings(
            store_url="",
            service_token=TOKEN,
            admin_key=ADMIN,
            send_key="secret",
            listen="127.0.0.1:0",
            partitions=partitions,
            shards=1,
            clock=clock,
        )
        self._channels: list[grpc.aio.Channel] = []

    async def __aenter__(self) -> Running:
        self.front = Front(
            settings=self.settings,
            event_log=self.log,
            checker=YamlChecker(),
            emails=self.emails,
            shelf=self.shelf,
            waiting=MemoryWaiting(self.store),
            tail=self.store,
            watch=self.watch,
            shards=NoShards(),
            meter=self.metrics,
            clock=self.clock,
        )
        await self.front.server.start()
        log = GrpcLog(self._channel(self.front.server.port, TOKEN), event_clock=self.event_clock)
        self.intake = Intake(log, self.clock, event_clock=self.event_clock)
        servicer = IngestServicer(self.intake, Metering(self.metrics, self.clock))
        self.server = GrpcServer(
            access=Access(default=[WRITE_KEY]),
            registers=[lambda server: ingest_service_pb2_grpc.add_IngestServicer_to_server(servicer, server)],
            services=[SERVICE],
            listen="127.0.0.1:0",
        )
        await self.server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        for channel in self._channels:
            await channel.close()
        await asyncio.gather(self.server.drain(grace_s=0), self.front.server.drain(grace_s=0))

    def ingest(self, key: str = WRITE_KEY) -> Any:
        return ingest_service_pb2_grpc.IngestStub(self._channel(self.server.port, key))

    def trigger(self, key: str = ADMIN) -> Any:
        return trigger_service_pb2_grpc.TriggerStub(self._channel(self.front.server.port, key))

    def _channel(self, port: int, key: str) -> grpc.aio.Channel:
        self._channels.append(open_channel(f"127.0.0.1:{port}", key=key))
        return self._channels[-1]
