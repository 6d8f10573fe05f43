"""An aio gRPC server as every service runs it: keys checked, errors mapped, health, reflection, graceful drain."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any, Final

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from sendwhen.chassis.grpc_access import Access
from sendwhen.chassis.grpc_gate import CALLS_MAX, Gate

__all__ = ["Access", "GrpcServer", "Register", "serve_until"]

MESSAGE_BYTES_MAX: Final = 4 * 1024 * 1024

Register = Callable[[grpc.aio.Server], None]


class GrpcServer:
    """A server that is started, says that it is healthy, and drains.

    Attributes:
        port: The port it listens on; differs from the one asked for when that was 0.
    """

    def __init__(
        self,
        *,
        access: Access,
        registers: Sequence[Register],
        services: Sequence[str],
        listen: str,
        calls_max: int = CALLS_MAX,
    ) -> None:
        self._server = grpc.aio.server(
            interceptors=[Gate(access, calls_max=calls_max)],
            options=[
                ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
                # Two processes on one port would share its calls silently; the second must fail instead.
                ("grpc.so_reuseport", 0),
            ],
        )
        for register in registers:
            register(self._server)
        self._health = health.aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        self._services = tuple(services)
        reflection.enable_server_reflection([*services, health.SERVICE_NAME, reflection.SERVICE_NAME], self._server)
        self._listen = listen
        self.port = 0

    async def start(self) -> None:
        """Listen and be healthy.

        Raises:
            OSError: The address is taken or not ours.
        """
        try:
            self.port = self._server.add_insecure_port(self._listen)
        except RuntimeError as error:
            raise OSError(f"{self._listen} cannot be listened on: is another program using this port?") from error
        await self._server.start()
        await self.healthy(True)

    async def healthy(self, yes: bool) -> None:
        """Say whether calls should come here; load balancers and probes listen."""
        state = health_pb2.HealthCheckResponse.SERVING if yes else health_pb2.HealthCheckResponse.NOT_SERVING
        for name in ("", *self._services):
            await self._health.set(name, state)

    async def drain(self, *, grace_s: float) -> None:
        """Take no new calls, let those under way finish for at most ``grace_s`` seconds, stop."""
        await self._health.enter_graceful_shutdown()
        await self._server.stop(grace_s)

    async def wait(self) -> None:
        """Return when it has stopped."""
        await self._server.wait_for_termination()


async def serve_until(
    server: GrpcServer, stop: asyncio.Event, *, beside: Iterable[Coroutine[Any, Any, None]] = (), grace_s: float = 10.0
) -> None:
    """Run a started server until ``stop`` is set, then drain it.

    What runs ``beside`` it never ends by itself. Where a defect ends it all the same, the server is drained too:
    no half of a process shall go on answering. What was raised is raised here.
    """
    running = [asyncio.create_task(work) for work in beside]
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([stopping, *running], return_when=asyncio.FIRST_COMPLETED)
    finally:
        await server.drain(grace_s=grace_s)
        ended = [task for task in running if task.done()]
        for task in (stopping, *running):
            task.cancel()
        await asyncio.gather(stopping, *running, return_exceptions=True)
    for task in ended:
        task.result()
