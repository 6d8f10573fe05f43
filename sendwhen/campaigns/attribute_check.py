"""Holds attributes that a campaign names outside of conditions against the catalogue: in triggers and in ``set``."""

from __future__ import annotations

from collections.abc import Iterator

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode

from sendwhen.campaigns.catalogue import CATALOGUE_NAME, Catalogue
from sendwhen.campaigns.customer_schema import DERIVED
from sendwhen.campaigns.problem import Flaw, listed, nearest, shortened
from sendwhen.campaigns.shapes import ANY, NUMBERS, Kind, Shape, family, named
from sendwhen.campaigns.yaml_document import plain_value
from sendwhen.campaigns.yaml_places import at, entry, maps, offset, text


def attribute_flaws(root: Node, catalogue: Catalogue) -> Iterator[Flaw]:
    """Unknown attributes, and values that an attribute never has."""
    change = at(root, "trigger", "attribute_change")
    if change is not None:
        name = entry(change, "attribute")
        yield from _known(name, catalogue)
        for word in ("from", "to"):
            yield from _value(entry(change, word), catalogue.customer.get(text(name), ANY), catalogue)
    date = at(root, "trigger", "date", "attribute")
    yield from _known(date, catalogue)
    shape = catalogue.customer.get(text(date), ANY)
    if date is not None and shape.kind not in (Kind.DATE, Kind.TIME, Kind.TEXT, Kind.ANY):
        problem = f"'{shortened(text(date))}' is {named(shape)}, not a date"
        yield catalogue.clash(offset(date), problem, f"Name an attribute that is one, or correct {CATALOGUE_NAME}.")
    for step in maps(entry(root, "steps")):
        assigned = entry(step, "set")
        for key, value in assigned.value if isinstance(assigned, MappingNode) else ():
            if key.value in DERIVED:
                problem = f"'{shortened(str(key.value))}' follows from what the customer does and cannot be set"
                yield Flaw(offset(key), problem, "Choose another name.")
            else:
                yield from _known(key, catalogue)
                yield from _value(value, catalogue.customer.get(str(key.value), ANY), catalogue)


def _known(node: Node | None, catalogue: Catalogue) -> Iterator[Flaw]:
    if node is None or text(node) in catalogue.customer:
        return
    problem = f"Customers have no attribute '{shortened(text(node))}'"
    home = f"under 'customer' in {CATALOGUE_NAME}"
    if flaw := catalogue.unknown(offset(node), problem, text(node), catalogue.customer, home):
        yield flaw


def _value(node: Node | None, shape: Shape, catalogue: Catalogue) -> Iterator[Flaw]:
    if not isinstance(node, ScalarNode):
        return
    value = plain_value(node)
    kind = "bool" if isinstance(value, bool) else "number" if isinstance(value, int | float) else "text"
    if value is None or not family(shape) or family(shape) in ("list", "map"):
        return
    if kind != family(shape):
        remedy = "Write a number." if shape.kind in NUMBERS else f"Write {named(shape)}."
        yield catalogue.clash(offset(node), f"The attribute is {named(shape)}", remedy)
    elif shape.choices and value not in shape.choices:
        close = nearest(str(value), shape.choices)
        remedy = f"Write {close}." if close else f"Write {listed(shape.choices)}."
        yield catalogue.clash(offset(node), f"It is never '{shortened(str(value))}'", remedy)
