"""The identity that is joined into another: its state leaves, a tombstone stays and points to the survivor."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

from msgspec.structs import replace

from sendwhen.domain.changes import Forgotten
from sendwhen.domain.customer import Customer
from sendwhen.domain.moment import Moment
from sendwhen.domain.recalled import Recalled
from sendwhen.domain.record import write_record
from sendwhen.domain.residents import Resident
from sendwhen.domain.round import Round
from sendwhen.domain.shard_limits import ShardLimits
from sendwhen.domain.ties import Ties
from sendwhen.domain.transfer import Export, Forget, Import, Passed, Refused, Repoint


class Tombstones:
    """Makes, moves and removes the tombstones of one partition."""

    def __init__(self, *, partition: int, recalled: Recalled, limits: ShardLimits) -> None:
        self._partition = partition
        self._recalled = recalled
        self._limits = limits

    def export(self, resident: Resident, asked: Export, moment: Moment, out: Round) -> bool:
        """Let the state of an identity go to the survivor, or refuse."""
        own, into = resident.customer, asked.into
        if own.uid == into.uid:
            return False
        reason, detail = self._objection(own, asked)
        if reason:
            out.transfers.append((into.partition, Refused(into.uid, into.born, asked.key, reason, detail)))
            return False
        tombstone = Customer(own.uid, ties=Ties(into=into), born_seq=own.born_seq if own.exists else moment.seq)
        touch(tombstone, moment)
        if own.exists:
            here = Passed(own.uid, self._partition, own.born_seq, moment.seq)
            whole = replace(self._recalled.whole(own), past_chunks=0)
            record, seen = write_record(whole), bytes(resident.seen.packed)
            arrival = Import(into.uid, into.born, _transfer_id(own), asked.key, record, seen, (here,))
            out.transfers.append((into.partition, arrival))
            for tied in own.known_ties().tied.values():
                out.transfers.append((tied.partition, Repoint(tied.uid, own.uid, into)))
        resident.customer = tombstone
        resident.seen.replace(b"")
        return True

    def _objection(self, own: Customer, asked: Export) -> tuple[str, str]:
        ties = own.known_ties()
        if own.user_id and not (asked.both_known and asked.into_user_id):
            return "conflict", "It belongs to a customer with another user id."
        if not own.exists and asked.key.startswith("user:"):
            return "unknown", "Nobody is known by that user id."
        if len(ties.tied) >= self._limits.identities:
            return "too_many", f"It has {len(ties.tied)} identities itself."
        return "", ""

    def repoint(self, resident: Resident, repoint: Repoint, moment: Moment) -> bool:
        """Let a tombstone point to where its survivor went."""
        own = resident.customer
        if own.into is None or own.into.uid != repoint.was or repoint.into.uid == own.uid:
            return False
        draft = replace(own, ties=Ties(into=repoint.into))
        touch(draft, moment)
        resident.customer = draft
        return True

    def forget(self, resident: Resident, forget: Forget, out: Round) -> bool:
        """Remove a tombstone whose survivor was deleted."""
        own = resident.customer
        if own.into is None or (own.into.uid, own.into.born) != (forget.was, forget.born):
            return False
        erase(resident, out)
        return True


def touch(customer: Customer, moment: Moment) -> None:
    """It changed in this entry."""
    customer.seq = moment.seq
    customer.changed_at_ms = moment.at_ms


def let_tombstones_go(customer: Customer, out: Round) -> None:
    """A customer is about to be nobody: the tombstones that lead there go, too."""
    for tied in customer.known_ties().tied.values():
        out.transfers.append((tied.partition, Forget(tied.uid, customer.uid, customer.born_seq)))


def erase(resident: Resident, out: Round) -> None:
    """Nobody is known by that uid any more, and sender is told."""
    own = resident.customer
    out.forgotten.append(Forgotten(own.uid, own.born_seq))
    resident.customer = Customer(own.uid)
    resident.seen.replace(b"")


def goes_round(path: Sequence[Passed]) -> Sequence[Passed]:
    """The circle of tombstones that something is proven to have gone round; empty where none is.

    Twice round past tombstones that have not moved meanwhile: then there was an instant at which all of them pointed to
    each other. Once round proves nothing, because one that was passed may have moved since.
    """
    for length in range(1, len(path) // 2 + 1):
        if path[-length:] == path[-2 * length : -length]:
            return path[-length:]
    return ()


def _transfer_id(customer: Customer) -> str:
    """Of the customer's state as it is: exported again after a lost tail, it has the same id."""
    text = f"{customer.uid}/{customer.born_seq}/{customer.seq}"
    return blake2b(text.encode(), digest_size=8).hexdigest()
