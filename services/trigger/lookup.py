"""Finds a customer's committed record by any of its ids, tombstones followed."""

from __future__ import annotations

import asyncio
from typing import Final

import msgspec

from sendwhen.domain.customer import Customer
from sendwhen.domain.partition import customer_uid, normalised_email, routing_hash, routing_key
from sendwhen.domain.record import read_record
from sendwhen.errors import Invalid, Violation
from sendwhen.v1.profile_service_pb2 import CustomerId
from sendwhen.wire.customer_name import kind_of, reading, readings
from services.trigger.log_port import Log

ID_CHARS_MAX: Final = 256
"""What ingest takes for an identity; a longer one would be kept, with whoever it is tied to."""
HOPS_MAX: Final = 16
"""Tombstones followed; chains are shortened, so that more than a few stand behind each other only while one moves."""


_OTHERS: Final = {"user": "user_id", "anon": "anonymous_id", "email": "email"}


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A customer, and the tombstones that led there."""

    partition: int
    customer: Customer
    followed: tuple[str, ...] = ()

    def joined(self) -> list[str]:
        """A sentence where it is another identity than the one asked for."""
        if not self.followed:
            return []
        one = self.customer
        visitor = f"anon:{one.anonymous_ids[-1]}" if one.anonymous_ids else ""
        name = f"user:{one.user_id}" if one.user_id else visitor or f"email:{one.email}"
        return [f"The id that was asked for was joined into {name}: what follows is told of that customer."]


class Lookup:
    """Reads committed records."""

    def __init__(self, event_log: Log, *, partitions: int) -> None:
        self._log = event_log
        self.partitions = partitions

    async def find(self, who: CustomerId) -> Found | None:
        """The customer meant; None where nobody is known by that id.

        Raises:
            Invalid: No id is given, one that nobody can have, or a name of no kind.
        """
        if who.WhichOneof("id") != "name":
            return await self._find(who)
        for one in readings(who.name):
            if (found := await self._find(one)) is not None:
                return found
        return None

    async def hint(self, who: CustomerId) -> str:
        """What to try, where nobody is known by an id. Without the id: errors are logged."""
        tried = readings(who.name) if who.WhichOneof("id") == "name" else (who,)
        value: str = getattr(tried[0], tried[0].WhichOneof("id") or "")
        others = {kind: CustomerId(**{name: value}) for kind, name in _OTHERS.items()}
        asked = {kind_of(one) for one in tried}
        known = [kind for kind, other in others.items() if kind not in asked and await self._find(other) is not None]
        if known:
            return f"That text is known as another kind of id: ask by {' or '.join(f'{kind}:' for kind in known)}."
        return (
            "Nor is that text known as another kind of id. Check it for typing errors; name the customer by the first "
            "of user_id, anonymous_id and email that its events carry; who was deleted is unknown."
        )

    async def _find(self, who: CustomerId) -> Found | None:
        if who.WhichOneof("id") == "uid" and 0 < len(who.uid) <= ID_CHARS_MAX:
            found = await self._by_uid(who.uid)
        else:
            key = key_of(who, "id")
            partition = routing_hash(key) % self.partitions
            found = await self._at(partition, customer_uid(key))
        return await self._follow(found)

    async def _by_uid(self, uid: str) -> Found | None:
        # A uid does not tell its partition, so all are asked.
        everywhere = await asyncio.gather(*(self._at(partition, uid) for partition in range(self.partitions)))
        return next((found for found in everywhere if found is not None), None)

    async def _at(self, partition: int, uid: str) -> Found | None:
        record = await self._log.record(partition, uid)
        return None if record is None else Found(partition=partition, customer=read_record(record))

    async def _follow(self, found: Found | None) -> Found | None:
        followed: list[str] = []
        while found is not None and (into := found.customer.into) is not None:
            followed.append(found.customer.uid)
            if len(followed) > HOPS_MAX:
                return None
            found = await self._at(into.partition, into.uid)
        return found and msgspec.structs.replace(found, followed=tuple(followed))


def key_of(who: CustomerId, field: str) -> str:
    """The routing key of an identity.

    Raises:
        Invalid: It is none that ingest takes, a name of no kind, or a uid, which has no key.
    """
    if who.WhichOneof("id") == "name":
        who = reading(who.name, field)
    kind = who.WhichOneof("id")
    value: str = getattr(who, kind).strip() if kind else ""
    if not value or len(value) > ID_CHARS_MAX or kind not in ("user_id", "anonymous_id", "email"):
        description = f"Send a user_id, anonymous_id or email of at most {ID_CHARS_MAX} characters."
        raise Invalid.of([Violation(field=field, description=description)])
    value = normalised_email(value) if kind == "email" else getattr(who, kind)
    return routing_key(
        user_id=value if kind == "user_id" else "",
        anonymous_id=value if kind == "anonymous_id" else "",
        email=value if kind == "email" else "",
    )
