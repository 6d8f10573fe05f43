"""Which partition a customer lives in, and the customer's id of ours: stable hashes, never Python's ``hash()``.

Until identities are tied together, the routing key is the first of user_id, anonymous_id and normalised email that an
event carries. Stored installations depend on these functions: they never change.
"""

from __future__ import annotations

from hashlib import blake2b


def normalised_email(address: str) -> str:
    """The address without surrounding blanks, in lower case."""
    return address.strip().lower()


def routing_key(*, user_id: str, anonymous_id: str, email: str) -> str:
    """The identity that decides whose event this is, tagged with its kind; "" where there is none.

    ``email`` must be normalised.
    """
    if user_id:
        return "user:" + user_id
    if anonymous_id:
        return "anon:" + anonymous_id
    if email:
        return "email:" + email
    return ""


def routing_hash(key: str) -> int:
    """A 64-bit hash of a routing key. The partition is this modulo the number of partitions."""
    return int.from_bytes(blake2b(key.encode(), digest_size=8).digest(), "big")


def customer_uid(key: str) -> str:
    """Our own id of the customer that a routing key first belonged to: 24 hexadecimal digits."""
    return blake2b(key.encode(), digest_size=12, person=b"sendwhen-uid").hexdigest()
