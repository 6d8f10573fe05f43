"""What may be asked of a customer: conditions, what was done how often, what lies how far back, and combinations."""

from __future__ import annotations

import msgspec

from sendwhen.domain.condition import Condition, Expression
from sendwhen.domain.event_filter import EventFilter
from sendwhen.domain.span import Span


class History(msgspec.Struct, frozen=True, kw_only=True, tag="history"):
    """How often the customer did something, counted from when a campaign first asked.

    Attributes:
        of: What is counted.
        at_least, at_most: Bounds of the count, both inclusive; None: no bound. At least one of them is there.
        within: Only what lies less far back than this counts (half-open: what lies exactly so far back is out);
            None: everything.
        tally: Name of the count: hash of event, condition and length, so that all who ask alike share one.
    """

    of: EventFilter
    at_least: int | None = None
    at_most: int | None = None
    within: Span | None = None
    tally: str


class Since(msgspec.Struct, frozen=True, kw_only=True, tag="since"):
    """An instant of the customer (RFC 3339 text, a date, or milliseconds) lies at least so far back."""

    value: Expression
    at_least: Span


class All(msgspec.Struct, frozen=True, kw_only=True, tag="all"):
    """Every part holds."""

    parts: tuple[When, ...]


class AnyOf(msgspec.Struct, frozen=True, kw_only=True, tag="any"):
    """One part at least holds."""

    parts: tuple[When, ...]


class Not(msgspec.Struct, frozen=True, kw_only=True, tag="not"):
    """The part does not hold."""

    part: When


When = Condition | History | Since | All | AnyOf | Not
"""What may be asked of a customer."""
