"""What one transfer does to one customer: ties asked for, tombstones made, state taken in, customers deleted.

Rules, each with the word that a refusal carries:

* A customer with a user id is not joined into another, unless an operator says so of two who both have one
  ("conflict").
* An identity that leads to the customer already is left alone.
* No customer takes in more than ``ShardLimits.identities`` ("too_many").
* A user id that nobody is known by is not given away ("unknown").
* What comes to a tombstone goes on to the survivor. Where tombstones lead in a circle (some were joined into each other
  at the same time), the one with the smallest uid lives again and takes in all that travels.
* What was meant for a customer who was deleted meanwhile is dropped, and the tombstone that sent it goes too.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from msgspec.structs import replace

from sendwhen.domain.customer import Customer
from sendwhen.domain.event import Event
from sendwhen.domain.joined_runs import JoinedAt
from sendwhen.domain.joining import Joining
from sendwhen.domain.moment import Moment
from sendwhen.domain.partition import customer_uid
from sendwhen.domain.recalled import Recalled
from sendwhen.domain.record import read_record
from sendwhen.domain.residents import Resident
from sendwhen.domain.round import Round
from sendwhen.domain.shard_limits import ShardLimits
from sendwhen.domain.ties import Tied, Untied, tied_of, wanted
from sendwhen.domain.tombstones import Tombstones, erase, goes_round, let_tombstones_go, touch
from sendwhen.domain.transfer import (
    Adopt,
    Delete,
    Export,
    Forget,
    Forward,
    Import,
    Passed,
    Place,
    Refused,
    Repoint,
    Transfer,
)

DELETED = "deleted"
PATH_MAX = 512
"""Tombstones that something passes at most; the next one lives again, so that nothing is lost."""
_Traveller = Adopt | Export | Import | Forward | Delete
ApplyEvent = Callable[[Resident, Event, int, Moment, Round], bool]


class Handover:
    """Applies transfers to the customers of one partition."""

    def __init__(
        self,
        *,
        partition: int,
        partitions: int,
        joining: Joining,
        recalled: Recalled,
        apply_event: ApplyEvent,
        limits: ShardLimits,
    ) -> None:
        """``apply_event`` applies a forwarded event to the survivor."""
        self._recalled = recalled
        self._partition = partition
        self._partitions = partitions
        self._joining = joining
        self._tombstones = Tombstones(partition=partition, recalled=recalled, limits=limits)
        self._apply_event = apply_event
        self._limits = limits

    # --- what events lead to ---

    def tie(self, customer: Customer, event: Event, out: Round) -> None:
        """Ask for the identities that an event ties to its customer (a draft)."""
        for key in wanted(event):
            if not customer.known_ties().knows(key):
                self._ask(customer, key, out, both_known=False)

    def forward(self, tombstone: Customer, event: Event, out: Round) -> None:
        """Let an event that came to a tombstone go on."""
        self._send_on(tombstone, Forward(tombstone.uid, 0, event, (self._passed(tombstone),)), out)
        out.counters.forwarded += 1

    # --- transfers ---

    def apply(self, resident: Resident, transfer: Transfer, index: int, moment: Moment, out: Round) -> bool:
        """Apply a transfer; whether it changed the customer."""
        match transfer:
            case Refused():
                return self._refused(resident, transfer, moment, out)
            case Repoint():
                return self._tombstones.repoint(resident, transfer, moment)
            case Forget():
                return self._tombstones.forget(resident, transfer, out)
            case _:
                return self._travelled(resident, transfer, index, moment, out)

    def _travelled(self, resident: Resident, transfer: _Traveller, index: int, moment: Moment, out: Round) -> bool:
        if resident.customer.into is None:
            return self._act(resident, transfer, index, moment, out)
        here = self._passed(resident.customer)
        path = (*transfer.path, here)
        if here.uid != min([one.uid for one in goes_round(path)], default="") and len(path) <= PATH_MAX:
            self._send_on(resident.customer, replace(transfer, path=path), out)
            return False
        self._revive(resident, moment)
        self._act(resident, transfer, index, moment, out)
        return True

    def _act(self, resident: Resident, transfer: _Traveller, index: int, moment: Moment, out: Round) -> bool:
        if transfer.path and self._is_gone(resident, transfer, out):
            self._drop(transfer, index, moment, out)
            return False
        match transfer:
            case Adopt():
                return self._adopt(resident, transfer, moment, out)
            case Export():
                return self._tombstones.export(resident, transfer, moment, out)
            case Delete():
                return self._delete(resident, out)
            case Import():
                return self._import(resident, transfer, index, moment, out)
            case Forward():
                event = replace(transfer.event, uid=resident.customer.uid)
                return self._apply_event(resident, event, index, moment, out)

    # --- at the survivor ---

    def _adopt(self, resident: Resident, adopt: Adopt, moment: Moment, out: Round) -> bool:
        draft = replace(resident.customer)
        if not draft.exists:
            _identify(draft, adopt.key, moment)
        ties = draft.known_ties()
        # An operator may ask again for what was refused before.
        draft.ties = replace(ties, refused=tuple(one for one in ties.refused if one.key != adopt.other_key))
        touch(draft, moment)
        self._ask(draft, adopt.other_key, out, both_known=adopt.both_known)
        resident.customer = draft
        return True

    def _ask(self, customer: Customer, key: str, out: Round, *, both_known: bool) -> None:
        other = tied_of(key, self._partitions)
        ties = customer.known_ties()
        if other.uid == customer.uid:
            return
        if key not in ties.tied and len(ties.tied) >= self._limits.identities:
            out.counters.overflows += 1
            detail = f"{self._limits.identities} identities are tied to the customer already."
            self._note(customer, Untied(key, "too_many", detail, customer.changed_at_ms), out)
            return
        customer.ties = replace(ties, tied={**ties.tied, key: other})
        export = Export(other.uid, key, self._place(customer), customer.user_id, both_known)
        out.transfers.append((other.partition, export))

    def _refused(self, resident: Resident, refused: Refused, moment: Moment, out: Round) -> bool:
        draft = replace(resident.customer)
        if not draft.exists or draft.born_seq != refused.born:
            return False
        if draft.into is not None:
            here = self._passed(draft)
            if here not in refused.path:
                self._send_on(draft, replace(refused, path=(*refused.path, here)), out)
            return False
        ties = draft.known_ties()
        draft.ties = replace(ties, tied={key: tied for key, tied in ties.tied.items() if key != refused.key})
        if refused.reason != DELETED:
            # Of one who was deleted it can be asked again: the next time nobody stands in between.
            self._note(draft, Untied(refused.key, refused.reason, refused.detail, moment.now_ms), out)
        touch(draft, moment)
        resident.customer = draft
        return True

    def _note(self, customer: Customer, refusal: Untied, out: Round) -> None:
        ties = customer.known_ties()
        customer.ties = replace(ties, refused=(*ties.refused, refusal)[-self._limits.refused_ties :])
        out.counters.ties_refused += 1

    def _import(self, resident: Resident, arrived: Import, index: int, moment: Moment, out: Round) -> bool:
        draft = replace(self._recalled.whole(resident.customer))
        ties = draft.known_ties()
        if ties.took(arrived.transfer_id):
            out.counters.repeated_transfers += 1
            return False
        other = read_record(arrived.record)
        origin = arrived.path[0]
        key = arrived.key if customer_uid(arrived.key) == origin.uid else "uid:" + origin.uid
        tied = {**ties.tied, **other.known_ties().tied, key: Tied(origin.uid, origin.partition)}
        own_uid = draft.uid
        draft.ties = replace(
            ties,
            tied={key: one for key, one in tied.items() if one.uid != own_uid},
            joined=(*ties.joined, arrived.transfer_id)[-2 * self._limits.identities :],
        )
        mark = out.mark()
        try:
            self._joining.join(draft, other, JoinedAt(moment, index), out)
        except Exception:
            out.back_to(mark)
            raise
        touch(draft, moment)
        resident.customer = draft
        for passed, after in pairwise(arrived.path):
            # Chains are shortened: what comes next need not pass by all of them.
            out.transfers.append((passed.partition, Repoint(passed.uid, after.uid, self._place(draft))))
        resident.seen.join(arrived.seen)
        out.counters.overflows += resident.seen.shrink_to(self._limits.seen_ids)
        out.counters.merged += 1
        return True

    # --- deletion ---

    def _delete(self, resident: Resident, out: Round) -> bool:
        own = resident.customer
        if not own.exists:
            return False
        let_tombstones_go(own, out)
        erase(resident, out)
        out.counters.deleted += 1
        return True

    @staticmethod
    def _is_gone(resident: Resident, transfer: _Traveller, out: Round) -> bool:
        """The customer it was meant for was deleted; who sent it must not go on sending."""
        own = resident.customer
        if own.exists and own.born_seq == transfer.born:
            return False
        last = transfer.path[-1]
        out.transfers.append((last.partition, Forget(last.uid, own.uid, transfer.born)))
        return True

    @staticmethod
    def _drop(transfer: _Traveller, index: int, moment: Moment, out: Round) -> None:
        """Whatever came to a customer who was deleted: state is deleted too, an event is set aside, a wish refused."""
        match transfer:
            case Forward(event=event):
                detail = "It came to an identity whose customer was deleted."
                out.set_aside(
                    seq=moment.seq,
                    index=index,
                    event_id=event.event_id,
                    reason=DELETED,
                    detail=detail,
                    at_ms=moment.at_ms,
                )
            case Export(into=into, key=key):
                detail = "Its customer was deleted."
                out.transfers.append((into.partition, Refused(into.uid, into.born, key, DELETED, detail)))

    # --- along tombstones ---

    def _send_on(self, tombstone: Customer, transfer: _Traveller | Refused, out: Round) -> None:
        into = tombstone.into
        assert into is not None
        out.transfers.append((into.partition, replace(transfer, uid=into.uid, born=into.born)))

    @staticmethod
    def _revive(resident: Resident, moment: Moment) -> None:
        own = resident.customer
        resident.customer = Customer(own.uid, born_seq=own.born_seq)
        touch(resident.customer, moment)

    def _passed(self, tombstone: Customer) -> Passed:
        return Passed(tombstone.uid, self._partition, tombstone.born_seq, tombstone.seq)

    def _place(self, customer: Customer) -> Place:
        return Place(customer.uid, self._partition, customer.born_seq)


def _identify(customer: Customer, key: str, moment: Moment) -> None:
    kind, _, value = key.partition(":")
    customer.born_seq = moment.seq
    if kind == "user":
        customer.user_id = value
    elif kind == "anon":
        customer.anonymous_ids = (value,)
    else:
        customer.email = value
        customer.email_occurred_at_ms = moment.now_ms
        customer.email_seq = moment.seq
