"""A customer as people write one: ``user:ada``, ``anon:a1``, ``email:ada@example.com``, ``uid:…``, or an id alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from sendwhen.errors import Invalid, Violation
from sendwhen.v1.profile_service_pb2 import CustomerId

_FIELDS: Final[Mapping[str, str]] = MappingProxyType(
    {"user": "user_id", "anon": "anonymous_id", "email": "email", "uid": "uid"}
)
_MEANT: Final[Mapping[str, str]] = MappingProxyType(
    {
        "id": "user", "usr": "user", "userid": "user", "user_id": "user", "customer": "user",
        "anonymous": "anon", "anonymous_id": "anon", "anonymousid": "anon", "visitor": "anon", "device": "anon",
        "mail": "email", "e-mail": "email", "address": "email", "mailto": "email",
    }
)  # fmt: skip
_KIND: Final = re.compile(r"([A-Za-z][A-Za-z0-9_-]{0,19}):")
HOW: Final = "user:ID, anon:ID, email:ADDRESS or uid:UID"


def readings(name: str, field: str = "id") -> tuple[CustomerId, ...]:
    """What a name may mean, the likeliest first; one where a kind stands in front.

    Raises:
        Invalid: It is empty, or what stands in front is no kind.
    """
    kind, value = _split(name, field)
    if kind:
        return (CustomerId(**{_FIELDS[kind]: value}),)
    return tuple(CustomerId(**{_FIELDS[one]: value}) for one in ("user", *(("email",) if "@" in value else ()), "anon"))


def reading(name: str, field: str = "id") -> CustomerId:
    """What a name means where no mistake is allowed: without a kind an address if it has an @, else a user_id.

    Raises:
        Invalid: As ``readings``.
    """
    kind, value = _split(name, field)
    return CustomerId(**{_FIELDS[kind or ("email" if "@" in value else "user")]: value})


def kind_of(who: CustomerId) -> str:
    """The word in front: "user", "anon", "email" or "uid"."""
    return next(kind for kind, name in _FIELDS.items() if name == who.WhichOneof("id"))


def _split(name: str, field: str) -> tuple[str, str]:
    found = _KIND.match(name)
    if found is None:
        if not name.strip():
            raise _wrong(field, f"Write {HOW}, or an id alone.")
        return "", name
    kind, value = found[1], name[found.end() :]
    if kind not in _FIELDS:
        meant = _MEANT.get(kind.lower(), kind.lower() if kind.lower() in _FIELDS else "")
        instead = f"Write “{meant}:”." if meant else f"Write {HOW}."
        raise _wrong(
            field,
            f"“{kind}:” is no kind of id. {instead} An id that has a colon itself is written behind user: or anon:.",
        )
    if not value.strip():
        raise _wrong(field, f"An id must follow “{kind}:”.")
    return kind, value


def _wrong(field: str, description: str) -> Invalid:
    return Invalid.of([Violation(field=field, description=description)])
