"""The dead letter of a decision that sender will never take."""

from __future__ import annotations

from contextlib import suppress

from google.protobuf.message import DecodeError

from sendwhen.domain.changes import DeadLetter
from sendwhen.v1 import email_pb2
from services.trigger.ports import TO_SENDER_FORGET, OutboxRow, SenderRefused

REASON = "refused_by_sender"


def letter_of(row: OutboxRow, refused: SenderRefused) -> DeadLetter:
    """Names the event and the email; the customer's record says the rest. Not logged: no replay decides otherwise."""
    intent, what = email_pb2.SendIntent(), f"Deletion {row.ordinal}"
    if row.target != TO_SENDER_FORGET:
        with suppress(DecodeError):
            intent = email_pb2.SendIntent.FromString(row.intent)
        what = f"Email {intent.send_id or row.ordinal}"
    return DeadLetter(
        seq=intent.customer_seq,
        index=-1,
        event_id=intent.trace.event_id,
        reason=REASON,
        detail=f"{what}: {refused.problem}"[:500],
        at_ms=intent.decided_at_ms,
    )
