"""Checks a condition against the catalogue: names that there are not, and types that do not go together.

The CEL library cannot do this: to it properties are dynamic, because typed ones would break ``has()`` and read what is
missing as 0. So its checked tree is walked once more, with what the catalogue knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sendwhen.campaigns.catalogue import CATALOGUE_NAME, Catalogue
from sendwhen.campaigns.cel_library import operator_word
from sendwhen.campaigns.cel_tree import Node, macro_of
from sendwhen.campaigns.cel_wording import end_of, mended, other, path_of, said
from sendwhen.campaigns.customer_schema import LISTS
from sendwhen.campaigns.problem import Flaw, listed, nearest, shortened
from sendwhen.campaigns.shapes import (
    ANY,
    BOOL,
    INSTANT,
    INTEGER,
    NUMBER,
    NUMBERS,
    SPAN,
    TEXT,
    TEXTS,
    Kind,
    Shape,
    family,
    named,
)

_LITERALS = {"bool": BOOL, "int": INTEGER, "double": NUMBER, "string": TEXT}
_EQUALITIES = ("_==_", "_!=_")
_ORDERINGS = ("_<_", "_<=_", "_>_", "_>=_")
_LOGIC = ("_&&_", "_||_", "!_", "@not_strictly_false")
_ARITHMETIC = ("_+_", "_-_", "_*_", "_/_", "_%_", "-_")
_TEXT_FUNCTIONS = ("startsWith", "endsWith", "contains", "matches")
_RESULTS = {
    "size": INTEGER, "int": INTEGER, "double": NUMBER, "string": TEXT, "timestamp": INSTANT, "duration": SPAN,
    "@in": BOOL, **dict.fromkeys((*_EQUALITIES, *_ORDERINGS, *_LOGIC, *_TEXT_FUNCTIONS), BOOL),
}  # fmt: skip


@dataclass(slots=True)
class ShapeCheck:
    """Walks one tree.

    Attributes:
        catalogue: What there is.
        events: Which events each of the roots ("event", "start", "steps.first") can be; a root that is not here can be
            any.
        flaws: What was found.
    """

    catalogue: Catalogue
    events: Mapping[str, Iterable[str]]
    flaws: list[Flaw] = field(default_factory=list)
    _bound: dict[str, Shape] = field(default_factory=dict)

    def check(self, tree: Node, *, condition: bool) -> list[Flaw]:
        """Everything that is wrong; ``condition``: the whole must be true or false."""
        shape = self._shape(tree)
        if condition and family(shape) not in ("", "bool"):
            self._clash(tree, f"This gives {named(shape)}, not true or false", _COMPARE)
        return self.flaws

    def _shape(self, node: Node) -> Shape:
        shape: Shape = getattr(self, "_" + node.kind)(node)
        return shape

    def _literal(self, node: Node) -> Shape:
        return _LITERALS.get(node.type, ANY)

    def _name(self, node: Node) -> Shape:
        if node.value in self._bound:
            return self._bound[node.value]
        if node.value == "customer":
            return Shape(kind=Kind.MAP, fields=self.catalogue.customer)
        root, _, last = node.value.rpartition(".")
        if last == "properties":
            return self.catalogue.properties(self.events.get(root, ()))
        return INSTANT if last in ("occurred_at", "now") else TEXT if last in ("name", "id") else ANY

    def _select(self, node: Node) -> Shape:
        return self._field(node.children[0], str(node.value), node.offset + 1)

    def _has(self, node: Node) -> Shape:
        self._field(node.children[0], str(node.value), end_of(node.children[0]) + 1)
        return BOOL

    def _field(self, operand: Node, name: str, offset: int) -> Shape:
        outer = self._shape(operand)
        if outer.kind is Kind.ANY or (outer.kind is Kind.MAP and outer.fields is None):
            return ANY
        whose = path_of(operand)
        if outer.kind is not Kind.MAP:
            remedy = f"Ask with exists, as in {whose}.exists(x, x.{name} == …)." if outer.kind is Kind.LIST else _LOOK
            self._note(
                self.catalogue.clash(offset, f"'{whose}' is {named(outer)} and has no '{shortened(name)}'", remedy)
            )
            return ANY
        assert outer.fields is not None
        if name in outer.fields:
            return outer.fields[name]
        if whose == "customer" and name.startswith(LISTS):
            return BOOL
        problem, home = self._missing(operand, whose, name)
        self._note(self.catalogue.unknown(offset, problem, name, outer.fields, home))
        return ANY

    def _missing(self, operand: Node, whose: str, name: str) -> tuple[str, str]:
        if whose == "customer":
            return f"Customers have no attribute '{shortened(name)}'", f"under 'customer' in {CATALOGUE_NAME}"
        if operand.kind == "name" and whose.endswith(".properties"):
            events = list(dict.fromkeys(self.events.get(whose.removesuffix(".properties"), ())))
            who = listed([f"'{shortened(event)}'" for event in events[:3]])
            return f"{who} has no property '{shortened(name)}'", f"among its properties in {CATALOGUE_NAME}"
        return f"'{shortened(whose)}' has no '{shortened(name)}'", f"in {CATALOGUE_NAME}"

    def _list(self, node: Node) -> Shape:
        shapes = [self._shape(child) for child in node.children]
        same = len({family(shape) for shape in shapes}) == 1
        return Shape(kind=Kind.LIST, element=shapes[0] if same else ANY)

    def _map(self, node: Node) -> Shape:
        for child in node.children[1::2]:
            self._shape(child)
        return ANY

    def _call(self, node: Node) -> Shape:
        if node.value == "_[_]":
            return self._index(node)
        if node.value == "_?_:_":
            test, yes, no = (self._shape(child) for child in node.children)
            self._truth(node.children[0], test)
            return yes if family(yes) == family(no) else ANY
        if node.value == "dyn":
            self._shape(node.children[0])
            return ANY
        shapes = [self._shape(child) for child in node.children]
        self._operands(node, shapes)
        if node.value in _ARITHMETIC:
            return _arithmetic(shapes)
        return _RESULTS.get(node.value, ANY)

    def _index(self, node: Node) -> Shape:
        operand, key = node.children
        if key.kind == "literal" and key.type == "string":
            return self._field(operand, str(key.value), key.offset)
        outer = self._shape(operand)
        self._shape(key)
        return outer.element if outer.kind is Kind.LIST and outer.element is not None else ANY

    def _operands(self, node: Node, shapes: list[Shape]) -> None:
        word = node.value
        if word in _EQUALITIES or word in _ORDERINGS:
            self._compare(node, shapes[0], shapes[1])
        elif word in _LOGIC:
            for child, shape in zip(node.children, shapes, strict=True):
                self._truth(child, shape)
        elif word == "@in":
            self._among(node, shapes[0], shapes[1])
        elif word in _TEXT_FUNCTIONS and family(shapes[0]) not in ("", "text"):
            self._clash(node, f"'{word}()' is asked of {named(shapes[0])}", "Ask it of text.")
        elif word == "timestamp" and shapes[0].kind is Kind.DATE:
            self._clash(node, "A date alone is no instant", "Declare the property as time, or use a date trigger.")
        elif word in _ARITHMETIC:
            self._calculate(node, shapes)

    def _truth(self, node: Node, shape: Shape) -> None:
        if family(shape) not in ("", "bool"):
            self._clash(node, f"'{path_of(node)}' is {named(shape)}, not true or false", _COMPARE)

    def _compare(self, node: Node, left: Shape, right: Shape) -> None:
        a, b = family(left), family(right)
        if not a or not b or any(child.type == "null" for child in node.children):
            return
        if a == b:
            if node.value in _ORDERINGS and a in ("bool", "list", "map"):
                self._clash(node, f"'{operator_word(node.value)}' does not order {named(left)}", "Ask with ==.")
            for child, shape in zip(node.children, (right, left), strict=True):
                self._chosen(child, shape)
            return
        self._clash(
            node,
            f"{said(node.children[0], left)} is compared with {other(node.children[1], right)}",
            mended(node, left, right),
        )

    def _among(self, node: Node, element: Shape, container: Shape) -> None:
        if family(container) not in ("", "list", "map"):
            self._clash(
                node, f"'in' looks into {named(container)}", 'Write a list, as in x in ["a", "b"], or contains().'
            )
            return
        inner = container.element or ANY
        if family(element) and family(inner) and family(element) != family(inner):
            remedy = "Write the elements as what is looked for."
            self._clash(
                node,
                f"{said(node.children[0], element)} is looked for among {_PLURAL.get(family(inner), 'others')}",
                remedy,
            )
        if node.children[1].kind == "list":
            for child in node.children[1].children:
                self._chosen(child, element)

    def _chosen(self, literal: Node, shape: Shape) -> None:
        if not shape.choices or literal.kind != "literal" or literal.value in shape.choices:
            return
        close = nearest(str(literal.value), shape.choices)
        remedy = f"Write '{close}'." if close else f"Write {listed(shape.choices)}."
        self._clash(literal, f"It is never '{shortened(str(literal.value))}'", remedy)

    def _calculate(self, node: Node, shapes: list[Shape]) -> None:
        families = {family(shape) for shape in shapes} - {""}
        word = operator_word(node.value)
        lists = node.value == "_+_" and families <= {"text", "list"}
        if len(families) > 1 and not families <= {"instant", "span"}:
            self._clash(
                node,
                f"'{word}' of {listed([named(s) for s in shapes if family(s)], 'and')}",
                "Convert with double(…) or string(…).",
            )
        elif families & {"bool", "map"} or (families & {"text", "list"} and not lists):
            self._clash(node, f"'{word}' cannot calculate with {named(shapes[0])}", "Convert it with double(…).")

    def _fold(self, node: Node) -> Shape:
        items, start, _, step, _ = node.children
        variable, accumulator = node.names
        shape = self._shape(items)
        if family(shape) not in ("", "list", "map"):
            self._clash(items, f"'{path_of(items)}' is {named(shape)}, not a list", _LOOK)
        outer = dict(self._bound)
        self._bound[variable] = (shape.element or ANY) if shape.kind is Kind.LIST else ANY
        self._bound[accumulator] = ANY
        _, test = macro_of(start, step, accumulator)
        self._shape(test)
        self._bound = outer
        return BOOL

    def _clash(self, node: Node, problem: str, remedy: str) -> None:
        self._note(self.catalogue.clash(node.offset, problem, remedy))

    def _note(self, flaw: Flaw | None) -> None:
        if flaw is not None:
            self.flaws.append(flaw)


_COMPARE = "Compare it with something, as in: event.properties.price > 10."
_LOOK = f"Look it up in {CATALOGUE_NAME}."
_PLURAL = {"text": "texts", "number": "numbers", "bool": "true and false"}


def _arithmetic(shapes: list[Shape]) -> Shape:
    kinds = {shape.kind for shape in shapes}
    if kinds <= set(NUMBERS):
        return INTEGER if kinds == {Kind.INTEGER} else NUMBER
    if kinds <= set(TEXTS):
        return TEXT
    if kinds == {Kind.INSTANT}:
        return SPAN
    return INSTANT if Kind.INSTANT in kinds else SPAN if kinds == {Kind.SPAN} else ANY
