"""Answers who a customer is: finds the partition, waits for freshness, takes it from the cache or the store."""

from __future__ import annotations

from typing import Final

from sendwhen.chassis.metrics import Meter
from sendwhen.domain.partition import customer_uid, normalised_email, routing_hash, routing_key
from sendwhen.errors import Invalid, NotFound, Precondition, SendwhenError, Violation
from sendwhen.v1.customer_pb2 import Customer
from sendwhen.v1.profile_service_pb2 import CustomerId, GetRequest, GetResponse
from services.profile.cache import NOWHERE, Known, NearCache
from services.profile.freshness import Freshness, withhold_old
from services.profile.loader import Loader
from services.profile.ports import Now

ID_CHARACTERS_MAX: Final = 256
HOPS_MAX: Final = 16
"""Tombstones followed, as trigger does; more stand behind each other only while one moves."""


class Lookup:
    """Looks customers up."""

    def __init__(
        self,
        *,
        cache: NearCache,
        loader: Loader,
        freshness: Freshness,
        partitions: int,
        now: Now,
        metrics: Meter,
    ) -> None:
        self._cache = cache
        self._loader = loader
        self._freshness = freshness
        self._partitions = partitions
        self._now = now
        self._metrics = metrics

    async def get(self, request: GetRequest, *, remaining_s: float | None) -> bytes:
        """A serialised GetResponse.

        The bytes are put together from those in the cache: building a message for each call would cost more than the
        rest of it.

        Raises:
            Invalid: No id, or one that nobody can have.
            NotFound: Nobody by that id.
            Precondition: Not as fresh as asked for by the deadline.
            Unavailable: The store cannot be reached.
        """
        try:
            return await self._get(request, remaining_s)
        except NotFound:
            self._metrics.count("sendwhen_profile_reads_total", outcome="absent")
            raise
        except SendwhenError as error:
            self._metrics.count("sendwhen_profile_reads_total", outcome="error")
            if isinstance(error, Precondition):
                self._metrics.count("sendwhen_profile_not_fresh_total")
            raise

    async def _get(self, request: GetRequest, remaining_s: float | None) -> bytes:
        uid, partition = self._whom(request.id)
        freshness = request.freshness
        at_least_seq = freshness.at_least_seq
        for _ in range(HOPS_MAX):
            known, seen = await self._known(uid, partition, at_least_seq, remaining_s)
            if known.moved is None:
                break
            # How fresh the answer must be was said of the partition first asked; it has been seen that far.
            uid, partition, at_least_seq = known.moved.uid, known.moved.partition, 0
        customer = _customer_of(known)
        if freshness.max_age_ms:
            return await self._without_old_fields(customer, request, known.partition, seen)
        return _answer(customer, seen)

    async def _known(self, uid: str, partition: int, at_least_seq: int, remaining_s: float | None) -> tuple[Known, int]:
        """What is known of a uid, and how far its partition has been seen."""
        known = self._cache.find(uid)
        if known is not None:
            partition = known.partition
        elif partition == NOWHERE:
            # Freshness is a partition's, so it must be known whose first.
            known = await self._loader.load(uid, NOWHERE)
            partition = known.partition
        if partition == NOWHERE:
            raise _nobody()
        seen = await self._freshness.reach(partition, at_least_seq, remaining_s=remaining_s)
        # Looked up again, because waiting may have made the first answer stale.
        known = self._cache.find(uid)
        hit = known is not None
        if known is None:
            known = await self._loader.load(uid, partition)
        if known.customer is not None:
            self._metrics.count("sendwhen_profile_reads_total", outcome="hit" if hit else "load")
        return known, seen

    async def _without_old_fields(self, customer: bytes, request: GetRequest, partition: int, seen: int) -> bytes:
        message = Customer.FromString(customer)
        now_ms = await self._now(partition)
        old = withhold_old(message, request.freshness.max_age_ms, now_ms=now_ms)
        return GetResponse(customer=message, as_of_seq=seen, too_old=old).SerializeToString()

    def _whom(self, named: CustomerId) -> tuple[str, int]:
        kind = named.WhichOneof("id")
        value: str = getattr(named, kind) if kind else ""
        if not value or len(value) > ID_CHARACTERS_MAX or kind == "name":
            raise Invalid.of(
                [
                    Violation(
                        field="id",
                        description="Set one of uid, user_id, anonymous_id and email, of 1 to 256 characters.",
                    )
                ]
            )
        if kind == "uid":
            return value, NOWHERE
        key = routing_key(
            user_id=value if kind == "user_id" else "",
            anonymous_id=value if kind == "anonymous_id" else "",
            email=normalised_email(value) if kind == "email" else "",
        )
        return customer_uid(key), routing_hash(key) % self._partitions


def _customer_of(known: Known) -> bytes:
    if known.customer is None:
        raise _nobody()
    return known.customer


def _nobody() -> NotFound:
    return NotFound("Nobody is known by that id.", remedy="Track an event of the customer first, or check the id.")


def _answer(customer: bytes, as_of_seq: int) -> bytes:
    # GetResponse: field 1 is the customer, field 2 a number that proto3 leaves out when it is 0.
    head = b"\x0a" + varint(len(customer)) + customer
    return head + b"\x10" + varint(as_of_seq) if as_of_seq else head


def varint(number: int) -> bytes:
    """A number of at least 0 as protobuf writes lengths."""
    if number < 0x80:
        return bytes((number,))
    if number < 0x4000:
        return bytes((number & 0x7F | 0x80, number >> 7))
    written = bytearray()
    while number > 0x7F:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    written.append(number)
    return bytes(written)
