"""Which events, properties and customer attributes there are, and how serious it is to name another.

A closed catalogue says all there is, so that another name is an error. An open one says what is known: another name is
a warning. Where nobody wrote a catalogue, the events of Segment's e-commerce specification are known, and only a name
that looks like a slip of the pen is warned of.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from sendwhen.campaigns.customer_schema import CUSTOMER_SCHEMA
from sendwhen.campaigns.problem import Flaw, listed, nearest, shortened
from sendwhen.campaigns.segment_ecommerce import OLDER_NAMES, SEGMENT_ECOMMERCE_EVENTS
from sendwhen.campaigns.shapes import Kind, Shape, joined

CATALOGUE_NAME = "events.yaml"
_SLIP = 0.85
"""Likeness from which an unknown name is taken for a known one that is misspelt; 0.85 is a letter or two."""
_NAMES_SHOWN = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """What there is.

    Attributes:
        events: Properties by event.
        customer: Attributes.
        closed: There is nothing else.
        written: Somebody wrote it: what it says of types is meant.
    """

    events: Mapping[str, Mapping[str, Shape]]
    customer: Mapping[str, Shape]
    closed: bool = False
    written: bool = False

    def unknown(self, offset: int, problem: str, name: str, known: Iterable[str], home: str) -> Flaw | None:
        """What to say of a name that there is not; ``home``: where in the catalogue it would stand."""
        names = list(known)
        if not self.written:
            close = get_close_matches(name, names, n=1, cutoff=_SLIP)
            return Flaw(offset, problem, f"Write '{close[0]}' if that is meant.", True) if close else None
        close_name = OLDER_NAMES.get(name, "") if OLDER_NAMES.get(name) in names else nearest(name, names)
        if close_name:
            remedy = f"Write '{close_name}', or declare '{shortened(name)}' {home}."
        elif names and len(names) <= _NAMES_SHOWN:
            remedy = f"There {'is' if len(names) == 1 else 'are'} {listed(names, 'and')}; declare others {home}."
        else:
            remedy = f"Declare it {home}."
        return Flaw(offset, problem, remedy, not self.closed)

    def unknown_event(self, offset: int, name: str) -> Flaw | None:
        """What to say of an event's name; None where it is known."""
        if name in self.events:
            return None
        problem = f"No event is called '{shortened(name)}'"
        return self.unknown(offset, problem, name, self.events, f"under 'events' in {CATALOGUE_NAME}")

    def clash(self, offset: int, problem: str, remedy: str) -> Flaw:
        """Types that do not go together: an error where somebody wrote the types."""
        return Flaw(offset, problem, remedy, not self.written)

    def properties(self, events: Iterable[str]) -> Shape:
        """The properties of an event that is one of several; anything where one of them is not known."""
        known = [self.events.get(name) for name in dict.fromkeys(events)]
        if not known or any(properties is None for properties in known):
            return Shape(kind=Kind.MAP)
        return joined(Shape(kind=Kind.MAP, fields=properties) for properties in known)


BUILT_IN = Catalogue(events=SEGMENT_ECOMMERCE_EVENTS, customer=CUSTOMER_SCHEMA)
"""What is known without a catalogue."""
