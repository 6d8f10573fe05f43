"""Sender, as the front uses it, over gRPC."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import grpc

from sendwhen.chassis.grpc_status import error_of
from sendwhen.v1 import email_pb2, sender_service_pb2, sender_service_pb2_grpc
from services.trigger.front_ports import SentEmail, TemplateText


class GrpcEmails:
    """PutTemplates and GetEmails; the channel carries the service token."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = sender_service_pb2_grpc.SenderStub(channel)

    async def put_templates(self, templates: Mapping[str, TemplateText]) -> None:
        """Keep templates under their hashes."""
        request = sender_service_pb2.PutTemplatesRequest(
            templates={
                key: email_pb2.TemplateSource(subject=template.subject, text=template.text, html=template.html)
                for key, template in templates.items()
            }
        )
        try:
            await self._stub.PutTemplates(request)
        except grpc.aio.AioRpcError as error:
            raise error_of(error) from error

    async def emails(self, send_ids: Sequence[str]) -> Sequence[SentEmail]:
        """Rows of the ledger."""
        try:
            answer = await self._stub.GetEmails(sender_service_pb2.GetEmailsRequest(send_ids=send_ids))
        except grpc.aio.AioRpcError as error:
            raise error_of(error) from error
        return [
            SentEmail(
                send_id=email.send_id,
                state=email_pb2.EmailState.Name(email.state).removeprefix("EMAIL_STATE_").lower(),
                detail=email.detail,
                row=email.SerializeToString(),
            )
            for email in answer.emails
        ]
