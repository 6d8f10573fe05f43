"""From a checked CEL tree to one Python expression.

The expression stands over names of ours only: ``ep`` and ``sp`` (properties of event and start), ``event``, ``start``,
``customer``, ``now``, the operations of ``cel_values`` under short names, and generated variables. Everything that
comes from the condition's text goes in as ``repr`` of a str, int, float or bool, so no text can become code.

An operand is *safe* when it cannot be an error; only then may Python's own ``and``, ``or``, ``not`` and comparisons be
used.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from sendwhen.campaigns import cel_conversions, cel_values
from sendwhen.campaigns.cel_library import ROOTS, pattern_error
from sendwhen.campaigns.cel_refusals import (
    Refused,
    arithmetic_warning,
    not_a_time,
    ordering_warning,
    unsupported_function,
    unsupported_literal,
)
from sendwhen.campaigns.cel_runtime import ARITHMETIC, FUNCTIONS, ORDERINGS
from sendwhen.campaigns.cel_tree import Node, flattened, macro_of
from sendwhen.campaigns.problem import Flaw
from sendwhen.domain.facts import NAMES as FACTS

DEPTH_LIMIT = 32
"""Nesting of a condition."""
MACRO_DEPTH_LIMIT = 2
"""Macros within macros: one goes through a list for each element of a list, and no further."""


@dataclass(frozen=True, slots=True)
class Code:
    """A piece of Python. ``safe``: never an error. ``truth``: True or False wherever it is no error."""

    text: str
    safe: bool = True
    truth: bool = False


@dataclass(slots=True)
class Writer:
    """Writes the Python of one tree, and notes what it reads and what to warn of.

    Attributes:
        roots: The roots it refers to.
        warnings: What may not be what was meant.
    """

    roots: set[str] = field(default_factory=set)
    warnings: list[Flaw] = field(default_factory=list)
    _variables: dict[str, str] = field(default_factory=dict)
    _count: int = 0
    _depth: int = 0
    _macros: int = 0
    _negations: int = 0

    def write(self, node: Node) -> Code:
        """The Python of a node; raises Refused."""
        self._depth += 1
        if self._depth > DEPTH_LIMIT:
            raise Refused(node.offset, f"The expression is nested more than {DEPTH_LIMIT} deep", "Write it flatter.")
        code: Code = getattr(self, "_" + node.kind)(node)
        self._depth -= 1
        return code

    def _literal(self, node: Node) -> Code:
        if node.type in ("uint", "bytes"):
            raise unsupported_literal(node)
        if node.type == "double" and not math.isfinite(node.value):
            return Code(f"float({str(node.value)!r})")
        return Code(
            f"({node.value!r})" if node.type in ("int", "double") else repr(node.value), truth=node.type == "bool"
        )

    def _name(self, node: Node) -> Code:
        if node.value in self._variables:
            return Code(self._variables[node.value])
        root, _, name = node.value.partition(".")
        event = root
        if root == "steps":
            step, _, name = name.partition(".")
            root, event = "start", f"start.steps[{step!r}]"
        elif root not in ROOTS:
            raise Refused(
                node.offset, f"'{node.value}' is a type, not a value", "Compare values; types cannot be asked for."
            )
        self.roots.add(root)
        if root == "now":
            return Code("_T(now * 1000000)")
        if root == "customer":
            return Code("_map(customer)")
        if name == "properties":
            return Code(f"_map({root[0]}p)" if event == root else f"_map({event}.properties)")
        return Code(f"_T({event}.occurred_at_ms * 1000000)" if name == "occurred_at" else f"{event}.{name}")

    def _root(self, node: Node) -> str:
        """The name of the mapping behind a root, or "" for any other node."""
        if node.kind != "name" or node.value in self._variables:
            return ""
        if node.value.startswith("steps.") and node.value.endswith(".properties"):
            self.roots.add("start")
            return f"start.steps[{node.value.split('.')[1]!r}].properties"
        known = {"customer": "customer", "event.properties": "ep", "start.properties": "sp"}.get(node.value, "")
        if known:
            self.roots.add(node.value.partition(".")[0])
        return known

    def _read(self, operand: Node, name: str) -> Code:
        if root := self._root(operand):
            # What follows from events is worked out by the customer's ``[]``.
            return Code(f"{root}[{name!r}]" if root == "customer" and name in FACTS else f"{root}.get({name!r})")
        inner = self.write(operand)
        return Code(f"_s({inner.text}, {name!r})", inner.safe)

    def _select(self, node: Node) -> Code:
        return self._read(node.children[0], node.value)

    def _has(self, node: Node) -> Code:
        if root := self._root(node.children[0]):
            known = root == "customer" and node.value in FACTS
            return Code("True" if known else f"({node.value!r} in {root})", truth=True)
        inner = self.write(node.children[0])
        return Code(f"_h({inner.text}, {node.value!r})", inner.safe, True)

    def _list(self, node: Node) -> Code:
        elements = [self.write(child) for child in node.children]
        inside = ", ".join(e.text for e in elements)
        return Code(f"[{inside}]") if all(e.safe for e in elements) else Code(f"_list({inside})", False)

    def _map(self, node: Node) -> Code:
        keys, values = node.children[::2], node.children[1::2]
        if node.value or any(key.kind != "literal" or key.type != "string" for key in keys):
            raise Refused(node.offset, "Only maps with quoted keys are supported", 'Write {"key": value}.')
        parts = [self.write(value) for value in values]
        names = tuple(key.value for key in keys)
        return Code(f"_pairs({', '.join([repr(names), *(p.text for p in parts)])})", all(p.safe for p in parts))

    def _call(self, node: Node) -> Code:
        write = {
            "_&&_": self._logic, "_||_": self._logic, "!_": self._negation, "_==_": self._equality, "_!=_":
            self._equality,
            "matches": self._match, "_?_:_": self._choice, "dyn": self._unchanged, **dict.fromkeys(ORDERINGS,
            self._order),
        }.get(node.value, self._function)  # fmt: skip
        return write(node)

    def _unchanged(self, node: Node) -> Code:
        inner = self.write(node.children[0])
        return Code(f"_same({inner.text})", inner.safe, inner.truth)

    def _negation(self, node: Node) -> Code:
        self._negations += 1
        inner = self.write(node.children[0])
        self._negations -= 1
        if inner.safe and inner.truth:
            return Code(f"(not {inner.text})", truth=True)
        return Code(f"_not({inner.text})", False, True)

    def _function(self, node: Node) -> Code:
        name = node.value
        if name in ARITHMETIC and any(c.type == "dyn" and c.kind == "select" for c in node.children):
            self.warnings.append(arithmetic_warning(node))
        short, arguments = FUNCTIONS.get(name, ("", 0))
        if not short or len(node.children) != arguments:
            raise unsupported_function(node)
        if name == "string" and node.children[0].type in ("timestamp", "duration"):
            raise Refused(node.offset, "Times cannot become text", 'Compare them with timestamp("…") or duration("…").')
        if name == "_[_]" and node.children[1].kind == "literal" and node.children[1].type == "string":
            return self._read(node.children[0], node.children[1].value)
        if name == "@in" and (quick := self._among(node)):
            return quick
        if folded := self._constant_time(node):
            return folded
        parts = ", ".join(self.write(child).text for child in node.children)
        return Code(f"{short}({parts})", False, name in ("startsWith", "endsWith", "contains", "@in"))

    def _constant_time(self, node: Node) -> Code | None:
        if (
            node.value not in ("timestamp", "duration")
            or node.children[0].kind != "literal"
            or node.children[0].type != "string"
        ):
            return None
        convert = cel_conversions.to_timestamp if node.value == "timestamp" else cel_conversions.to_duration
        value = convert(node.children[0].value)
        if value is cel_values.ERROR:
            raise not_a_time(node.children[0], node.value)
        return Code(f"{'_T' if node.value == 'timestamp' else '_D'}({int(value)})")

    def _among(self, node: Node) -> Code | None:
        """``x in ["a", "b"]``, the most frequent use of lists."""
        element, container = node.children
        if container.kind != "list" or any(c.kind != "literal" or c.type != "string" for c in container.children):
            return None
        part = self.write(element)
        if not part.safe:
            return None
        words = "".join(f"{c.value!r}, " for c in container.children)
        return Code(f"({part.text} in ({words}))", truth=True)

    def _logic(self, node: Node) -> Code:
        parts = [self.write(child) for child in flattened(node, node.value)]
        word, absorbing = (" and ", "_and") if node.value == "_&&_" else (" or ", "_or")
        safe = [p.text for p in parts if p.safe and p.truth]
        risky = [p.text for p in parts if not (p.safe and p.truth)]
        # The order does not matter to CEL: what cannot fail goes first, and decides alone where it can.
        if risky:
            safe.append(f"{absorbing}({', '.join(risky)})")
        return Code(f"({word.join(safe)})", not risky, True)

    def _equality(self, node: Node) -> Code:
        left, right = node.children
        if left.kind == "literal":
            left, right = right, left
        negated = node.value == "_!=_"
        part = self.write(left)
        if right.kind != "literal" or left.kind == "literal" or not part.safe or right.type in ("uint", "bytes"):
            other = self.write(right)
            return Code(f"{'_ne' if negated else '_eq'}({part.text}, {other.text})", False, True)
        if right.type in ("null", "bool"):
            return Code(f"({part.text} is {'not ' if negated else ''}{right.value!r})", truth=True)
        literal = self.write(right).text
        if right.type == "string":
            return Code(f"({part.text} {'!=' if negated else '=='} {literal})", truth=True)
        name = self._variable("t")
        test = f"(({name} := {part.text}) == {literal} and {name}.__class__ is not bool)"
        return Code(f"(not {test})" if negated else test, truth=True)

    def _order(self, node: Node) -> Code:
        left, right = node.children
        sign, general = ORDERINGS[node.value]
        if self._negations and "dyn" in (left.type, right.type):
            self.warnings.append(ordering_warning(node.offset, sign))
        a, b = self.write(left), self.write(right)
        if right.kind == "literal" and a.safe and right.type in ("int", "double", "string"):
            name = self._variable("t")
            kind = "is str" if right.type == "string" else "in _N"
            return Code(f"(({name} := {a.text}).__class__ {kind} and {name} {sign} {b.text})", truth=True)
        return Code(f"{general}({a.text}, {b.text})", a.safe and b.safe, True)

    def _choice(self, node: Node) -> Code:
        test, yes, no = (self.write(child) for child in node.children)
        truth, safe = yes.truth and no.truth, yes.safe and no.safe
        if test.safe and test.truth:
            return Code(f"({yes.text} if {test.text} else {no.text})", safe, truth)
        name = self._variable("t")
        return Code(
            f"({yes.text} if ({name} := {test.text}) is True else {no.text} if {name} is False else _E)", False, truth
        )

    def _match(self, node: Node) -> Code:
        pattern = node.children[-1]
        if pattern.kind != "literal" or len(node.children) != 2:
            raise Refused(
                pattern.offset,
                "The pattern of matches() must be a quoted text",
                'Write it as in x.matches("^[A-Z]{2}-").',
            )
        if wrong := pattern_error(pattern.value):
            raise Refused(
                pattern.offset, f"The pattern is not a regular expression ({wrong})", "Write it in RE2 syntax."
            )
        return Code(f"_matches({self.write(node.children[0]).text}, {pattern.value!r})", False, True)

    def _fold(self, node: Node) -> Code:
        items, start, _, step, _ = node.children
        variable, accumulator = node.names
        short, test = macro_of(start, step, accumulator)
        if not short:
            raise Refused(
                node.offset, "The macros map() and filter() are not supported", "Ask with exists, all or exists_one."
            )
        if variable in ROOTS:
            raise Refused(
                node.offset, f"'{variable}' cannot name the element of a list", "Give it another name, such as x."
            )
        if self._macros == MACRO_DEPTH_LIMIT:
            raise Refused(
                node.offset, "Macros are nested more than two deep", "Ask about a list within a list at most."
            )
        limit = cel_values.INNER_LIST_LIMIT if self._macros else cel_values.LIST_LIMIT
        range_code = self.write(items)
        outer = dict(self._variables)
        self._variables[variable] = name = self._variable("x")
        self._macros += 1
        body = self.write(test)
        self._macros -= 1
        self._variables = outer
        return Code(f"{short}({range_code.text}, {limit}, lambda {name}: {body.text})", False, True)

    def _variable(self, kind: str) -> str:
        self._count += 1
        return f"{kind}{self._count}"
