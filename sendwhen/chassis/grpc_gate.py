"""What every call passes: its key is checked, its bytes are parsed, and what it raises becomes a gRPC status."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeAlias

import grpc
import structlog
from google.protobuf.message import DecodeError
from google.rpc import status_pb2
from grpc_status import rpc_status

from sendwhen.chassis.grpc_access import Access
from sendwhen.chassis.grpc_status import status_of
from sendwhen.errors import Invalid, Overloaded, SendwhenError

log = structlog.get_logger()

CALLS_MAX: Final = 8_192
"""Calls under way in one server; what is not called by services or callers, health above all, does not count."""
_OWN: Final = "/sendwhen."
_INTERNAL: Final = status_pb2.Status(code=13, message="Internal error. The service's log has the details.")

Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class Gate(grpc.aio.ServerInterceptor):
    """Checks keys before a call, counts those under way, and turns what a call raises into a gRPC status after it."""

    def __init__(self, access: Access, *, calls_max: int = CALLS_MAX) -> None:
        self._access = access
        self._calls = _Calls(calls_max)
        # One for each method there is: unknown ones never get here.
        self._guarded: dict[str, Handler] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """Wrap the method's handler."""
        method = handler_call_details.method
        authorization = None
        for name, value in handler_call_details.invocation_metadata:
            if name == "authorization" and isinstance(value, str):
                authorization = value
        try:
            self._access.check(method, authorization)
        except SendwhenError as refusal:
            handler = await continuation(handler_call_details)
            return handler and _refuse(handler, refusal)
        guarded = self._guarded.get(method)
        if guarded is None:
            handler = await continuation(handler_call_details)
            if handler is None:
                return None
            guarded = self._guarded[method] = _guard(handler, method, self._calls)
        return guarded


class _Calls:
    """How many calls are under way."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._now = 0

    @contextmanager
    def one(self, method: str) -> Iterator[None]:
        """Around a call.

        Raises:
            Overloaded: There are as many as may be.
        """
        if not method.startswith(_OWN):
            yield
            return
        if self._now >= self._most:
            raise Overloaded(f"{self._most} calls are under way here.")
        self._now += 1
        try:
            yield
        finally:
            self._now -= 1


def _refuse(handler: Handler, refusal: SendwhenError) -> Handler:
    status = rpc_status.to_status(status_of(refusal))

    async def refused(_request: object, context: Context) -> None:
        await context.abort_with_status(status)

    return _like(handler, refused)


def _guard(handler: Handler, method: str, calls: _Calls) -> Handler:
    parse = _parser(handler)
    made: Any = handler
    behaviour = made.unary_unary or made.unary_stream or made.stream_unary or made.stream_stream
    read: Callable[[Any], Any] = (lambda requests: _parsed(requests, parse)) if handler.request_streaming else parse

    async def unary(request: Any, context: Context) -> object:
        try:
            with calls.one(method):
                return await behaviour(read(request), context)
        except Exception as error:  # noqa: BLE001  the outermost boundary: nothing may leave as a bare UNKNOWN
            await _abort(error, context, method)
            return None

    async def stream(request: Any, context: Context) -> AsyncIterator[object]:
        try:
            with calls.one(method):
                async for answer in behaviour(read(request), context):
                    yield answer
        except Exception as error:  # noqa: BLE001  as above
            await _abort(error, context, method)

    return _like(handler, stream if handler.response_streaming else unary)


def _parser(handler: Handler) -> Callable[[bytes], Any]:
    # The library answers bytes that do not parse with UNKNOWN, as if it were our fault; so they are parsed here.
    parse = handler.request_deserializer or (lambda request: request)

    def parsed(request: bytes) -> Any:
        try:
            return parse(request)
        except DecodeError:
            raise Invalid(
                "The request's bytes are not the message that this method takes.",
                remedy="Generate the client from protos/sendwhen/v1.",
            ) from None

    return parsed


async def _parsed(requests: AsyncIterator[bytes], parse: Callable[[bytes], Any]) -> AsyncIterator[Any]:
    async for request in requests:
        yield parse(request)


async def _abort(error: Exception, context: Context, method: str) -> None:
    if isinstance(error, grpc.aio.AbortError):
        raise error
    if isinstance(error, SendwhenError):
        await _answer(context, status_of(error))
        return
    log.error("call.failed", method=method, exc_info=error)
    await _answer(context, _INTERNAL)


async def _answer(context: Context, status: status_pb2.Status) -> None:
    try:
        await context.abort_with_status(rpc_status.to_status(status))
    except (grpc.aio.UsageError, grpc.aio.InternalError):
        # Who asked has gone meanwhile, by deadline or by hanging up: there is nobody to tell.
        if not context.done():
            raise


def _like(handler: Handler, behaviour: Callable[..., Any]) -> Handler:
    make: Any = {
        (False, False): grpc.unary_unary_rpc_method_handler,
        (False, True): grpc.unary_stream_rpc_method_handler,
        (True, False): grpc.stream_unary_rpc_method_handler,
        (True, True): grpc.stream_stream_rpc_method_handler,
    }[handler.request_streaming, handler.response_streaming]
    guarded: Handler = make(behaviour, request_deserializer=None, response_serializer=handler.response_serializer)
    return guarded
