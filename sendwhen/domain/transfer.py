"""What goes from one partition to another when identities are tied, merged or deleted; and how it is written.

    survivor's partition             the other identity's partition
    Adopt ─▶ tied, Export ─────────▶ becomes a tombstone, state leaves
    joined ◀──────────────────────── Import
    applied ◀─────────────────────── Forward (an event that still came there)

Every one is a row of its sender's outbox first and an entry of the receiver's log then, so each step is logged, decided
once, and repeated without effect. ``born`` names one of a customer's lives: what was meant for a customer who was
deleted meanwhile does not reach the next of that id. Of what anybody may ask for at any time (Adopt, Export, Delete) it
counts only once it was sent on by a tombstone (``path``).
"""

from __future__ import annotations

import msgspec

from sendwhen.domain.event import Event

VERSION = 1
_PREFIX = bytes([VERSION])


class Place(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A customer in a partition.

    Attributes:
        born: Entry that created the customer; tells one life from the next.
    """

    uid: str
    partition: int
    born: int


class Passed(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A tombstone that sent something on.

    Attributes:
        seq: Entry that made it point to where it did.
    """

    uid: str
    partition: int
    born: int
    seq: int


class Adopt(msgspec.Struct, frozen=True, array_like=True, tag="adopt", gc=False):
    """The customer is to take another identity in; who asks is an operator.

    Attributes:
        key: Routing key of the customer, who is created where there is none.
        other_key: Routing key of the identity to be taken in.
        both_known: Even when both have a user id.
    """

    uid: str
    key: str
    other_key: str
    both_known: bool = False
    path: tuple[Passed, ...] = ()
    born: int = 0


class Export(msgspec.Struct, frozen=True, array_like=True, tag="export", gc=False):
    """The identity is to become a tombstone and its state to go to ``into``.

    Attributes:
        key: Routing key of the identity. into_user_id: of the survivor, or "".
    """

    uid: str
    key: str
    into: Place
    into_user_id: str = ""
    both_known: bool = False
    path: tuple[Passed, ...] = ()
    born: int = 0


class Import(msgspec.Struct, frozen=True, array_like=True, tag="import", gc=False):
    """State of an identity that was tied to the customer.

    Attributes:
        transfer_id: The same however often the same state is exported.
        key: Routing key of the identity.
        record: As ``sendwhen.domain.record`` writes it. seen: packed ids of its events.
        path: Where it comes from, and tombstones passed since.
    """

    uid: str
    born: int
    transfer_id: str
    key: str
    record: bytes
    seen: bytes
    path: tuple[Passed, ...] = ()


class Forward(msgspec.Struct, frozen=True, array_like=True, tag="forward", gc=False):
    """An event that came to a tombstone."""

    uid: str
    born: int
    event: Event
    path: tuple[Passed, ...] = ()


class Refused(msgspec.Struct, frozen=True, array_like=True, tag="refused", gc=False):
    """An identity could not be taken in, for a reason ("conflict", "unknown", "too_many", "deleted")."""

    uid: str
    born: int
    key: str
    reason: str
    detail: str
    path: tuple[Passed, ...] = ()


class Repoint(msgspec.Struct, frozen=True, array_like=True, tag="repoint", gc=False):
    """The customer a tombstone points to (``was``) was merged itself; from now on it points to ``into``."""

    uid: str
    was: str
    into: Place


class Forget(msgspec.Struct, frozen=True, array_like=True, tag="forget", gc=False):
    """The customer a tombstone points to (``was`` in the life ``born``) was deleted, and so is the tombstone."""

    uid: str
    was: str
    born: int


class Delete(msgspec.Struct, frozen=True, array_like=True, tag="delete", gc=False):
    """The customer is to be deleted; at a tombstone, the one it points to."""

    uid: str
    path: tuple[Passed, ...] = ()
    born: int = 0


Transfer = Adopt | Export | Import | Forward | Refused | Repoint | Forget | Delete

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Transfer).decode


def write_transfer(transfer: Transfer) -> bytes:
    """The transfer as bytes."""
    return _PREFIX + _encode(transfer)


def read_transfer(body: bytes) -> Transfer | None:
    """The transfer that was written; None where these bytes are none that this version knows."""
    if body[:1] != _PREFIX:
        return None
    try:
        transfer: Transfer = _decode(memoryview(body)[1:])
    except msgspec.DecodeError:
        return None
    return transfer
