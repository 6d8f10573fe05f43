"""Divides customers by hash: the same customer always falls to the same side, whatever happens and wherever it runs."""

from __future__ import annotations

from hashlib import blake2b

from sendwhen.domain.steps import Share, SplitStep

_PERCENT = 100


def place(*names: str) -> int:
    """A whole number from 0 to 9,999, spread evenly over names."""
    joined = "".join(f"{len(name)}:{name}" for name in names)
    digest = blake2b(joined.encode("utf-8", "surrogatepass"), digest_size=8, person=b"sendwhen-share").digest()
    return int.from_bytes(digest, "big") % (100 * _PERCENT)


def share_of(step: SplitStep, *, campaign_id: str, uid: str) -> Share:
    """The share of a split to which a customer belongs."""
    drawn = place("split", campaign_id, step.name, uid)
    up_to = 0
    for share in step.shares:
        up_to += share.percent * _PERCENT
        if drawn < up_to:
            return share
    return step.shares[-1]


def held_out(percent: int, *, campaign_id: str, uid: str) -> bool:
    """Whether a customer belongs to those who get nothing; ``campaign_id`` "" for the installation's own."""
    return percent > 0 and place("holdout", campaign_id, uid) < percent * _PERCENT
