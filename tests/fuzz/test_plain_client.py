"""The client of the storms sees what there is to be seen: without that they would prove nothing."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest

from sendwhen.chassis.grpc_server import Access, GrpcServer
from tests.fuzz.plain_client import BODY_BYTES_MAX, PlainConnection, headers

pytestmark = pytest.mark.integration


async def answer(request: bytes, context: Any) -> bytes:
    if request == b"defect":
        raise ZeroDivisionError
    if request == b"late":
        await asyncio.sleep(60)
    if request == b"bare":
        await context.abort(grpc.StatusCode.UNKNOWN, "without details " * 50)
    return request * 3


def serve(server: grpc.aio.Server) -> None:
    handlers: Any = {"Do": grpc.unary_unary_rpc_method_handler(answer)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Echo", handlers),))


async def test_each_call_gets_its_own_status() -> None:
    server = GrpcServer(access=Access(default=["key"]), registers=[serve], services=[], listen="127.0.0.1:0")
    await server.start()
    target = f"127.0.0.1:{server.port}"
    connection = await PlainConnection.to(target)

    def block(method: str = "Do", key: str = "key", timeout_ms: int = 60_000) -> bytes:
        return headers(f"/test.Echo/{method}", authority=target, key=key, timeout_ms=timeout_ms)

    expected = {
        (block(), b"fine"): grpc.StatusCode.OK,
        (block(), b""): grpc.StatusCode.OK,
        (block(), b"x" * BODY_BYTES_MAX): grpc.StatusCode.OK,
        (block(), b"defect"): grpc.StatusCode.INTERNAL,
        (block(), b"bare"): grpc.StatusCode.UNKNOWN,
        (block(timeout_ms=100), b"late"): grpc.StatusCode.DEADLINE_EXCEEDED,
        (block(key="other"), b"fine"): grpc.StatusCode.UNAUTHENTICATED,
        (block("Nothing"), b"fine"): grpc.StatusCode.UNIMPLEMENTED,
    }
    async with asyncio.timeout(60):
        found = await asyncio.gather(*(connection.call(*call) for call in [*expected, *expected]))
    assert found == [*expected.values(), *expected.values()]

    waiting = asyncio.ensure_future(connection.call(block(), b"late"))
    await asyncio.sleep(0)
    connection.close()
    with pytest.raises(ConnectionError):
        await waiting
    await server.drain(grace_s=0)
