"""Who is one customer, as the oracle sees it: its own statement of the rules about ties, tombstones and deletions."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from sendwhen.domain.event import Event
from sendwhen.domain.partition import customer_uid, routing_hash
from sendwhen.domain.transfer import (
    Adopt,
    Delete,
    Export,
    Forget,
    Forward,
    Import,
    Passed,
    Refused,
    Repoint,
    Transfer,
)
from tests.simulation.script import IDENTITIES, PARTITIONS

if TYPE_CHECKING:
    from tests.simulation.oracle import Life

REFUSALS = 16
Pointer = tuple[str, int, int]
"""uid, partition, born of whom a tombstone points to."""


class Handed(NamedTuple):
    """A transfer, as far as it tells one from another."""

    partition: int
    kind: str
    uid: str
    about: str

    @classmethod
    def of(cls, partition: int, transfer: Transfer) -> Handed:
        """What was delivered."""
        match transfer:
            case Export():
                about = f"{transfer.key} into {transfer.into.uid}"
            case Adopt():
                about = transfer.other_key
            case Forward():
                about = transfer.event.event_id
            case Import():
                about = transfer.path[0].uid
            case Refused():
                about = f"{transfer.key} {transfer.reason}"
            case Repoint() | Forget():
                about = transfer.was
            case Delete():
                about = ""
        return cls(partition, type(transfer).__name__.lower(), transfer.uid, about)


@dataclass
class Known:
    """A customer who is one."""

    uid: str
    born: int
    life: Life
    user: str = ""
    tied: dict[str, tuple[str, int]] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)


@dataclass
class _Tombstone:
    into: Pointer
    born: int
    seq: int


def wanted_keys(event: Event) -> list[str]:
    """Identities that an event ties."""
    keys = ["anon:" + event.anonymous_id] if event.user_id and event.anonymous_id else []
    if event.previous_id:
        keys.append(event.previous_id if event.previous_id.startswith("user:") else "anon:" + event.previous_id)
    return keys


class Identities:
    """Those of one partition.

    Attributes:
        handed: What had to go to other partitions.
        gave: The customer whose state left by the last transfer. is_gone: whom it was for was deleted.
    """

    def __init__(self, partition: int) -> None:
        self._partition = partition
        self.customers: dict[str, Known] = {}
        self._tombstones: dict[str, _Tombstone] = {}
        self.handed: Counter[Handed] = Counter()
        self.gave: Known | None = None
        self.is_gone = False

    def hand(self, partition: int, kind: str, uid: str, about: str) -> None:
        """Something had to be handed over."""
        self.handed[Handed(partition, kind, uid, about)] += 1

    def born(self, uid: str, seq: int, life: Life) -> Known:
        """Somebody new."""
        self.customers[uid] = Known(uid, seq, life)
        return self.customers[uid]

    def forwards(self, event: Event) -> bool:
        """Whether an event comes to a tombstone, and so goes on."""
        tombstone = self._tombstones.get(event.uid)
        if tombstone is not None:
            self.hand(tombstone.into[1], "forward", tombstone.into[0], event.event_id)
        return tombstone is not None

    def tie(self, known: Known, key: str, uid: str, partition: int, *, again: bool = False) -> None:
        """An event ties an identity, or (``again``) an operator says so."""
        if uid == known.uid or (not again and (key in known.tied or key in known.refused)):
            return
        if key not in known.tied and len(known.tied) >= IDENTITIES:
            known.refused = [*known.refused, key][-REFUSALS:]
            return
        known.tied[key] = (uid, partition)
        self.hand(partition, "export", uid, f"{key} into {known.uid}")

    def joined(self, known: Known, other: Known, arrived: Import) -> None:
        """Note whose state was taken in, and what that one had taken in before."""
        origin = arrived.path[0]
        key = arrived.key if customer_uid(arrived.key) == origin.uid else "uid:" + origin.uid
        tied = {**known.tied, **other.tied, key: (origin.uid, origin.partition)}
        known.tied = {key: one for key, one in tied.items() if one[0] != known.uid}
        known.user = known.user or other.user

    def forget(self, known: Known) -> None:
        """Somebody goes, and the tombstones that lead there."""
        for uid, partition in known.tied.values():
            self.hand(partition, "forget", uid, known.uid)
        del self.customers[known.uid]

    def take(self, transfer: Transfer, seq: int, life: Life) -> Known | None:
        """What a transfer does; the customer on whom more is to be done. ``life``: of one who may be born by it."""
        self.gave, self.is_gone = None, False
        match transfer:
            case Refused():
                self._refuse(transfer)
            case Repoint():
                tombstone = self._tombstones.get(transfer.uid)
                if tombstone and tombstone.into[0] == transfer.was and transfer.into.uid != transfer.uid:
                    into = transfer.into.uid, transfer.into.partition, transfer.into.born
                    self._tombstones[transfer.uid] = _Tombstone(into, tombstone.born, seq)
            case Forget():
                tombstone = self._tombstones.get(transfer.uid)
                if tombstone and (tombstone.into[0], tombstone.into[2]) == (transfer.was, transfer.born):
                    del self._tombstones[transfer.uid]
            case _:
                return self._travelled(transfer, seq, life)
        return None

    def _travelled(self, transfer: Adopt | Export | Import | Forward | Delete, seq: int, life: Life) -> Known | None:
        tombstone = self._tombstones.get(transfer.uid)
        if tombstone is not None:
            here = Passed(transfer.uid, self._partition, tombstone.born, tombstone.seq)
            if not _goes_round_and_ends_here([*transfer.path, here]):
                self._hand_on(transfer, tombstone)
                return None
            del self._tombstones[transfer.uid]
            self.customers[transfer.uid] = Known(transfer.uid, tombstone.born, life)
        known = self.customers.get(transfer.uid)
        if transfer.path and (known is None or known.born != transfer.born):
            self.is_gone = True
            self.hand(transfer.path[-1].partition, "forget", transfer.path[-1].uid, transfer.uid)
            if isinstance(transfer, Export):
                self.hand(transfer.into.partition, "refused", transfer.into.uid, f"{transfer.key} deleted")
            return None
        match transfer:
            case Adopt():
                self._adopt(known or self._created(transfer, seq, life), transfer)
            case Export():
                self._export(known, transfer, seq)
            case Delete():
                if known is not None:
                    self.forget(known)
            case _:
                return known
        return None

    def _hand_on(self, transfer: Transfer, tombstone: _Tombstone) -> None:
        uid, partition, _ = tombstone.into
        said = Handed.of(partition, transfer)
        self.handed[said._replace(uid=uid)] += 1

    def _created(self, adopt: Adopt, seq: int, life: Life) -> Known:
        known = self.born(adopt.uid, seq, life)
        known.user = adopt.key.removeprefix("user:") if adopt.key.startswith("user:") else ""
        return known

    def _adopt(self, known: Known, adopt: Adopt) -> None:
        known.refused = [key for key in known.refused if key != adopt.other_key]
        uid, partition = customer_uid(adopt.other_key), routing_hash(adopt.other_key) % PARTITIONS
        self.tie(known, adopt.other_key, uid, partition, again=True)

    def _export(self, known: Known | None, asked: Export, seq: int) -> None:
        into = asked.into
        if asked.uid == into.uid:
            return
        reason = ""
        if known is not None and known.user and not (asked.both_known and asked.into_user_id):
            reason = "conflict"
        elif known is None and asked.key.startswith("user:"):
            reason = "unknown"
        elif known is not None and len(known.tied) >= IDENTITIES:
            reason = "too_many"
        if reason:
            self.hand(into.partition, "refused", into.uid, f"{asked.key} {reason}")
            return
        self.gave = known
        self._tombstones[asked.uid] = _Tombstone(
            (into.uid, into.partition, into.born), seq if known is None else known.born, seq
        )
        if known is None:
            return
        del self.customers[asked.uid]
        self.hand(into.partition, "import", into.uid, asked.uid)
        for uid, partition in known.tied.values():
            self.hand(partition, "repoint", uid, asked.uid)

    def _refuse(self, refused: Refused) -> None:
        tombstone = self._tombstones.get(refused.uid)
        if tombstone is not None:
            here = Passed(refused.uid, self._partition, tombstone.born, tombstone.seq)
            if refused.born == tombstone.born and here not in refused.path:
                self._hand_on(refused, tombstone)
            return
        known = self.customers.get(refused.uid)
        if known is not None and known.born == refused.born:
            known.tied.pop(refused.key, None)
            if refused.reason != "deleted":
                known.refused = [*known.refused, refused.key][-REFUSALS:]


def _goes_round_and_ends_here(path: list[Passed]) -> bool:
    """The same tombstones, unmoved, were passed twice in a row, and of these this one has the smallest uid."""
    for size in range(1, len(path) // 2 + 1):
        if path[-size:] == path[-2 * size : -size]:
            return path[-1].uid == min(one.uid for one in path[-size:])
    return False
