"""A real store, the front's log on it, a sender that records, and shards: what tests of whole shards need."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent import futures

import grpc

from sendwhen.chassis.clock import SystemClock
from sendwhen.chassis.metrics import Metrics
from sendwhen.chassis.store_pool import open_async_store
from sendwhen.v1 import sender_service_pb2, sender_service_pb2_grpc
from sendwhen.wire.entry import campaign_put_entry, campaign_source, event_entry
from sendwhen.wire.event import event_message
from services.trigger.log_port import Append, PartitionHead
from services.trigger.ports import StoreLost
from services.trigger.shard_driver import ShardDriver
from services.trigger.shard_process import build_driver
from services.trigger.shard_settings import ShardSettings
from services.trigger.valkey_log import ValkeyLog
from tests.builders import T0_MS, an_event

VIEWED = b"""campaign: viewed
trigger:
  match: {event: Product Viewed}
steps:
  - send: hello
send: {category: transactional}
max_event_age: none
"""
CART = b"""campaign: cart
trigger:
  absence:
    start: {event: Product Added}
    unless: [{event: Order Completed}]
    for: 1500ms
steps:
  - send: hello
send: {category: transactional}
max_event_age: none
"""
TOKEN = "service-token"


class RecordingSender(sender_service_pb2_grpc.SenderServicer):
    """Durable in its own memory. What was submitted, in order, and how often each decision."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, str, int, str, str]] = []
        self.stamps: list[tuple[int, int, int]] = []
        self._lock = threading.Lock()
        self._server = grpc.server(futures.ThreadPoolExecutor(4))
        sender_service_pb2_grpc.add_SenderServicer_to_server(self, self._server)
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self.port}"

    def Submit(
        self, request: sender_service_pb2.SubmitRequest, context: grpc.ServicerContext
    ) -> sender_service_pb2.SubmitResponse:
        assert ("authorization", f"Bearer {TOKEN}") in context.invocation_metadata()
        with self._lock:
            for row in request.rows:
                intent = row.intent
                who = intent.to_address.split("@")[0]
                lineage = row.lineage or request.lineage
                self.rows.append((request.partition, lineage, row.ordinal, intent.send_id, who))
                trace = intent.trace
                self.stamps.append((trace.shard_read_at_us, trace.decided_at_us, trace.committed_at_us))
        return sender_service_pb2.SubmitResponse(accepted=len(request.rows))

    def who(self) -> Counter[str]:
        """How many different emails each customer gets."""
        with self._lock:
            return Counter(who for _, who in {(send_id, who) for _, _, _, send_id, who in self.rows})

    def close(self) -> None:
        self._server.stop(None).wait()


class Front:
    """Appends events; partitions by the test's choice."""

    def __init__(self, url: str, *, partitions: int) -> None:
        self._runner = asyncio.Runner()
        self._client = open_async_store(url)
        self.log = ValkeyLog(self._client, clock=SystemClock(), partitions=partitions)
        self.partitions = partitions

    def put(self, *sources: bytes) -> None:
        for source_yaml in sources:
            name = source_yaml.split(b"\n", 1)[0].removeprefix(b"campaign: ").decode()
            source = campaign_source(version="1" * 24, source_yaml=source_yaml, template_hashes={"hello": "0" * 32})
            for partition in range(self.partitions):
                self._append(partition, campaign_put_entry(name, source), 0)

    def happens(self, name: str, who: Sequence[str], partition: int = 0, event_id: str = "") -> None:
        now_ms = SystemClock().now_ms()
        # A repeated event is the same to the last byte.
        at_ms = T0_MS if event_id else now_ms
        events = [an_event(name, one, at_ms=at_ms, event_id=event_id and f"{event_id}-{one}") for one in who]
        body = event_entry([event_message(event).SerializeToString() for event in events], now_ms * 1_000)
        self._append(partition, body, len(events))

    def heads(self) -> Sequence[PartitionHead]:
        return self._runner.run(self.log.heads(range(self.partitions)))

    def caught_up(self) -> bool:
        try:
            return all(head.position == head.head_seq and head.outbox == 0 for head in self.heads())
        except StoreLost:
            return False

    def _append(self, partition: int, body: bytes, events: int) -> None:
        append = Append(partition=partition, body=body, events=events, at_ms=SystemClock().now_ms())

        def tried() -> bool:
            try:
                self._runner.run(self.log.append([append]))
            except StoreLost:
                return False
            return True

        wait_until(tried, "the store takes an append")

    def close(self) -> None:
        self._runner.run(self._client.aclose())
        self._runner.close()


def settings(url: str, sender: RecordingSender, *, partitions: int = 2, shards: int = 1) -> ShardSettings:
    return ShardSettings(
        store_url=url,
        sender=sender.target,
        service_token=TOKEN,
        send_key="key",
        partitions=partitions,
        shards=shards,
        death_pause_ms=50,
    )


class Running:
    """A shard in this process, and what it died of."""

    def __init__(self, of: ShardSettings, *, shard: int = 0, generation: int = 1) -> None:
        self.death: BaseException | None = None
        self.metrics = Metrics()
        self.driver: ShardDriver = build_driver(
            of, shard=shard, generation=generation, clock=SystemClock(), died=self._died, metrics=self.metrics
        )
        self.driver.start()

    def _died(self, error: BaseException) -> None:
        self.death = error

    def stop(self) -> None:
        assert self.driver.stop()


def wait_until(true: Callable[[], bool], what: str, *, within_s: float = 20.0) -> None:
    """Poll until something is so."""
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline, f"not within {within_s} s: {what}"
        time.sleep(0.02)
