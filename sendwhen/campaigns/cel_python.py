"""From a checked CEL tree to one Python expression.

The expression stands over names of ours only: ``ep`` and ``sp`` (properties of event and start), ``event``, ``start``,
``customer``, ``now``, the operations of ``cel_values`` under short names, and generated variables. Everything that comes from
the condition's text goes in as ``repr`` of a str, int, float or bool, so no text can become code.

An operand is *safe* when it cannot be an error; only then may Python's own ``and``, ``or``, ``not`` and comparisons be used.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from sendwhen.campaigns import cel_conversions, cel_values
from sendwhen.campaigns.cel_library import ROOTS, matches, operator_word, pattern_error
from sendwhen.campaigns.cel_tree import Node
from sendwhen.campaigns.problem import Flaw

DEPTH_LIMIT = 32
"""Nesting of a condition."""
MACRO_DEPTH_LIMIT = 2
"""Macros within macros: one goes through a list for each element of a list, and no further."""

RUNTIME: dict[str, Any] = {
    "_E": cel_values.ERROR, "_N": cel_values.NUMBERS, "_T": cel_values.Timestamp, "_D": cel_values.Duration,
    "_s": cel_values.select, "_h": cel_values.has, "_map": cel_values.mapping, "_i": cel_values.index,
    "_eq": cel_values.equal, "_ne": cel_values.unequal, "_lt": cel_values.less, "_le": cel_values.less_equal,
    "_gt": cel_values.greater, "_ge": cel_values.greater_equal, "_not": cel_values.negate,
    "_and": cel_values.conjunction, "_or": cel_values.disjunction, "_list": cel_values.members, "_pairs": cel_values.pairs,
    "_in": cel_values.contained, "_size": cel_values.size, "_starts": cel_values.starts_with, "_ends": cel_values.ends_with,
    "_contains": cel_values.contains, "_any": cel_values.exists, "_all": cel_values.every, "_one": cel_values.exists_one,
    "_add": cel_values.add, "_sub": cel_values.subtract, "_mul": cel_values.multiply, "_div": cel_values.divide,
    "_mod": cel_values.modulo, "_neg": cel_values.minus, "_int": cel_conversions.to_int, "_double": cel_conversions.to_double,
    "_text": cel_conversions.to_text, "_time": cel_conversions.to_timestamp, "_span": cel_conversions.to_duration,
    "_matches": matches, "float": float, "str": str, "bool": bool, "dict": dict, "__builtins__": {},
}  # fmt: skip

_ORDERINGS = {"_<_": ("<", "_lt"), "_<=_": ("<=", "_le"), "_>_": (">", "_gt"), "_>=_": (">=", "_ge")}
_ARITHMETIC = {"_+_": "_add", "_-_": "_sub", "_*_": "_mul", "_/_": "_div", "_%_": "_mod"}
_FUNCTIONS = {
    "size": ("_size", 1), "startsWith": ("_starts", 2), "endsWith": ("_ends", 2), "contains": ("_contains", 2), "int": ("_int", 1),
    "double": ("_double", 1), "string": ("_text", 1), "timestamp": ("_time", 1), "duration": ("_span", 1),
}  # fmt: skip
SUPPORTED = "size, startsWith, endsWith, contains, matches, exists, all, exists_one, has, int, double, string, timestamp, duration"


@dataclass(frozen=True, slots=True)
class Code:
    """A piece of Python. ``safe``: never an error. ``truth``: True or False wherever it is no error."""

    text: str
    safe: bool = True
    truth: bool = False


class Refused(Exception):
    """Something the language does not have; carries the flaw."""

    def __init__(self, flaw: Flaw) -> None:
        super().__init__(flaw.problem)
        self.flaw = flaw


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
            raise Refused(
                Flaw(node.offset, f"The expression is nested more than {DEPTH_LIMIT} deep", "Write it flatter.")
            )
        code: Code = getattr(self, "_" + node.kind)(node)
        self._depth -= 1
        return code

    def _literal(self, node: Node) -> Code:
        if node.type in ("uint", "bytes"):
            what = "1u" if node.type == "uint" else 'b"…"'
            raise Refused(
                Flaw(
                    node.offset,
                    f"Literals such as {what} are not supported",
                    'Write whole numbers as 1 and text as "…".',
                )
            )
        if node.type == "double" and not math.isfinite(node.value):
            return Code(f"float({str(node.value)!r})")
        return Code(
            f"({node.value!r})" if node.type in ("int", "double") else repr(node.value), truth=node.type == "bool"
        )

    def _name(self, node: Node) -> Code:
        if node.value in self._variables:
            return Code(self._variables[node.value])
        root, _, name = node.value.partition(".")
        if root not in ROOTS:
            raise Refused(
                Flaw(
                    node.offset, f"'{node.value}' is a type, not a value", "Compare values; types cannot be asked for."
                )
            )
        self.roots.add(root)
        if root == "now":
            return Code("_T(now * 1000000)")
        if root == "customer":
            return Code("_map(customer)")
        if name == "properties":
            return Code(f"_map({root[0]}p)")
        return Code(f"_T({root}.occurred_at_ms * 1000000)" if name == "occurred_at" else f"{root}.{name}")

    def _root(self, node: Node) -> str:
        """The name of the mapping behind a root, or "" for any other node."""
        if node.kind != "name" or node.value in self._variables:
            return ""
        known = {"customer": "customer", "event.properties": "ep", "start.properties": "sp"}.get(node.value, "")
        if known:
            self.roots.add(node.value.partition(".")[0])
        return known

    def _read(self, operand: Node, name: str) -> Code:
        if root := self._root(operand):
            return Code(f"{root}.get({name!r})")
        inner = self.write(operand)
        return Code(f"_s({inner.text}, {name!r})", inner.safe)

    def _select(self, node: Node) -> Code:
        return self._read(node.children[0], node.value)

    def _has(self, node: Node) -> Code:
        if root := self._root(node.children[0]):
            return Code(f"({node.value!r} in {root})", truth=True)
        inner = self.write(node.children[0])
        return Code(f"_h({inner.text}, {node.value!r})", inner.safe, True)

    def _list(self, node: Node) -> Code:
        elements = [self.write(child) for child in node.children]
        inside = ", ".join(e.text for e in elements)
        return Code(f"[{inside}]") if all(e.safe for e in elements) else Code(f"_list({inside})", False)

    def _map(self, node: Node) -> Code:
        keys, values = node.children[::2], node.children[1::2]
        if node.value or any(key.kind != "literal" or key.type != "string" for key in keys):
            raise Refused(Flaw(node.offset, "Only maps with quoted keys are supported", 'Write {"key": value}.'))
        parts = [self.write(value) for value in values]
        names = tuple(key.value for key in keys)
        return Code(f"_pairs({', '.join([repr(names), *(p.text for p in parts)])})", all(p.safe for p in parts))

    def _call(self, node: Node) -> Code:
        name = node.value
        if name in ("_&&_", "_||_"):
            return self._logic(node)
        if name == "!_":
            self._negations += 1
            inner = self.write(node.children[0])
            self._negations -= 1
            if inner.safe and inner.truth:
                return Code(f"(not {inner.text})", truth=True)
            return Code(f"_not({inner.text})", False, True)
        if name in ("_==_", "_!=_"):
            return self._equality(node)
        if name in _ORDERINGS:
            return self._order(node)
        if name == "matches":
            return self._match(node)
        if name == "_?_:_":
            return self._choice(node)
        return self._function(node)

    def _function(self, node: Node) -> Code:
        name = node.value
        if name in _ARITHMETIC and any(c.type == "dyn" and c.kind == "select" for c in node.children):
            self._warn_of_arithmetic(node)
        short, arguments = {
            **{k: (v, 2) for k, v in _ARITHMETIC.items()},
            "-_": ("_neg", 1),
            "_[_]": ("_i", 2),
            "@in": ("_in", 2),
        }.get(name, _FUNCTIONS.get(name, ("", 0)))
        if not short or len(node.children) != arguments:
            raise Refused(self._unsupported(node))
        if name == "string" and node.children[0].type in ("timestamp", "duration"):
            raise Refused(
                Flaw(node.offset, "Times cannot become text", 'Compare them with timestamp("…") or duration("…").')
            )
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
            example = "2026-01-31T08:00:00Z" if node.value == "timestamp" else "1h30m, with units h, m, s and ms"
            raise Refused(Flaw(node.children[0].offset, f"This is not a {node.value}", f"Write it as in {example}."))
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
        parts = [self.write(child) for child in _flattened(node, node.value)]
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
        if right.kind != "literal" or not part.safe or right.type in ("uint", "bytes"):
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
        sign, general = _ORDERINGS[node.value]
        if self._negations and "dyn" in (left.type, right.type):
            self.warnings.append(
                Flaw(
                    node.offset,
                    f"'{sign}' is false where a value is absent or of another type, and the '!' before it makes that true",
                    "Turn the comparison round instead of negating it, or ask has(…) as well.",
                    True,
                )
            )
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
                Flaw(
                    pattern.offset,
                    "The pattern of matches() must be a quoted text",
                    'Write it as in x.matches("^[A-Z]{2}-").',
                )
            )
        if wrong := pattern_error(pattern.value):
            raise Refused(
                Flaw(pattern.offset, f"The pattern is not a regular expression ({wrong})", "Write it in RE2 syntax.")
            )
        return Code(f"_matches({self.write(node.children[0]).text}, {pattern.value!r})", False, True)

    def _fold(self, node: Node) -> Code:
        items, start, _, step, _ = node.children
        variable, accumulator = node.names
        short, test = _macro(start, step, accumulator)
        if not short:
            raise Refused(
                Flaw(
                    node.offset,
                    "The macros map() and filter() are not supported",
                    "Ask with exists, all or exists_one.",
                )
            )
        if variable in ROOTS:
            raise Refused(
                Flaw(node.offset, f"'{variable}' cannot name the element of a list", "Give it another name, such as x.")
            )
        if self._macros == MACRO_DEPTH_LIMIT:
            raise Refused(
                Flaw(node.offset, "Macros are nested more than two deep", "Ask about a list within a list at most.")
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

    def _unsupported(self, node: Node) -> Flaw:
        name = operator_word(node.value)
        if name.startswith("get"):
            return Flaw(
                node.offset,
                f"'{name}()' is not supported: conditions know no calendar",
                'Compare with timestamp("…") or duration("…").',
            )
        return Flaw(node.offset, f"'{name}()' is not supported in conditions", f"There are {SUPPORTED}.")

    def _warn_of_arithmetic(self, node: Node) -> None:
        sign = operator_word(node.value)
        self.warnings.append(
            Flaw(
                node.offset,
                f"'{sign}' of a whole and a decimal number is an error in CEL, which makes the condition false",
                "Write double(…) around what may be either.",
                True,
            )
        )

    def _variable(self, kind: str) -> str:
        self._count += 1
        return f"{kind}{self._count}"


def _flattened(node: Node, name: str) -> list[Node]:
    if node.kind == "call" and node.value == name:
        return [leaf for child in node.children for leaf in _flattened(child, name)]
    return [node]


def _macro(start: Node, step: Node, accumulator: str) -> tuple[str, Node]:
    """Which macro a fold was written as, and what it asks of an element."""
    if step.kind != "call" or start.kind != "literal":
        return "", step
    if step.value == "_||_" and start.value is False and step.children[0].value == accumulator:
        return "_any", step.children[1]
    if step.value == "_&&_" and start.value is True and step.children[0].value == accumulator:
        return "_all", step.children[1]
    return ("_one", step.children[0]) if step.value == "_?_:_" and start.type == "int" else ("", step)
