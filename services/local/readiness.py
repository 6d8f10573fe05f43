"""Asks parts whether they work."""

from __future__ import annotations

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

ASK_WITHIN_S = 1.0


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
