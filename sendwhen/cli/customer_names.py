"""How customers are named on the command line."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Final

import typer

from sendwhen.v1.profile_service_pb2 import CustomerId


class Kind(StrEnum):
    """By what the customer is named."""

    user_id = "user_id"
    anonymous_id = "anonymous_id"
    email = "email"
    uid = "uid"


PREFIXES: Final[Mapping[str, Kind]] = MappingProxyType(
    {"user:": Kind.user_id, "anon:": Kind.anonymous_id, "email:": Kind.email, "uid:": Kind.uid}
)

CustomerName = Annotated[
    str,
    typer.Argument(help="user:ID, anon:ID, email:ADDRESS or uid:UID; plain: a user_id, or an address if it has an @."),
]
By = Annotated[Kind | None, typer.Option(help="What the id is, where it has no kind in front.")]


def customer_id(text: str, by: Kind | None = None) -> CustomerId:
    """The customer that is meant."""
    kind, plain = _told(text, by)
    kind = kind or (Kind.email if "@" in plain else Kind.user_id)
    return CustomerId(**{kind.value: plain})


def customer_ids(text: str, by: Kind | None = None) -> list[CustomerId]:
    """Who may be meant, for questions that harm nobody: where no kind is told, any of them."""
    kind, plain = _told(text, by)
    kinds = [kind] if kind else [Kind.user_id, *([Kind.email] if "@" in plain else []), Kind.anonymous_id]
    return [CustomerId(**{one.value: plain}) for one in kinds]


def _told(text: str, by: Kind | None) -> tuple[Kind | None, str]:
    if by is not None:
        return by, text
    for prefix, kind in PREFIXES.items():
        if text.startswith(prefix):
            return kind, text.removeprefix(prefix)
    return None, text
