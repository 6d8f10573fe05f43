from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import grpc
import pytest
from google.protobuf.message import Message
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from sendwhen.chassis.grpc_channel import bearer, open_channel
from sendwhen.chassis.grpc_server import Access, GrpcServer, serve_until
from sendwhen.chassis.grpc_status import CODE_OF, error_of
from sendwhen.errors import Forbidden, Invalid, Overloaded, SendwhenError, Unauthenticated, Violation
from sendwhen.v1 import ingest_service_pb2 as pb
from sendwhen.v1 import ingest_service_pb2_grpc as rpc

pytestmark = pytest.mark.integration

TRACK = "/sendwhen.v1.Ingest/Track"
BATCH = "/sendwhen.v1.Ingest/TrackBatch"


class Service(rpc.IngestServicer):
    """Answers as the test says."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.entered = asyncio.Event()
        self.go = asyncio.Event()
        self.go.set()
        self.remaining_s: float | None = None

    async def Track(self, request: pb.TrackRequest, context: grpc.aio.ServicerContext) -> pb.TrackResponse:
        self.remaining_s = context.time_remaining()
        self.entered.set()
        await self.go.wait()
        if self.error:
            raise self.error
        return pb.TrackResponse(position=pb.LogPosition(seq=7))

    async def TrackStream(
        self, request_iterator: AsyncIterator[pb.TrackStreamRequest], context: grpc.aio.ServicerContext
    ) -> AsyncIterator[pb.TrackStreamResponse]:
        async for request in request_iterator:
            yield pb.TrackStreamResponse(batch_number=request.batch_number)
        if self.error:
            raise self.error


class Running:
    """A server with that service, and a way to call it."""

    def __init__(self) -> None:
        self.service = Service()
        self.server = GrpcServer(
            access=Access(default=["key"], methods={BATCH: ["admin"]}),
            registers=[lambda server: rpc.add_IngestServicer_to_server(self.service, server)],
            services=["sendwhen.v1.Ingest"],
            listen="127.0.0.1:0",
            calls_max=2,
        )
        self._channels: list[grpc.aio.Channel] = []

    async def __aenter__(self) -> Running:
        await self.server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        for channel in self._channels:
            await channel.close()
        await self.server.drain(grace_s=0)

    def channel(self, key: str = "key", deadline_s: float = 10.0) -> grpc.aio.Channel:
        self._channels.append(open_channel(f"127.0.0.1:{self.server.port}", key=key, deadline_s=deadline_s))
        return self._channels[-1]


async def failure_of(call: grpc.aio.UnaryUnaryCall[Message, Message]) -> tuple[grpc.StatusCode, SendwhenError]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value.code(), error_of(caught.value)


def test_a_key_passes_another_method_s_key_is_forbidden_and_an_unknown_one_is_not_known() -> None:
    access = Access(default=["key", ""], methods={BATCH: ["admin"]})
    access.check(TRACK, "Bearer key")
    access.check(BATCH, "Bearer admin")
    access.check("/grpc.health.v1.Health/Check", None)
    with pytest.raises(Forbidden):
        access.check(BATCH, "Bearer key")
    for authorization in (None, "key", "Bearer other", "Bearer ", "Bearer ké"):
        with pytest.raises(Unauthenticated):
            access.check(TRACK, authorization)


async def test_calls_without_the_right_key_are_refused_on_unary_and_stream() -> None:
    async with Running() as running:
        code, error = await failure_of(rpc.IngestStub(running.channel("wrong")).Track(pb.TrackRequest()))
        assert code is grpc.StatusCode.UNAUTHENTICATED
        assert isinstance(error, Unauthenticated)
        code, _ = await failure_of(rpc.IngestStub(running.channel("key")).TrackBatch(pb.TrackBatchRequest()))
        assert code is grpc.StatusCode.PERMISSION_DENIED
        stream = rpc.IngestStub(running.channel()).TrackStream(iter(()), metadata=bearer("wrong"))
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stream.read()
        assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_calls_beyond_those_under_way_are_refused_until_one_ends_and_health_is_answered() -> None:
    async with Running() as running:
        running.service.go.clear()
        stub = rpc.IngestStub(running.channel())
        under_way = []
        for _ in range(2):
            running.service.entered.clear()
            under_way.append(stub.Track(pb.TrackRequest()))
            await running.service.entered.wait()

        code, error = await failure_of(stub.Track(pb.TrackRequest()))
        assert (code, type(error)) == (grpc.StatusCode.RESOURCE_EXHAUSTED, Overloaded)
        stream = stub.TrackStream(iter(()), metadata=bearer("key"))
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stream.read()
        assert isinstance(error_of(caught.value), Overloaded)
        healthy = await health_pb2_grpc.HealthStub(running.channel()).Check(health_pb2.HealthCheckRequest())
        assert healthy.status == health_pb2.HealthCheckResponse.SERVING

        running.service.go.set()
        await asyncio.gather(*under_way)
        assert (await stub.Track(pb.TrackRequest())).position.seq == 7


@pytest.mark.parametrize("kind", list(CODE_OF))
async def test_every_error_arrives_as_the_same_error(kind: type[SendwhenError]) -> None:
    async with Running() as running:
        running.service.error = kind("It broke.", remedy="Mend it.")
        code, error = await failure_of(rpc.IngestStub(running.channel()).Track(pb.TrackRequest()))
        assert code.value[0] == CODE_OF[kind]
        assert type(error) is kind
        assert str(error) == "It broke. Mend it."


async def test_violations_and_retry_delays_arrive() -> None:
    async with Running() as running:
        track = rpc.IngestStub(running.channel()).Track
        violations = [Violation(field="name", description="Send one."), Violation(field="event_id", description="Too.")]
        running.service.error = Invalid.of(violations)
        _, error = await failure_of(track(pb.TrackRequest()))
        assert isinstance(error, Invalid)
        assert list(error.violations) == violations
        running.service.error = Overloaded("Full.", retry_after_ms=1_234)
        _, error = await failure_of(track(pb.TrackRequest()))
        assert isinstance(error, Overloaded)
        assert error.retry_after_ms == 1_234


async def test_an_unforeseen_exception_tells_the_caller_nothing_of_the_inside() -> None:
    async with Running() as running:
        running.service.error = KeyError("secret")
        code, error = await failure_of(rpc.IngestStub(running.channel()).Track(pb.TrackRequest()))
        assert code is grpc.StatusCode.INTERNAL
        assert "secret" not in str(error)


async def test_bytes_that_are_no_message_are_an_invalid_argument() -> None:
    async with Running() as running:
        code, _ = await failure_of(running.channel().unary_unary(TRACK)(b"\xff\xff"))
        assert code is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_stream_s_error_arrives_after_what_was_answered() -> None:
    async with Running() as running:
        running.service.error = Overloaded("Full.")
        requests = [pb.TrackStreamRequest(batch_number=number) for number in (1, 2)]
        stream = rpc.IngestStub(running.channel()).TrackStream(iter(requests), metadata=bearer("key"))
        assert [(await stream.read()).batch_number for _ in requests] == [1, 2]
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stream.read()
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_a_call_without_a_deadline_gets_one() -> None:
    async with Running() as running:
        await rpc.IngestStub(running.channel(deadline_s=5)).Track(pb.TrackRequest())
        assert running.service.remaining_s is not None
        assert 0 < running.service.remaining_s < 5.5


async def test_health_and_reflection_need_no_key() -> None:
    async with Running() as running, grpc.aio.insecure_channel(f"127.0.0.1:{running.server.port}") as channel:
        for name in ("", "sendwhen.v1.Ingest"):
            health = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service=name))
            assert health.status == health_pb2.HealthCheckResponse.SERVING
        asked = [reflection_pb2.ServerReflectionRequest(list_services="")]
        reflected = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(iter(asked))
        names = [s.name async for answer in reflected for s in answer.list_services_response.service]
        assert "sendwhen.v1.Ingest" in names


async def test_draining_lets_a_running_call_finish() -> None:
    async with Running() as running:
        running.service.go.clear()
        call = rpc.IngestStub(running.channel()).Track(pb.TrackRequest())
        await running.service.entered.wait()
        drained = asyncio.ensure_future(running.server.drain(grace_s=10))
        await asyncio.sleep(0)
        running.service.go.set()
        assert (await call).position.seq == 7
        await drained


async def test_a_server_drains_when_asked_and_what_ran_beside_it_ends_with_it() -> None:
    async with Running() as running:
        ended: list[str] = []
        stop = asyncio.Event()

        async def beside() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                ended.append("beside")

        serving = asyncio.ensure_future(serve_until(running.server, stop, beside=[beside()]))
        await rpc.IngestStub(running.channel()).Track(pb.TrackRequest())
        stop.set()
        await serving

        assert ended == ["beside"]


async def test_a_server_does_not_outlive_what_must_run_beside_it() -> None:
    async with Running() as running:

        async def beside() -> None:
            raise LookupError("a defect")

        with pytest.raises(LookupError, match="a defect"):
            await serve_until(running.server, asyncio.Event(), beside=[beside()])
        with pytest.raises(grpc.aio.AioRpcError):
            await rpc.IngestStub(running.channel()).Track(pb.TrackRequest())


async def test_a_taken_port_is_refused_with_what_to_look_for() -> None:
    async with Running() as running:
        second = GrpcServer(
            access=Access(default=[]), registers=[], services=[], listen=f"127.0.0.1:{running.server.port}"
        )
        with pytest.raises(OSError, match="another program"):
            await second.start()
        await second.drain(grace_s=0)
