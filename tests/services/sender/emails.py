"""Emails, decisions and requests of the ledger for tests: valid by default, one word to vary."""

from __future__ import annotations

from hashlib import blake2b

from sendwhen.v1 import email_pb2
from services.sender.addresses import AddressBook
from services.sender.ledger import Signal
from services.sender.ledger_port import BeginAttempt, ClaimDue, Claimed, Forget, NewEmail, Settle, Submit
from services.sender.volume_port import Release, Reserve

NOW_MS = 1_800_000_000_000
LEASE_MS = 10_000
ATTEMPT_LEASE_MS = 30_000
EVIDENCE_MS = 900_000
ADDRESSES = AddressBook("a key that only tests have")
CONTEXT = (
    b'{"event":{"name":"Product Added","id":"e","occurred_at_ms":1,"properties":{"product":"Lamp"}},"customer":{}}'
)


def an_intent(name: str = "first", *, address: str = "ada@example.invalid", **fields: object) -> email_pb2.SendIntent:
    intent = email_pb2.SendIntent(
        send_id=blake2b(name.encode(), digest_size=16).hexdigest(),
        run_id="run",
        campaign_id="abandoned-cart",
        campaign_version="v1",
        step="0",
        template="reminder",
        template_hash="tpl",
        category=email_pb2.CATEGORY_TRANSACTIONAL,
        in_doubt=email_pb2.IN_DOUBT_POLICY_AT_MOST_ONCE,
        customer_uid="0" * 24,
        to_address=address,
        customer_seq=7,
        partition=3,
        decided_at_ms=NOW_MS,
        due_at_ms=NOW_MS,
        context_json=CONTEXT,
        reason="the cart was left",
    )
    for field, value in fields.items():
        setattr(intent, field, value)
    return intent


def a_new_email(
    name: str = "first",
    *,
    ordinal: int = 1,
    lineage: str = "l1",
    address: str = "ada@example.invalid",
    attempt: bool = False,
    **fields: object,
) -> NewEmail:
    return NewEmail(
        partition=3,
        ordinal=ordinal,
        lineage=lineage,
        address_hash=ADDRESSES.hash_of(address),
        intent=an_intent(name, address=address, **fields),
        attempt=attempt,
    )


def submit(
    *emails: NewEmail,
    claim_max: int = 100,
    worker: str = "w1",
    at_ms: int = NOW_MS,
    look_at_expiry: bool = True,
) -> Submit:
    return Submit(
        emails=emails,
        worker=worker,
        claim_max=claim_max,
        now_ms=at_ms,
        lease_ms=LEASE_MS,
        attempt_lease_ms=ATTEMPT_LEASE_MS,
        look_at_expiry=look_at_expiry,
    )


def claim_due(at_ms: int, *, worker: str = "w1", emails_max: int = 6_400) -> ClaimDue:
    return ClaimDue(worker=worker, emails_max=emails_max, now_ms=at_ms, lease_ms=LEASE_MS, evidence_wait_ms=EVIDENCE_MS)


def begin(claimed: Claimed, *, at_ms: int = NOW_MS, look_at_expiry: bool = True) -> BeginAttempt:
    return BeginAttempt(
        claimed=claimed, now_ms=at_ms, lease_ms=LEASE_MS, following_lease_ms=LEASE_MS, look_at_expiry=look_at_expiry
    )


def settle(
    claimed: Claimed, signal: Signal, *, attempt: int = 1, at_ms: int = NOW_MS, next_at_ms: int = 0, **more: object
) -> Settle:
    return Settle(
        claimed=claimed,
        attempt=attempt,
        signal=signal,
        now_ms=at_ms,
        next_at_ms=next_at_ms,
        lease_ms=LEASE_MS,
        provider="fake",
        **more,  # type: ignore[arg-type]  # fields of Settle by name
    )


def reserve(*send_ids: str, at_most: int, campaign: str = "abandoned-cart", day: str = "2027-01-15") -> Reserve:
    return Reserve(campaign_id=campaign, day=day, at_most=at_most, send_ids=send_ids)


def release(
    *, discard: bool = False, campaign: str = "abandoned-cart", at_ms: int = NOW_MS, emails_max: int = 1_000
) -> Release:
    return Release(campaign_id=campaign, discard=discard, day="2027-01-15", now_ms=at_ms, emails_max=emails_max)


def forget(*, uid: str = "0" * 24, born_seq: int = 0, at_ms: int = NOW_MS) -> Forget:
    return Forget(customers=((uid, born_seq),), now_ms=at_ms)
