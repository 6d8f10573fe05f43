"""An aio gRPC server as every service runs it: keys checked, errors mapped, health, reflection, graceful drain."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

import grpc
import structlog
from google.rpc import status_pb2
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from grpc_status import rpc_status

from sendwhen.chassis.grpc_status import status_of
from sendwhen.errors import Forbidden, SendwhenError, Unauthenticated

log = structlog.get_logger()

MESSAGE_BYTES_MAX = 4 * 1024 * 1024
_OPEN_PREFIXES = ("/grpc.health.v1.Health/", "/grpc.reflection.")
_INTERNAL = status_pb2.Status(code=13, message="Internal error. The service's log has the details.")

Register = Callable[[grpc.aio.Server], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Which keys may call which methods.

    Attributes:
        default: Keys that may call a method not named in ``methods``.
        methods: Full method name ("/sendwhen.v1.Trigger/Append") to the keys that may call it.
    """

    default: Collection[str]
    methods: Mapping[str, Collection[str]] = field(default_factory=dict)

    def check(self, method: str, authorization: str | None) -> None:
        """Let a call pass or refuse it.

        Raises:
            Unauthenticated: No key, or one that nobody has.
            Forbidden: A key that may call other methods only.
        """
        if method.startswith(_OPEN_PREFIXES):
            return
        if authorization is None or not authorization.startswith("Bearer "):
            raise Unauthenticated(
                "The call carries no key.", remedy="Send metadata `authorization: Bearer <key>` with it."
            )
        key = authorization.removeprefix("Bearer ").encode()
        if _among(key, self.methods.get(method, self.default)):
            return
        if _among(key, [known for keys in (self.default, *self.methods.values()) for known in keys]):
            raise Forbidden("This key may not call this method.", remedy="Use the key that the method's comment names.")
        raise Unauthenticated("The key is not known.", remedy="Check for a typing error, or ask for a new one.")


def _among(key: bytes, known: Collection[str]) -> bool:
    # Compared in constant time, and all of them, so that the time taken tells nothing about a key.
    return any([hmac.compare_digest(key, candidate.encode()) for candidate in known])


class Gate(grpc.aio.ServerInterceptor):
    """Checks keys before a call and turns what it raises into a gRPC status after it."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler:
        """Wrap the method's handler."""
        handler = await continuation(handler_call_details)
        if handler is None:
            return handler
        method = handler_call_details.method
        authorization = None
        for name, value in handler_call_details.invocation_metadata:
            if name == "authorization":
                authorization = value
        try:
            self._access.check(method, authorization)
        except SendwhenError as refusal:
            return _refuse(handler, refusal)
        return _guard(handler, method)


def _refuse(handler: grpc.RpcMethodHandler, refusal: SendwhenError) -> grpc.RpcMethodHandler:
    status = rpc_status.to_status(status_of(refusal))

    async def unary(_request: object, context: grpc.aio.ServicerContext) -> None:
        await context.abort_with_status(status)

    async def stream(_request: object, context: grpc.aio.ServicerContext) -> object:
        await context.abort_with_status(status)
        yield None

    return _like(handler, stream if handler.response_streaming else unary)


def _guard(handler: grpc.RpcMethodHandler, method: str) -> grpc.RpcMethodHandler:
    if handler.response_streaming:
        behaviour_stream = handler.stream_stream or handler.unary_stream

        async def stream(request: object, context: grpc.aio.ServicerContext) -> object:
            try:
                async for answer in behaviour_stream(request, context):
                    yield answer
            except Exception as error:  # noqa: BLE001  the outermost boundary: nothing may leave as a bare UNKNOWN
                await _abort(error, context, method)

        return _like(handler, stream)
    behaviour = handler.unary_unary or handler.stream_unary

    async def unary(request: object, context: grpc.aio.ServicerContext) -> object:
        try:
            return await behaviour(request, context)
        except Exception as error:  # noqa: BLE001  as above
            await _abort(error, context, method)
            return None

    return _like(handler, unary)


async def _abort(error: Exception, context: grpc.aio.ServicerContext, method: str) -> None:
    if isinstance(error, grpc.aio.AbortError):
        raise error
    if isinstance(error, SendwhenError):
        await context.abort_with_status(rpc_status.to_status(status_of(error)))
    log.error("call.failed", method=method, exc_info=error)
    await context.abort_with_status(rpc_status.to_status(_INTERNAL))


def _like(handler: grpc.RpcMethodHandler, behaviour: Callable[..., object]) -> grpc.RpcMethodHandler:
    make = {
        (False, False): grpc.unary_unary_rpc_method_handler,
        (False, True): grpc.unary_stream_rpc_method_handler,
        (True, False): grpc.stream_unary_rpc_method_handler,
        (True, True): grpc.stream_stream_rpc_method_handler,
    }[handler.request_streaming, handler.response_streaming]
    return make(
        behaviour, request_deserializer=handler.request_deserializer, response_serializer=handler.response_serializer
    )


class GrpcServer:
    """A server that is started, says that it is healthy, and drains.

    Attributes:
        port: The port it listens on; differs from the one asked for when that was 0.
    """

    def __init__(self, *, access: Access, registers: Sequence[Register], services: Sequence[str], listen: str) -> None:
        self._server = grpc.aio.server(
            interceptors=[Gate(access)],
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


async def serve_until(server: GrpcServer, stop: asyncio.Event, *, grace_s: float = 10.0) -> None:
    """Run a started server until ``stop`` is set, then drain it."""
    await stop.wait()
    await server.drain(grace_s=grace_s)
