"""What a look at a customer finds, question by question, for explanations."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from sendwhen.domain import tally
from sendwhen.domain.asking import Asked, holds, said
from sendwhen.domain.predicate import All, AnyOf, History, Not, Since, When


class Finding(msgspec.Struct, frozen=True, gc=False):
    """One question that is put to the customer, its answer, and what it rests on ("" where the question says it)."""

    question: str
    holds: bool
    seen: str = ""


def findings(when: When, asked: Asked) -> Iterator[Finding]:
    """The questions that it is made of, in their order."""
    match when:
        case All() | AnyOf():
            for part in when.parts:
                yield from findings(part, asked)
        case Not():
            yield from findings(when.part, asked)
        case History():
            times = tally.count(asked.tallies.get(when.tally, b""), when, asked.now_ms)
            yield Finding(said(when), holds(when, asked), f"{times} counted")
        case Since():
            value = when.value.value(asked.event, asked.customer, asked.start, asked.now_ms)
            yield Finding(said(when), holds(when, asked), "it is not there" if value is None else f"it is {value}")
        case _:
            yield Finding(said(when), holds(when, asked))
