"""Sender's gRPC face."""

from __future__ import annotations

from typing import Any, TypeAlias

import grpc

from sendwhen.chassis.clock import Clock
from sendwhen.chassis.days import day_of
from sendwhen.errors import Invalid, Violation
from sendwhen.v1 import email_pb2, sender_service_pb2, sender_service_pb2_grpc
from services.sender.addresses import SLOTS, AddressBook, is_address
from services.sender.ledger_port import Ledger
from services.sender.ports import Renderer, Templates, TemplateText
from services.sender.submission import ID_CHARACTERS_MAX, Submission, is_id
from services.sender.volume_port import Release

SERVICE = "sendwhen.v1.Sender"
SEND_IDS_MAX = 500
RELEASED_MAX = 1_000
TEMPLATES_MAX = 64
TEMPLATE_BYTES_MAX = 512 * 1024
REASON_CHARACTERS_MAX = 64
Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class SenderServicer(sender_service_pb2_grpc.SenderServicer):
    """Answers the calls of sendwhen.v1.Sender."""

    def __init__(
        self,
        *,
        submission: Submission,
        ledger: Ledger,
        templates: Templates,
        renderer: Renderer,
        addresses: AddressBook,
        clock: Clock,
    ) -> None:
        self._submission = submission
        self._ledger = ledger
        self._templates = templates
        self._renderer = renderer
        self._addresses = addresses
        self._clock = clock

    async def Submit(  # noqa: N802  gRPC's name
        self, request: sender_service_pb2.SubmitRequest, _context: Context
    ) -> sender_service_pb2.SubmitResponse:
        """Takes decisions of one partition's outbox."""
        accepted, repeated = await self._submission.submit(request.partition, request.lineage, request.rows)
        return sender_service_pb2.SubmitResponse(accepted=accepted, repeated_rows=repeated)

    async def PutTemplates(  # noqa: N802  gRPC's name
        self, request: sender_service_pb2.PutTemplatesRequest, _context: Context
    ) -> sender_service_pb2.PutTemplatesResponse:
        """Keeps templates under their content hash."""
        if len(request.templates) > TEMPLATES_MAX:
            raise _wrong("templates", f"At most {TEMPLATES_MAX} in one call.")
        templates = {
            name: TemplateText(subject=source.subject, text=source.text, html=source.html)
            for name, source in request.templates.items()
        }
        for name, template in templates.items():
            if len(f"{template.subject}{template.text}{template.html}".encode()) > TEMPLATE_BYTES_MAX:
                raise _wrong("templates", f"A template has at most {TEMPLATE_BYTES_MAX} bytes.")
            self._renderer.check(name, template)
        if templates:
            await self._templates.put(templates)
        return sender_service_pb2.PutTemplatesResponse()

    async def GetEmails(  # noqa: N802  gRPC's name
        self, request: sender_service_pb2.GetEmailsRequest, _context: Context
    ) -> sender_service_pb2.GetEmailsResponse:
        """Rows of the ledger by send_id."""
        if len(request.send_ids) > SEND_IDS_MAX:
            raise _wrong("send_ids", f"At most {SEND_IDS_MAX} in one call.")
        if request.slots and len(request.slots) != len(request.send_ids):
            raise _wrong("slots", "One for each send_id, or none.")
        if any(not 0 <= slot < SLOTS for slot in request.slots):
            raise _wrong("slots", f"From 0 to {SLOTS - 1}.")
        if not request.send_ids:
            return sender_service_pb2.GetEmailsResponse()
        emails = await self._ledger.emails(list(request.send_ids), list(request.slots))
        return sender_service_pb2.GetEmailsResponse(emails=emails)

    async def CountEmails(  # noqa: N802  gRPC's name
        self, _request: sender_service_pb2.CountEmailsRequest, _context: Context
    ) -> sender_service_pb2.CountEmailsResponse:
        """How many emails stand in each state."""
        counts, duplicates = await self._ledger.counts()
        return sender_service_pb2.CountEmailsResponse(
            counts=[
                sender_service_pb2.EmailCount(
                    campaign_id=count.campaign_id,
                    state=email_pb2.EmailState.Name(count.state.value),
                    emails=count.emails,
                )
                for count in counts
            ],
            possible_duplicates=duplicates,
        )

    async def Suppress(  # noqa: N802  gRPC's name
        self, request: sender_service_pb2.SuppressRequest, _context: Context
    ) -> sender_service_pb2.SuppressResponse:
        """Puts an address on the suppression list."""
        if len(request.reason) > REASON_CHARACTERS_MAX or "@" in request.reason:
            raise _wrong("reason", f"Send a word of at most {REASON_CHARACTERS_MAX} characters, without personal data.")
        address_hash = self._hash_of(request.address)
        changed = await self._ledger.suppress(address_hash, request.reason or "asked")
        return sender_service_pb2.SuppressResponse(changed=changed)

    async def Unsuppress(  # noqa: N802  gRPC's name
        self, request: sender_service_pb2.UnsuppressRequest, _context: Context
    ) -> sender_service_pb2.UnsuppressResponse:
        """Takes an address off the suppression list."""
        changed = await self._ledger.unsuppress(self._hash_of(request.address))
        return sender_service_pb2.UnsuppressResponse(changed=changed)

    async def ReleaseHeld(  # noqa: N802  gRPC's name
        self, request: sender_service_pb2.ReleaseHeldRequest, _context: Context
    ) -> sender_service_pb2.ReleaseHeldResponse:
        """Lets go, or discards, what is held of a campaign."""
        if not is_id(request.campaign_id):
            raise _wrong("campaign_id", f"Send the campaign's id, of at most {ID_CHARACTERS_MAX} characters.")
        now_ms = self._clock.now_ms()
        released = await self._ledger.release(
            Release(
                campaign_id=request.campaign_id,
                discard=request.discard,
                day=day_of(now_ms),
                now_ms=now_ms,
                emails_max=RELEASED_MAX,
            )
        )
        return sender_service_pb2.ReleaseHeldResponse(emails=released.emails, more=released.more)

    def _hash_of(self, address: str) -> str:
        if not is_address(address.strip()):
            raise _wrong("address", "Send an address such as ada@example.com, without a display name.")
        return self._addresses.hash_of(address)


def _wrong(field: str, description: str) -> Invalid:
    return Invalid.of([Violation(field=field, description=description)])
