"""What an operator asks about customers: show one, join two, delete one. The last two are entries of the log."""

from __future__ import annotations

from sendwhen.archive.erasure import gone_by_ms
from sendwhen.chassis.clock import Clock
from sendwhen.domain.customer import Customer
from sendwhen.domain.partition import customer_uid, routing_hash
from sendwhen.domain.transfer import Adopt, Delete, Transfer, write_transfer
from sendwhen.domain.visitors import VISITOR
from sendwhen.errors import Invalid, NotFound, Overloaded, Violation
from sendwhen.v1 import ingest_service_pb2
from sendwhen.v1 import trigger_service_pb2 as pb
from sendwhen.v1.profile_service_pb2 import CustomerId
from sendwhen.wire.customer import customer_message, waiting_message
from sendwhen.wire.customer_name import reading
from sendwhen.wire.entry import transfer_entry
from services.trigger.log_port import Append, Appended, Lagging, Log
from services.trigger.lookup import Lookup, key_of

OPERATOR = -1
"""In the place of the partition that a transfer comes from."""


class CustomerDesk:
    """Shows, joins and deletes customers."""

    def __init__(self, lookup: Lookup, event_log: Log, clock: Clock, *, event_clock: bool, archived: bool) -> None:
        """``archived``: the log's past is kept in an archive."""
        self._archived = archived
        self._lookup = lookup
        self._log = event_log
        self._clock = clock
        self._event_clock = event_clock

    async def show(self, request: pb.ShowCustomerRequest) -> pb.ShowCustomerResponse:
        """The customer as committed.

        Raises:
            NotFound: Nobody is known by that id.
        """
        found = await self._lookup.find(request.id)
        if found is None:
            raise await self._nobody(request.id)
        customer = found.customer
        return pb.ShowCustomerResponse(
            customer=customer_message(customer, partition=found.partition),
            followed=found.followed,
            identities=_identities(customer),
            waiting=map(waiting_message, customer.runs),
            expires_at_ms=_expires_at_ms(customer),
        )

    async def merge(self, request: pb.MergeCustomersRequest) -> pb.MergeCustomersResponse:
        """Log that one is to be joined into the other.

        Raises:
            Invalid: They are the same identity, or one is named by a uid.
        """
        other_key, key = key_of(getattr(request, "from"), "from"), key_of(request.into, "into")
        if key == other_key:
            raise Invalid.of([Violation(field="from", description="Send two different identities.")])
        adopt = Adopt(customer_uid(key), key, other_key, request.both_known)
        appended = await self._append(routing_hash(key) % self._lookup.partitions, adopt)
        return pb.MergeCustomersResponse(position=_position(appended))

    async def delete(self, request: pb.DeleteCustomerRequest) -> pb.DeleteCustomerResponse:
        """Log that a customer is to be deleted.

        Raises:
            NotFound: Nobody is known by that id.
        """
        named = request.id
        # What cannot be undone is done only to whom a name surely means.
        named = reading(named.name) if named.WhichOneof("id") == "name" else named
        found = await self._lookup.find(named)
        if found is None:
            raise await self._nobody(named)
        appended = await self._append(found.partition, Delete(found.customer.uid))
        return pb.DeleteCustomerResponse(
            position=_position(appended), gone_by_ms=gone_by_ms(appended.at_ms, archived=self._archived)
        )

    async def _nobody(self, who: CustomerId) -> NotFound:
        return NotFound("Nobody is known by that id.", remedy=await self._lookup.hint(who))

    async def _append(self, partition: int, transfer: Transfer) -> Appended:
        body = transfer_entry([(OPERATOR, "", 0, write_transfer(transfer))])
        # On the events' own time the time of the log stays as it is: 0 is before any.
        at_ms = 0 if self._event_clock else self._clock.now_ms()
        (outcome,) = await self._log.append([Append(partition=partition, body=body, events=0, at_ms=at_ms)])
        if isinstance(outcome, Lagging):
            raise Overloaded(f"Partition {outcome.partition} is {outcome.lag_events} events behind.")
        assert isinstance(outcome, Appended)
        return outcome


def _expires_at_ms(customer: Customer) -> int:
    if customer.user_id or customer.email:
        return 0
    return next((alarm.due_at_ms for alarm in customer.alarms if alarm.kind == VISITOR), 0)


def _position(appended: Appended) -> ingest_service_pb2.LogPosition:
    return ingest_service_pb2.LogPosition(partition=appended.partition, seq=appended.seq)


def _identities(customer: Customer) -> list[pb.Identity]:
    ties = customer.known_ties()
    tied = [pb.Identity(key=key) for key in ties.tied]
    refused = [
        pb.Identity(key=one.key, reason=one.reason, detail=one.detail, decided_at_ms=one.at_ms) for one in ties.refused
    ]
    return [*tied, *refused]
