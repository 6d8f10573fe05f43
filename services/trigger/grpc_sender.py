"""Hands rows of an outbox to the sender service: one Submit a batch, with a deadline and the service token."""

from __future__ import annotations

import grpc
from google.protobuf.message import DecodeError

from sendwhen.chassis.grpc_channel import bearer, open_sync_channel
from sendwhen.v1 import email_pb2, sender_service_pb2, sender_service_pb2_grpc
from services.trigger.ports import TO_SENDER_FORGET, OutboxRow, Push, SenderLost, SenderRefused

DEADLINE_S = 5.0
SUBMIT_BYTES_MAX = 4 * 1024 * 1024 - 4_096
"""What sender's server takes in one message (``chassis.grpc_server``), without the frame."""


class GrpcSender:
    """The Sender port over gRPC. Blocking; one channel for the process's life."""

    def __init__(self, target: str, *, service_token: str, deadline_s: float = DEADLINE_S) -> None:
        self._channel = open_sync_channel(target)
        self._submit = sender_service_pb2_grpc.SenderStub(self._channel).Submit
        self._metadata = bearer(service_token)
        self._deadline_s = deadline_s

    def push(self, request: Push) -> None:
        """See the port. What an intent says is parsed here once; bytes of a newer version pass unharmed."""
        lineage = request.rows[0].lineage
        message = sender_service_pb2.SubmitRequest(
            partition=request.partition,
            lineage=lineage,
            rows=[_message(row, "" if row.lineage == lineage else row.lineage) for row in request.rows],
        )
        if message.ByteSize() > SUBMIT_BYTES_MAX:
            raise SenderRefused(f"The rows have {message.ByteSize()} bytes; sender takes {SUBMIT_BYTES_MAX}.")
        try:
            self._submit(message, timeout=self._deadline_s, metadata=self._metadata)
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.INVALID_ARGUMENT:
                raise SenderRefused(f"Sender refused the rows: {error.details()}") from error
            raise SenderLost(
                f"Sender answered {error.code().name}: {error.details()}", remedy="It is tried again."
            ) from error

    def close(self) -> None:
        """Close the channel."""
        self._channel.close()


def _message(row: OutboxRow, lineage: str) -> sender_service_pb2.OutboxRow:
    try:
        if row.target == TO_SENDER_FORGET:
            forget = sender_service_pb2.ForgetCustomer.FromString(row.intent)
            return sender_service_pb2.OutboxRow(ordinal=row.ordinal, forget=forget, lineage=lineage)
        intent = email_pb2.SendIntent.FromString(row.intent)
        return sender_service_pb2.OutboxRow(ordinal=row.ordinal, intent=intent, lineage=lineage)
    except DecodeError:
        raise SenderRefused(f"Row {row.ordinal} is no decision.") from None
