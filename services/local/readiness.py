"""Asks parts whether they work."""

from __future__ import annotations

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from sendwhen.chassis.grpc_channel import open_channel
from sendwhen.v1.trigger_service_pb2 import GetStatusRequest
from sendwhen.v1.trigger_service_pb2_grpc import TriggerStub

ASK_WITHIN_S = 1.0
SHARDS_WITHIN_S = 5.0


class GrpcReady:
    """Asks a service's gRPC health; one channel is kept for all questions."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._stub: health_pb2_grpc.HealthStub | None = None

    async def __call__(self) -> bool:
        """True while the service says that it serves."""
        if self._stub is None:
            options = [("grpc.max_reconnect_backoff_ms", 100), ("grpc.initial_reconnect_backoff_ms", 50)]
            self._stub = health_pb2_grpc.HealthStub(grpc.aio.insecure_channel(self._target, options=options))
        try:
            answer = await self._stub.Check(health_pb2.HealthCheckRequest(), timeout=ASK_WITHIN_S)
        except grpc.aio.AioRpcError:
            return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


class ShardsReady:
    """Asks trigger whether all shards run and every partition has an owner."""

    def __init__(self, target: str, *, admin_key: str) -> None:
        self._target = target
        self._admin_key = admin_key
        self._channel: grpc.aio.Channel | None = None

    async def __call__(self) -> bool:
        """True while events can be decided on."""
        if self._channel is None:
            self._channel = open_channel(self._target, key=self._admin_key)
        try:
            status = await TriggerStub(self._channel).GetStatus(GetStatusRequest(), timeout=SHARDS_WITHIN_S)
        except grpc.aio.AioRpcError:
            return False
        owned = all(partition.owner for partition in status.partitions)
        return bool(status.shards and owned and all(shard.state == "running" for shard in status.shards))
