"""A row of the ledger as the store's functions answer it, and as its message."""

from __future__ import annotations

from collections.abc import Sequence

from sendwhen.v1 import email_pb2


def email_of(row: Sequence[bytes]) -> email_pb2.Email:
    """The message."""
    texts = [text_of(value) for value in row]
    state, campaign, uid, attempts, doubts, message_id, provider, detail, changed, following, due, first, why = texts[
        :13
    ]
    return email_pb2.Email(
        send_id=texts[13],
        campaign_id=campaign,
        customer_uid=uid,
        state=email_pb2.EmailState.Name(int(state)),
        attempts=int(attempts),
        doubts=int(doubts),
        provider_message_id=message_id,
        provider=provider,
        detail=detail,
        changed_at_ms=int(changed),
        next_at_ms=int(following),
        due_at_ms=int(due),
        first_byte_at_us=int(first or 0),
        reason=why,
    )


def text_of(value: bytes | str | None) -> str:
    """What the store answered, as text; "" for nothing."""
    return value.decode() if isinstance(value, bytes) else value or ""
