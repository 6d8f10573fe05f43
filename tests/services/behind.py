"""Shards behind a front: a host and a relay over the store in memory, carried out on a thread until told to stop."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sendwhen.chassis.clock import Clock
from sendwhen.domain.shard import Shard
from services.trigger.hosted_partition import HostPorts
from services.trigger.outbox_relay import OutboxRelay
from services.trigger.ports import Deliver, Pause, Push, ReadOutbox, Release
from services.trigger.refused_row import letter_of
from services.trigger.shard_host import ShardHost
from services.trigger.shard_process import host_ports
from services.trigger.store_requests import carry_out
from tests.builders import Catalogue, fuse
from tests.fakes.memory_store import MemoryStore


class Behind:
    """All partitions of a front, without campaigns."""

    def __init__(self, store: MemoryStore, clock: Clock, *, partitions: int) -> None:
        ports: HostPorts = host_ports(clock)
        self._store = store.connect()
        self._relay_store = store.connect()
        self._host: Any = ShardHost(
            partitions=range(partitions),
            owner="behind",
            generation=1,
            new_shard=lambda number: Shard(
                partition=number,
                partitions=partitions,
                send_key=b"key",
                compile_campaign=Catalogue(),
                fuse=fuse,
            ),
            ports=ports,
        ).run()
        self._relay: Any = OutboxRelay(monotonic_ms=lambda: 0, letter=letter_of).run()
        self._stop = threading.Event()

    @contextmanager
    def applying(self) -> Iterator[None]:
        """Apply what is logged and deliver what is handed over, until the end of the block."""
        thread = threading.Thread(target=self._work)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()

    def _work(self) -> None:
        request, relayed = next(self._host), next(self._relay)
        released: dict[int, Any] = {}
        while not self._stop.wait(0.001):
            if isinstance(request, Release):
                released |= request.rows
                request = self._host.send(None)
            else:
                request = self._host.send(carry_out(self._store, request))
            relayed = self._relay.send(self._answer(relayed, released))

    def _answer(self, request: Any, released: dict[int, Any]) -> Any:
        match request:
            case Pause():
                rows = dict(released)
                released.clear()
                return rows
            case ReadOutbox():
                return self._relay_store.read_outbox(request)
            case Push():
                return None  # sender knows nothing of these customers
            case Deliver():
                return self._relay_store.deliver(request)
            case _:
                return self._relay_store.delete_outbox(request)
