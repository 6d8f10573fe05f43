"""What sender answers over a real connection, as the relay must understand it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest

from sendwhen.domain.changes import Forgotten
from sendwhen.v1 import email_pb2, sender_service_pb2, sender_service_pb2_grpc
from sendwhen.wire.email import forget_bytes
from services.trigger.grpc_sender import GrpcSender
from services.trigger.ports import TO_SENDER, TO_SENDER_FORGET, OutboxRow, Push, SenderLost, SenderRefused

pytestmark = pytest.mark.integration


class Sender(sender_service_pb2_grpc.SenderServicer):
    """Answers as it was told to."""

    def __init__(self) -> None:
        self.code: grpc.StatusCode | None = None
        self.got: list[sender_service_pb2.SubmitRequest] = []

    def Submit(self, request: sender_service_pb2.SubmitRequest, context: Any) -> sender_service_pb2.SubmitResponse:
        if self.code is not None:
            context.abort(self.code, "rows[0].intent.send_id: 32 hexadecimal digits.")
        self.got.append(request)
        return sender_service_pb2.SubmitResponse(accepted=len(request.rows))


@pytest.fixture
def told() -> Iterator[tuple[Sender, Callable[..., None]]]:
    servicer = Sender()
    server = grpc.server(ThreadPoolExecutor(2))
    sender_service_pb2_grpc.add_SenderServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    client = GrpcSender(f"127.0.0.1:{port}", service_token="t")

    def push(*intents: bytes, target: int = TO_SENDER) -> None:
        rows = tuple(
            OutboxRow(ordinal=n, lineage="l", intent=intent, target=target) for n, intent in enumerate(intents, 1)
        )
        client.push(Push(partition=0, rows=rows))

    yield servicer, push
    client.close()
    server.stop(None)


def test_what_sender_takes_arrives_as_decided(told: tuple[Sender, Callable[..., None]]) -> None:
    sender, push = told

    push(email_pb2.SendIntent(send_id="a1").SerializeToString())

    assert [(row.ordinal, row.intent.send_id) for row in sender.got[0].rows] == [(1, "a1")]


def test_a_deleted_customer_arrives_as_such(told: tuple[Sender, Callable[..., None]]) -> None:
    sender, push = told

    push(forget_bytes(Forgotten("u1", 7)), target=TO_SENDER_FORGET)

    (row,) = sender.got[0].rows
    assert (row.forget.customer_uid, row.forget.customer_born_seq, row.HasField("intent")) == ("u1", 7, False)


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED])
def test_what_sender_may_take_later_is_lost_for_now(
    told: tuple[Sender, Callable[..., None]], code: grpc.StatusCode
) -> None:
    sender, push = told
    sender.code = code

    with pytest.raises(SenderLost, match=code.name):
        push(b"")


def test_what_sender_refuses_as_invalid_is_refused_for_good(told: tuple[Sender, Callable[..., None]]) -> None:
    sender, push = told
    sender.code = grpc.StatusCode.INVALID_ARGUMENT

    with pytest.raises(SenderRefused, match="32 hexadecimal digits"):
        push(b"")


def test_what_is_no_decision_or_larger_than_a_message_is_refused_before_it_leaves(
    told: tuple[Sender, Callable[..., None]],
) -> None:
    sender, push = told

    with pytest.raises(SenderRefused, match="is no decision"):
        push(b"\xff\xff")
    with pytest.raises(SenderRefused, match="bytes"):
        push(email_pb2.SendIntent(context_json=bytes(4 * 1024 * 1024)).SerializeToString())
    assert sender.got == []
