"""Answers what is asked of a customer, and says when the answer may change by time alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, assert_never

import msgspec

from sendwhen.domain import tally
from sendwhen.domain.calendar import instant_ms
from sendwhen.domain.condition import Condition, CustomerScope, EventScope
from sendwhen.domain.predicate import All, AnyOf, History, Not, Since, When


class Asked(msgspec.Struct, kw_only=True, gc=False):
    """Of whom, and when.

    Attributes:
        customer: As conditions see it. tallies: the customer's counts, by name.
        event, start: As conditions see them; None where there is none.
    """

    customer: CustomerScope
    tallies: Mapping[str, bytes]
    now_ms: int
    event: EventScope | None = None
    start: EventScope | None = None


def holds(when: When, asked: Asked) -> bool:
    """Whether it holds."""
    match when:
        case Condition():
            return when.test(asked.event, asked.customer, asked.start, asked.now_ms)
        case History():
            number = tally.count(asked.tallies.get(when.tally, b""), when, asked.now_ms)
            return (when.at_least is None or number >= when.at_least) and (
                when.at_most is None or number <= when.at_most
            )
        case Since():
            since_ms = _since_ms(when, asked)
            return since_ms is not None and since_ms <= asked.now_ms
        case All():
            return all(holds(part, asked) for part in when.parts)
        case AnyOf():
            return any(holds(part, asked) for part in when.parts)
        case Not():
            return not holds(when.part, asked)
        case _:
            assert_never(when)


def next_change_ms(when: When, asked: Asked) -> int | None:
    """The next instant at which a part of it changes by time alone; None: never."""
    match when:
        case Condition():
            return None
        case History():
            return tally.next_change_ms(asked.tallies.get(when.tally, b""), when, asked.now_ms)
        case Since():
            since_ms = _since_ms(when, asked)
            return since_ms if since_ms is not None and since_ms > asked.now_ms else None
        case All() | AnyOf():
            changes = [next_change_ms(part, asked) for part in when.parts]
            return min((change for change in changes if change is not None), default=None)
        case Not():
            return next_change_ms(when.part, asked)
        case _:
            assert_never(when)


def said(when: When) -> str:
    """What is asked, in words, for explanations."""
    match when:
        case Condition():
            return when.source
        case History():
            return _said_history(when)
        case Since():
            return f"{when.value.source} lies at least {when.at_least.text()} back"
        case All():
            return " and ".join(f"({said(part)})" for part in when.parts)
        case AnyOf():
            return " or ".join(f"({said(part)})" for part in when.parts)
        case Not():
            return f"not ({said(when.part)})"
        case _:
            assert_never(when)


def _said_history(history: History) -> str:
    of = f"“{history.of.event}”" + (f" where {history.of.where.source}" if history.of.where else "")
    bounds = []
    if history.at_least is not None:
        bounds.append(f"at least {history.at_least}")
    if history.at_most is not None:
        bounds.append(f"at most {history.at_most}")
    within = f" within the last {history.within.text()}" if history.within else ""
    return f"{of} {' and '.join(bounds)} times{within}"


def _since_ms(since: Since, asked: Asked) -> int | None:
    value: Any = since.value.value(asked.event, asked.customer, asked.start, asked.now_ms)
    at_ms = instant_ms(value)
    return None if at_ms is None else since.at_least.after(at_ms)
