"""What a run does, step by step: a flat list in which branches jump. A step's index names its email."""

from __future__ import annotations

from enum import Enum

import msgspec

from sendwhen.domain.condition import Expression
from sendwhen.domain.event_filter import EventFilter
from sendwhen.domain.local_moment import LocalTime
from sendwhen.domain.predicate import When
from sendwhen.domain.span import Span


class SendStep(msgspec.Struct, frozen=True, kw_only=True, tag="send"):
    """Send the template."""

    template: str
    template_hash: str


class WaitStep(msgspec.Struct, frozen=True, kw_only=True, tag="wait"):
    """Wait from the logical instant of the step before; leave the campaign when an event comes.

    Attributes:
        duration_ms, months: How long: calendar months of UTC first, then milliseconds.
        until: Then until this time of the day comes, at once where it is now; ``weekdays`` (0: Monday) narrows the
            days, () for all. Months are then those of its zone.
        any_time: On one of the weekdays it is over at once, at any time.
    """

    duration_ms: int = 0
    exit_on: tuple[EventFilter, ...] = ()
    months: int = 0
    until: LocalTime | None = None
    weekdays: tuple[int, ...] = ()
    any_time: bool = False


class Otherwise(Enum):
    """What happens at the end of a wait for something that did not come."""

    EXIT = "exit"
    CONTINUE = "continue"


class WaitUntilStep(msgspec.Struct, frozen=True, kw_only=True, tag="wait_until"):
    """Wait for an event, or until something holds of the customer (at once where it holds already).

    Attributes:
        event, when: One of the two.
        at_most: Then ``otherwise`` counts. None: no longer than 400 days, then exit.
    """

    event: EventFilter | None = None
    when: When | None = None
    at_most: Span | None = None
    otherwise: Otherwise = Otherwise.EXIT
    exit_on: tuple[EventFilter, ...] = ()


class Arm(msgspec.Struct, frozen=True, kw_only=True):
    """One way on: where ``when`` holds (None: always) go to the step with index ``go_to``."""

    when: When | None
    go_to: int


class BranchStep(msgspec.Struct, frozen=True, kw_only=True, tag="branch"):
    """Take the first arm that holds; else go to ``otherwise``."""

    arms: tuple[Arm, ...]
    otherwise: int


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """A share of the customers; shares of a split are whole and make 100 together."""

    name: str
    percent: int
    go_to: int


class SplitStep(msgspec.Struct, frozen=True, kw_only=True, tag="split"):
    """Divide the customers by a hash of (campaign, name of the split, customer), the same for ever.

    Attributes:
        name: Tells splits of a campaign apart.
    """

    name: str
    shares: tuple[Share, ...]


class GoToStep(msgspec.Struct, frozen=True, kw_only=True, tag="go_to"):
    """Go on at an index; the number of steps ends the run."""

    go_to: int


class SetStep(msgspec.Struct, frozen=True, kw_only=True, tag="set"):
    """Set an attribute: to a JSON value, or to what an expression gives."""

    attribute: str
    value: bytes = b"null"
    expression: Expression | None = None


class ListStep(msgspec.Struct, frozen=True, kw_only=True, tag="list"):
    """Put the customer on a list, or take it off: a segment without a definition."""

    name: str
    add: bool


def list_attribute(name: str) -> str:
    """The attribute that says whether a customer is on a list."""
    return f"list.{name}"


class ExitStep(msgspec.Struct, frozen=True, kw_only=True, tag="exit"):
    """Leave the campaign."""

    reason: str


Step = SendStep | WaitStep | WaitUntilStep | BranchStep | SplitStep | GoToStep | SetStep | ListStep | ExitStep
