"""A decision to send one email on the wire (sendwhen.v1.SendIntent) and as the domain decided it."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from sendwhen.domain.changes import Forgotten
from sendwhen.domain.decision import Send
from sendwhen.domain.sending_rules import Category, InDoubt
from sendwhen.v1 import email_pb2, sender_service_pb2

_CATEGORY: Final = MappingProxyType(
    {Category.MARKETING: email_pb2.CATEGORY_MARKETING, Category.TRANSACTIONAL: email_pb2.CATEGORY_TRANSACTIONAL}
)
_IN_DOUBT: Final = MappingProxyType(
    {
        InDoubt.AT_MOST_ONCE: email_pb2.IN_DOUBT_POLICY_AT_MOST_ONCE,
        InDoubt.AT_LEAST_ONCE: email_pb2.IN_DOUBT_POLICY_AT_LEAST_ONCE,
    }
)


def intent_of(send: Send, *, partition: int, shard_read_at_us: int, decided_at_us: int) -> email_pb2.SendIntent:
    """The message that hands ``send`` to sender; committed_at_us is left for the relay."""
    trace = email_pb2.TraceStamps(
        traceparent=send.traceparent,
        event_id=send.event_id,
        event_name=send.event_name,
        ingest_received_at_us=send.received_at_us,
        front_received_at_us=send.front_received_at_us,
        appended_at_us=send.appended_at_us,
        shard_read_at_us=shard_read_at_us,
        decided_at_us=decided_at_us,
    )
    return email_pb2.SendIntent(
        send_id=send.send_id,
        run_id=send.run_id,
        campaign_id=send.campaign_id,
        campaign_version=send.version,
        step=send.step,
        template=send.template,
        template_hash=send.template_hash,
        category=_CATEGORY[send.category],
        in_doubt=_IN_DOUBT[send.in_doubt],
        customer_uid=send.uid,
        to_address=send.email,
        customer_seq=send.customer_seq,
        customer_born_seq=send.born_seq,
        partition=partition,
        decided_at_ms=send.at_ms,
        due_at_ms=send.due_at_ms,
        expires_at_ms=send.expires_at_ms,
        key=send.key,
        reason=send.reason,
        context_json=send.context,
        trace=trace,
        delayed=send.delayed,
        start_at_ms=send.start_at_ms,
        grace_ms=send.grace_ms,
        volume_per_day=send.volume_per_day,
    )


def send_of(intent: email_pb2.SendIntent) -> Send:
    """What was decided, of a message made by ``intent_of``; an unspecified category or policy is read as the stricter.

    ``entry_seq`` does not travel of its own; the customer's sequence stands for it.
    """
    trace = intent.trace
    transactional = intent.category == email_pb2.CATEGORY_TRANSACTIONAL
    twice = intent.in_doubt == email_pb2.IN_DOUBT_POLICY_AT_LEAST_ONCE
    return Send(
        send_id=intent.send_id,
        run_id=intent.run_id,
        campaign_id=intent.campaign_id,
        version=intent.campaign_version,
        step=intent.step,
        template=intent.template,
        template_hash=intent.template_hash,
        category=Category.TRANSACTIONAL if transactional else Category.MARKETING,
        in_doubt=InDoubt.AT_LEAST_ONCE if twice else InDoubt.AT_MOST_ONCE,
        uid=intent.customer_uid,
        email=intent.to_address,
        customer_seq=intent.customer_seq,
        born_seq=intent.customer_born_seq,
        at_ms=intent.decided_at_ms,
        due_at_ms=intent.due_at_ms,
        start_at_ms=intent.start_at_ms,
        expires_at_ms=intent.expires_at_ms,
        key=intent.key,
        reason=intent.reason,
        context=intent.context_json,
        delayed=intent.delayed,
        traceparent=trace.traceparent,
        event_id=trace.event_id,
        event_name=trace.event_name,
        received_at_us=trace.ingest_received_at_us,
        entry_seq=intent.customer_seq,
        front_received_at_us=trace.front_received_at_us,
        appended_at_us=trace.appended_at_us,
        grace_ms=intent.grace_ms,
        volume_per_day=intent.volume_per_day,
    )


def forget_bytes(forgotten: Forgotten) -> bytes:
    """The serialised message (sendwhen.v1.ForgetCustomer) that tells sender of a deleted customer."""
    message = sender_service_pb2.ForgetCustomer(customer_uid=forgotten.uid, customer_born_seq=forgotten.born_seq)
    return message.SerializeToString()
