"""A case: one timeline, and what the campaign must do on it. Times are milliseconds from the case's ``t0_ms``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from sendwhen.domain.partition import customer_uid, routing_key


class Customer(msgspec.Struct, frozen=True, kw_only=True):
    """Who a name of the timeline is.

    Attributes:
        email: "" for a customer without an address.
        attributes: What is known of the customer.
        described: The case describes the customer, who is known from the beginning on; others begin with their first
            event.
    """

    name: str
    user_id: str
    anonymous_id: str
    email: str
    attributes: Mapping[str, Any]
    described: bool = False

    def uid(self) -> str:
        """Our id of the customer."""
        return customer_uid(routing_key(user_id=self.user_id, anonymous_id=self.anonymous_id, email=self.email))


class Occurrence(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a timeline.

    Attributes:
        at_ms: When it reaches the log.
        who: A customer's name; "" where the line concerns the campaign.
        event: "" for a line that tells attributes alone, or concerns the campaign.
        event_id: "" for one of its own.
        happened_at_ms: By the producer's clock.
        email: An address that it tells; "": the customer's own.
        pause: The campaign is paused (True) or acts again (False); None: the line is something else.
    """

    at_ms: int
    who: str = ""
    event: str = ""
    event_id: str = ""
    happened_at_ms: int = 0
    email: str = ""
    properties: Mapping[str, Any] = {}
    attributes: Mapping[str, Any] = {}
    pause: bool | None = None


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """An email that must be decided, or an email that must be decided against.

    Attributes:
        at_ms: The instant for which it is due.
        template: Of the email; "" for none.
        reason: Why there is none; "" for an email.
        key: Of the run; None: any.
    """

    at_ms: int
    who: str
    template: str = ""
    reason: str = ""
    key: str | None = None


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One case.

    Attributes:
        line: Where it stands in its file, from 1.
        t0_ms: What its times count from.
        customers: All that occur, by name.
        timeline: In the order of time.
        run_until_ms: Until then deadlines come.
        exact: Whatever is decided against an email must be expected too.
    """

    name: str
    line: int
    t0_ms: int
    customers: Mapping[str, Customer]
    timeline: tuple[Occurrence, ...]
    run_until_ms: int
    expect: tuple[Expected, ...]
    exact: bool = False


def address_of(name: str) -> str:
    """The address of a customer who is not said to have another."""
    return f"{re.sub(r'[^a-z0-9]+', '-', name.lower()).strip('-') or 'customer'}@example.com"
