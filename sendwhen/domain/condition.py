"""What a filter needs and what it answers. The language (CEL) and its compiler are in ``sendwhen.campaigns``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from sendwhen.domain.event import Event
from sendwhen.domain.properties import read_object


class EventScope(msgspec.Struct, kw_only=True):
    """An event as conditions and templates see it: ``event`` or ``start``.

    Attributes:
        properties: Decoded JSON object.
        steps: Of a start: the events of a sequence's named steps, which conditions see as ``steps``.
    """

    name: str
    id: str
    occurred_at_ms: int
    properties: Mapping[str, Any]
    steps: Mapping[str, EventScope] = {}

    @classmethod
    def of(cls, event: Event) -> EventScope:
        """An event, as conditions see it.

        Raises:
            msgspec.DecodeError: The properties are not a JSON object.
        """
        return cls(
            name=event.name,
            id=event.event_id,
            occurred_at_ms=event.occurred_at_ms,
            properties=read_object(event.properties),
        )


CustomerScope = Mapping[str, Any]
"""``customer`` as conditions see it: attributes by name, and email, user_id, anonymous_id (these three win)."""

Test = Callable[[EventScope | None, CustomerScope, EventScope | None, int], bool]
"""``test(event, customer, start, now_ms)``; never raises; what cannot be compared is false."""

Value = Callable[[EventScope | None, CustomerScope, EventScope | None, int], Any]
"""Like a Test, giving the value of an expression; None where it has none."""

Fused = Callable[[EventScope, CustomerScope, int], int]
"""``fused(event, customer, now_ms)``: bit i is set where the i-th of the fused conditions holds."""


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """A checked and compiled filter.

    Attributes:
        source: The text, for explanations.
        python: The same as one Python expression over the compiler's own names, for fusing.
        needs_start: It refers to ``start`` or ``steps``, so it is asked for each run instead of once for each event.
        test: The compiled form.
        asks_customer: It may refer to ``customer``.
    """

    source: str
    python: str
    needs_start: bool
    test: Test
    asks_customer: bool = True


class Expression(msgspec.Struct, frozen=True, kw_only=True):
    """A checked and compiled expression that gives a value, such as the key of a run."""

    source: str
    value: Value


class Fuse(Protocol):
    """Makes one function of many conditions that do not need ``start``."""

    def __call__(self, conditions: Sequence[Condition]) -> Fused:
        """Bit i of the result answers ``conditions[i]``; never raises."""
        ...
