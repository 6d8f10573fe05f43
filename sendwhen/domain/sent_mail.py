"""Counts a customer's emails for caps: no more instants than the cap allows are kept of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sendwhen.domain.calendar import instant_text
from sendwhen.domain.campaign import Campaign
from sendwhen.domain.customer import Customer
from sendwhen.domain.sending_rules import Cap, Category, SendingPolicy

_INSTANT_BYTES = 8
ALL = "all"


def cap_reached(customer: Customer, campaign: Campaign, policy: SendingPolicy, now_ms: int) -> str:
    """Which cap does not let a further email through, in a sentence; "" for none."""
    if campaign.sending.category is Category.TRANSACTIONAL:
        return ""
    for scope, cap in _caps(campaign, policy):
        instants = customer.sent.get(scope, b"")
        if len(instants) < cap.at_most * _INSTANT_BYTES:
            continue
        oldest_ms = int.from_bytes(instants[-cap.at_most * _INSTANT_BYTES :][:_INSTANT_BYTES], "big")
        free_ms = cap.per.after(oldest_ms)
        if now_ms < free_ms:
            of = {"campaign": "of this campaign", "category": "of this category"}.get(scope.partition(":")[0], "in all")
            most = f"{cap.at_most} email{'s' * (cap.at_most > 1)} {of} in {cap.per.text()}"
            return f"The customer gets no more than {most}; the next not before {instant_text(free_ms)}."
    return ""


def count_email(customer: Customer, campaign: Campaign, policy: SendingPolicy, now_ms: int, counts_max: int) -> int:
    """Count one for every cap that there is; how many counts were forgotten for it.

    Transactional emails pass by caps, and count all the same.
    """
    counted = {}
    for scope, cap in _caps(campaign, policy):
        instants = customer.sent.get(scope, b"") + now_ms.to_bytes(_INSTANT_BYTES, "big")
        counted[scope] = instants[-cap.at_most * _INSTANT_BYTES :]
    if not counted:
        return 0
    # The latest counted last, so that what goes first is what no cap may ask for any more.
    customer.sent = {**{scope: kept for scope, kept in customer.sent.items() if scope not in counted}, **counted}
    forgotten = max(0, len(customer.sent) - counts_max)
    if forgotten:
        customer.sent = dict(list(customer.sent.items())[forgotten:])
    return forgotten


def joined_sent(one: Mapping[str, bytes], other: Mapping[str, bytes]) -> dict[str, bytes]:
    """The counts of two customers who are one; the next email cuts them to what its caps need."""
    joined = {**one, **other}
    for scope in one.keys() & other.keys():
        both = one[scope] + other[scope]
        instants = sorted(both[at : at + _INSTANT_BYTES] for at in range(0, len(both), _INSTANT_BYTES))
        joined[scope] = b"".join(instants)
    return joined


def _caps(campaign: Campaign, policy: SendingPolicy) -> Iterable[tuple[str, Cap]]:
    category = campaign.sending.category
    if campaign.sending.cap is not None:
        yield f"campaign:{campaign.campaign_id}", campaign.sending.cap
    for capped, cap in policy.category_caps:
        if capped is category:
            yield f"category:{category.value}", cap
    if policy.cap is not None:
        yield ALL, policy.cap
