"""Checks a template against the catalogue: what it names must exist, and must be of a kind that can be shown.

Walks the parsed template with its scopes: a loop's variable is an element of its list, ``assign`` carries on what is
assigned, ``default`` makes up for what may be absent, and what an enclosing ``if`` asks about is there inside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from liquid import BoundTemplate, RenderContext
from liquid.ast import ConditionalBlockNode, Node
from liquid.builtin.expressions import (
    FilteredExpression,
    LoopExpression,
    Path,
    StringLiteral,
    TernaryFilteredExpression,
)
from liquid.builtin.expressions.logical import (
    EqExpression,
    GeExpression,
    GtExpression,
    LeExpression,
    LtExpression,
    NeExpression,
)
from liquid.builtin.expressions.primitive import FloatLiteral, IntegerLiteral
from liquid.builtin.output import OutputNode
from liquid.builtin.tags.assign_tag import AssignNode
from liquid.builtin.tags.case_tag import CaseNode
from liquid.builtin.tags.for_tag import ForNode
from liquid.builtin.tags.if_tag import IfNode
from liquid.builtin.tags.tablerow_tag import TablerowNode
from liquid.builtin.tags.unless_tag import UnlessNode
from liquid.expression import Expression

from sendwhen.campaigns.catalogue import CATALOGUE_NAME, Catalogue
from sendwhen.campaigns.customer_schema import LISTS
from sendwhen.campaigns.liquid_filters import filtered
from sendwhen.campaigns.problem import Flaw, listed, nearest, shortened
from sendwhen.campaigns.root_events import RootEvents
from sendwhen.campaigns.shapes import ANY, INTEGER, NUMBER, TEXT, TIME, Kind, Shape, family, joined, named

_ORDERINGS = (GeExpression, GtExpression, LeExpression, LtExpression)
_EQUALITIES = (EqExpression, NeExpression)
_CONDITIONS = (IfNode, UnlessNode, ConditionalBlockNode, CaseNode)
OPTIONAL_BOOL = Shape(kind=Kind.BOOL, optional=True)
_OF_ANY = ("size", "first", "last")
"""What Liquid has of lists and texts without being asked."""


def template_flaws(template: BoundTemplate, source: str, roots: RootEvents, catalogue: Catalogue) -> list[Flaw]:
    """What a template names that there is not, or that it cannot show."""
    steps = {name: _event(catalogue, (event,)) for name, event in roots.steps.items()}
    shapes = {
        "event": _event(catalogue, roots.event),
        "start": _event(catalogue, roots.start),
        "steps": Shape(kind=Kind.MAP, fields=steps) if roots.start else ANY,
        "trigger": Shape(kind=Kind.MAP, fields={"value": NUMBER} if roots.measured else {}),
        "customer": Shape(kind=Kind.MAP, fields=catalogue.customer),
        "now": TIME,
    }
    walk = _Walk(catalogue, source, roots, shapes, RenderContext(template))
    walk.nodes(template.nodes)
    return walk.flaws


def _event(catalogue: Catalogue, events: tuple[str, ...]) -> Shape:
    properties = catalogue.properties(events)
    fields = {"name": TEXT, "id": TEXT, "occurred_at": TIME, "properties": properties}
    return Shape(kind=Kind.MAP, fields=fields)


@dataclass(slots=True)
class _Walk:
    catalogue: Catalogue
    source: str
    events: RootEvents
    roots: Mapping[str, Shape]
    context: RenderContext
    flaws: list[Flaw] = field(default_factory=list)
    names: dict[str, Shape] = field(default_factory=dict)
    asked: tuple[str, ...] = ()

    def nodes(self, nodes: Iterable[Node]) -> None:
        for node in nodes:
            self._node(node)

    def _node(self, node: Node) -> None:
        outer_names, outer_asked = dict(self.names), self.asked
        shapes = [self._expression(expression, node) for expression in node.expressions()]
        if isinstance(node, AssignNode):
            self._assign(str(node.name), shapes[0])
        else:
            for name in node.template_scope():
                self._assign(str(name), ANY)
        scoped = {str(name) for name in node.block_scope()}
        self.names.update(dict.fromkeys(scoped, ANY))
        if isinstance(node, (ForNode, TablerowNode)) and isinstance(node.expression, LoopExpression):
            self.names[node.expression.identifier] = shapes[0]
        if isinstance(node, _CONDITIONS):
            self.asked = (*self.asked, *(str(path) for e in node.expressions() for path in _paths(e)))
        self.nodes(node.children(self.context, include_partials=False))
        self.asked = outer_asked
        for inner in scoped:
            self.names.pop(inner, None)
            self.names.update({inner: outer_names[inner]} if inner in outer_names else {})

    def _assign(self, name: str, shape: Shape) -> None:
        self.names[name] = joined([self.names[name], shape]) if name in self.names else shape

    def _expression(self, expression: Expression, node: Node | None = None) -> Shape:
        """The shape of an expression; ``node``: where it is the whole of an output."""
        shown = isinstance(node, OutputNode)
        if isinstance(expression, Path):
            shape = self._path(expression)
            return self._shown(expression, shape) if shown else shape
        if isinstance(expression, FilteredExpression):
            return self._filtered(expression, shown=shown)
        if isinstance(expression, TernaryFilteredExpression):
            self._expression(expression.condition)
            sides = [self._filtered(expression.left, shown=False)]
            sides += [self._expression(expression.alternative)] if expression.alternative else []
            return joined(sides)
        if isinstance(expression, LoopExpression):
            return self._loop(expression)
        if isinstance(expression, (StringLiteral, IntegerLiteral, FloatLiteral)):
            literals = {StringLiteral: TEXT, IntegerLiteral: INTEGER, FloatLiteral: NUMBER}
            return literals[type(expression)]
        shapes = [self._expression(child) for child in expression.children()]
        if isinstance(expression, (*_ORDERINGS, *_EQUALITIES)):
            self._compare(expression, shapes)
        return ANY

    def _loop(self, expression: LoopExpression) -> Shape:
        for child in expression.children():
            if child is not expression.iterable:
                self._expression(child)
        shape = self._expression(expression.iterable)
        if family(shape) not in ("", "list", "map", "text"):
            problem = f"'{expression.iterable}' is {named(shape)}, not a list"
            self._clash(expression.iterable, problem, f"Look it up in {CATALOGUE_NAME}.")
        return shape.element or ANY if shape.kind is Kind.LIST else ANY

    def _filtered(self, expression: FilteredExpression, *, shown: bool) -> Shape:
        filters = expression.filters or []
        shape = self._expression(expression.left)
        path = expression.left if isinstance(expression.left, Path) else None
        for number, each in enumerate(filters):
            arguments = [self._expression(argument.value) for argument in each.args]
            if number == 0 and path is not None and each.name != "default":
                shape = self._present(path, shape)
            literal = next((a.value.value for a in each.args if isinstance(a.value, StringLiteral)), None)
            shape, unknown = filtered(each.name, shape, arguments, literal)
            if unknown and literal is not None:
                self._unknown_field(each.token.start_index, f"{expression.left}[]", literal, unknown)
        if shown and not filters and path is not None:
            shape = self._shown(path, shape)
        return shape

    def _shown(self, path: Path, shape: Shape) -> Shape:
        whole = shape.kind is Kind.MAP or (shape.kind is Kind.LIST and family(shape.element or ANY) in ("map", "list"))
        if whole:
            fields = shape.fields or (shape.element.fields if shape.element else None) or {}
            remedy = f"Name one of its properties: {listed(list(fields)[:6])}." if fields else "Name what is in it."
            problem = f"'{shortened(str(path))}' is {named(shape)} and cannot be printed"
            self._clash(path, problem, remedy)
        return self._present(path, shape)

    def _present(self, path: Path, shape: Shape) -> Shape:
        """What is printed must be there, or the email is skipped."""
        if shape.optional and str(path) not in self.asked:
            problem = f"'{shortened(str(path))}' may be absent, and then nobody gets this email"
            self.flaws.append(Flaw(path.token.start_index, problem, 'Write {{ … | default: "…" }}.', True))
        return replace(shape, optional=False)

    def _path(self, path: Path) -> Shape:
        for segment in path.path:
            if isinstance(segment, Path):
                self._path(segment)
        root = str(path.path[0])
        shape = self.names.get(root) or self.roots.get(root, ANY)
        is_root = root in self.roots and root not in self.names
        offset, whose = path.token.start_index + len(root), root
        for segment in path.path[1:]:
            word = str(segment)
            at = self.source.find(word, offset) if isinstance(segment, str) else offset
            offset = max(at, offset)
            shape = self._step(shape, segment, whose, offset, is_root)
            whose = f"{whose}.{word}" if isinstance(segment, str) else f"{whose}[{word}]"
            offset += len(word)
        return shape

    def _step(self, shape: Shape, segment: object, whose: str, offset: int, is_root: bool) -> Shape:  # noqa: PLR0911  one for each kind of shape
        if isinstance(segment, str) and shape.kind is Kind.MAP and shape.fields is not None:
            if segment in shape.fields:
                return shape.fields[segment]
            ours = is_root and whose in ("steps", "trigger")
            if segment in _OF_ANY and not ours:
                return INTEGER if segment == "size" else ANY
            if whose == "customer" and segment.startswith(LISTS):
                return OPTIONAL_BOOL
            if ours and whose == "trigger":
                self._no_measure(offset, segment, measured="value" in shape.fields)
            elif is_root and (whose in ("event", "start") or whose.rpartition(".")[0] == "steps"):
                self._no_root_field(offset, whose, segment)
            elif is_root and whose == "steps":
                self._no_step(offset, segment, shape.fields)
            else:
                self._unknown_field(offset, whose, segment, shape.fields)
            return ANY
        if shape.kind is Kind.LIST:
            if segment == "size":
                return INTEGER
            if isinstance(segment, str) and segment not in _OF_ANY:
                problem = f"'{shortened(whose)}' is a list and has no '{shortened(segment)}'"
                remedy = f"Go through it: {{% for x in {whose} %}}{{{{ x.{segment} }}}}{{% endfor %}}."
                self.flaws.append(self.catalogue.clash(offset, problem, remedy))
                return ANY
            return replace(shape.element or ANY, optional=True)
        if family(shape) in ("text", "number", "bool") and segment not in _OF_ANY:
            problem = f"'{shortened(whose)}' is {named(shape)} and has no '{shortened(str(segment))}'"
            self.flaws.append(self.catalogue.clash(offset, problem, f"Look it up in {CATALOGUE_NAME}."))
        return ANY

    def _no_root_field(self, offset: int, root: str, name: str) -> None:
        close = nearest(name, ("name", "id", "occurred_at", "properties"))
        remedy = f"Write {root}.{close}, or {root}.properties.{name} for a property."
        remedy = remedy if close else f"Write {root}.properties.{shortened(name)}."
        self.flaws.append(Flaw(offset, f"'{root}' has no '{shortened(name)}'", remedy))

    def _no_measure(self, offset: int, name: str, *, measured: bool) -> None:
        if measured:
            self.flaws.append(Flaw(offset, f"'trigger' has no '{shortened(name)}'", "Write trigger.value."))
        else:
            self.flaws.append(
                Flaw(
                    offset, "This trigger measures nothing", "Print trigger.value of a count, sum, average or distinct."
                )
            )

    def _no_step(self, offset: int, name: str, known: Mapping[str, Shape]) -> None:
        close = nearest(name, known) or next(iter(known), "")
        remedy = f"Write steps.{close}." if close else "Name a step of the sequence with 'as'."
        self.flaws.append(Flaw(offset, f"There is no step '{shortened(name)}'", remedy))

    def _unknown_field(self, offset: int, whose: str, name: str, known: Mapping[str, Shape]) -> None:
        if whose == "customer":
            problem, home = f"Customers have no attribute '{shortened(name)}'", f"under 'customer' in {CATALOGUE_NAME}"
        elif whose.endswith(".properties") and (events := self._events(whose.removesuffix(".properties"))):
            who = listed([f"'{shortened(event)}'" for event in events[:3]])
            problem, home = f"{who} has no property '{shortened(name)}'", f"among its properties in {CATALOGUE_NAME}"
        else:
            problem, home = f"'{shortened(whose)}' has no '{shortened(name)}'", f"in {CATALOGUE_NAME}"
        if flaw := self.catalogue.unknown(offset, problem, name, known, home):
            self.flaws.append(flaw)

    def _events(self, root: str) -> tuple[str, ...]:
        if root.startswith("steps."):
            step = self.events.steps.get(root.removeprefix("steps."))
            return (step,) if step else ()
        return self.events.event if root == "event" else self.events.start if root == "start" else ()

    def _compare(self, expression: Expression, shapes: list[Shape]) -> None:
        left, right = shapes
        sides = list(expression.children())
        if family(left) and family(right) and family(left) != family(right):
            problem = f"'{shortened(str(sides[0]))}', {named(left)}, is compared with {named(right)}"
            self._clash(sides[0], problem, "Compare like with like: numbers without quotes, text in quotes.")
        for literal, shape in ((sides[1], left), (sides[0], right)):
            if shape.choices and isinstance(literal, StringLiteral) and literal.value not in shape.choices:
                close = nearest(literal.value, shape.choices)
                remedy = f"Write '{close}'." if close else f"Write {listed(shape.choices)}."
                self._clash(literal, f"It is never '{shortened(literal.value)}'", remedy)

    def _clash(self, expression: Expression, problem: str, remedy: str) -> None:
        self.flaws.append(self.catalogue.clash(max(0, expression.token.start_index), problem, remedy))


def _paths(expression: Expression) -> Iterable[Path]:
    if isinstance(expression, Path):
        yield expression
    for child in expression.children():
        yield from _paths(child)
