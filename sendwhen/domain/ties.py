"""Which identities are one customer: what a record says of it, and what an event asks for.

A customer is who a routing key first belonged to. An event that carries a user id and a visitor's id, or names an id of
the past, ties the other identity to the customer whose event it is: that identity's customer becomes a tombstone that
points to this one, the survivor. An address ties nothing by itself: households share them, and people mistype them.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from sendwhen.domain.event import Event
from sendwhen.domain.partition import customer_uid, normalised_email, routing_hash
from sendwhen.domain.transfer import Place

KINDS = ("user:", "anon:", "email:")


class Tied(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Where an identity's tombstone is, or will be."""

    uid: str
    partition: int


class Untied(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An identity that was refused, and why."""

    key: str
    reason: str
    detail: str
    at_ms: int


class Ties(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The identities of one customer.

    Attributes:
        tied: By routing key, oldest first; those whose state is still on its way included.
        refused: The latest, oldest first; they are not asked for again.
        joined: Ids of the transfers taken in, so that none is taken in twice.
        into: Set in a tombstone: where the survivor is.
    """

    tied: Mapping[str, Tied] = {}
    refused: tuple[Untied, ...] = ()
    joined: tuple[str, ...] = ()
    into: Place | None = None

    def took(self, transfer_id: str) -> bool:
        """The transfer was taken in before."""
        return transfer_id in self.joined

    def knows(self, key: str) -> bool:
        """The identity was asked for, whatever came of it."""
        return key in self.tied or any(one.key == key for one in self.refused)


NO_TIES = Ties()


def wanted(event: Event) -> tuple[str, ...]:
    """Routing keys of the identities that an event ties to its customer."""
    keys: tuple[str, ...] = ()
    if event.user_id and event.anonymous_id:
        keys = ("anon:" + event.anonymous_id,)
    if event.previous_id:
        keys = (*keys, previous_key(event.previous_id))
    return keys


def previous_key(previous_id: str) -> str:
    """The routing key that an event's previous id names; without a kind in front it is a visitor's id."""
    for kind in KINDS:
        if previous_id.startswith(kind):
            value = previous_id[len(kind) :]
            return kind + (normalised_email(value) if kind == "email:" else value)
    return "anon:" + previous_id


def tied_of(key: str, partitions: int) -> Tied:
    """Where the customer of a routing key is."""
    return Tied(customer_uid(key), routing_hash(key) % partitions)
