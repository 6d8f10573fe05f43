"""Random conditions, each in two spellings: as a campaign writes it, and as the CEL library must be asked.

The second spelling maps the one documented deviation into plain CEL: a property that is not there becomes null, and
an ordering
between what CEL cannot order becomes false. Everything else is the same text.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sendwhen.domain.condition import EventScope

NAMES = ["a", "b", "c", "price", "plan", "s", "l", "m", "n", "zz", "Ünï", "with space"]
STRINGS = ["", "a", "CA", "pro", "é😀", " 12", "12", "-7", "1.5", "1e3", "nan", "inf", "0x1F", "2024-02-29T12:00:00Z",
           "2023-02-29T12:00:00Z",
           "1h30m", "aaaaaaaa", "'\"\\", "line\nbreak", "true", "null"]  # fmt: skip
INTS = [0, 1, -1, 2, 5, 10, 50, 100, 2**31, 2**53, -(2**53), 2**63 - 1, -(2**63)]
FLOATS = [
    0.0,
    -0.0,
    0.5,
    1.0,
    1.5,
    -1.5,
    10.0,
    59.9,
    1e15,
    1e16,
    1e-7,
    123456.789,
    1e300,
    float("inf"),
    float("-inf"),
    float("nan"),
]
PATTERNS = ["^a", "a+$", "^[A-Z]{2}$", "(a|b)*c", ".", "^$", "é", "\\\\d+"]
KINDS = ["int", "double", "string", "bool", "null_type", "list", "map"]


@dataclass(frozen=True)
class Pair:
    ours: str
    theirs: str

    def __add__(self, other: Pair | str) -> Pair:
        return (
            Pair(self.ours + other, self.theirs + other)
            if isinstance(other, str)
            else Pair(self.ours + other.ours, self.theirs + other.theirs)
        )

    def __radd__(self, other: str) -> Pair:
        return Pair(other + self.ours, other + self.theirs)


def quoted(text: str) -> str:
    return '"' + "".join(c if c.isalnum() and c.isascii() else f"\\U{ord(c):08x}" for c in text) + '"'


class Generator:
    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.variables: list[str] = []
        self.near: list[Any] = []
        """Literals of the latest condition: contexts hold them and their neighbours often, so boundaries are met."""

    def condition(self) -> Pair:
        self.near = []
        return self.truth(self.random.choice([1, 2, 2, 3]))

    def truth(self, depth: int) -> Pair:
        r = self.random
        if depth <= 0:
            return r.choice([self.order, self.equality, self.presence, self.equality])(0)
        kind = r.choice([self.order, self.equality, self.presence, self.logic, self.logic, self.negation,
        self.choice, self.text_test,
                         self.among, self.macro, self.time_order, self.bare])  # fmt: skip
        return kind(depth - 1)

    def bare(self, depth: int) -> Pair:
        return self.random.choice([self.path(), Pair("true", "true"), Pair("false", "false")])

    def logic(self, depth: int) -> Pair:
        sign = self.random.choice([" && ", " || "])
        result = "(" + self.truth(depth)
        for _ in range(self.random.choice([1, 1, 2])):
            result = result + sign + self.truth(depth)
        return result + ")"

    def negation(self, depth: int) -> Pair:
        return "!(" + self.truth(depth) + ")"

    def choice(self, depth: int) -> Pair:
        return "(" + self.truth(depth) + " ? " + self.truth(depth) + " : " + self.truth(depth) + ")"

    def presence(self, depth: int) -> Pair:
        path = self.path()
        name = self.random.choice(NAMES[:10])
        return Pair(f"has({path.ours}.{name})", f"(type({path.theirs}) == map && {quoted(name)} in {path.theirs})")

    def order(self, depth: int) -> Pair:
        a, b = self.value(depth), self.value(depth)
        if self.random.random() < 0.6:
            b = self.literal()
        return self._ordered(a, self.random.choice([" < ", " <= ", " > ", " >= "]), b)

    def _ordered(self, a: Pair, sign: str, b: Pair) -> Pair:
        kind_a, kind_b = f"type(dyn({a.theirs}))", f"type(dyn({b.theirs}))"
        numbers = " && ".join(f"({k} == int || {k} == double)" for k in (kind_a, kind_b))
        same = f"{kind_a} == {kind_b} && {kind_a} != list && {kind_a} != map && {kind_a} != null_type"
        # The list passes errors of either side on, which && and || would absorb.
        compared = f"dyn({a.theirs}){sign}dyn({b.theirs})"
        theirs = f"([dyn({a.theirs}), dyn({b.theirs})] == [] ? false : ({numbers}) || ({same}) ? {compared} : false)"
        return Pair(f"({a.ours}{sign}{b.ours})", theirs)

    def time_order(self, depth: int) -> Pair:
        moments = ["now", "event.occurred_at", 'timestamp("2024-02-29T12:00:00.5Z")', "start.occurred_at"]
        times = [Pair(m, m) for m in moments]
        spans = ['duration("1h30m")', 'duration("-0.5s")', 'duration("100000h")']
        r = self.random
        a, b = r.choice(times), r.choice(times)
        if r.random() < 0.3:
            a = "timestamp(" + self.path() + ")"
        sign = r.choice([" < ", " <= ", " > ", " >= ", " == ", " != "])
        if r.random() < 0.5:
            return "(" + a + " - " + b + sign + r.choice(spans) + ")"
        return "(" + a + r.choice([" + ", " - "]) + r.choice(spans) + sign + b + ")"

    def equality(self, depth: int) -> Pair:
        other = self.literal() if self.random.random() < 0.6 else self.value(depth)
        sides = [self.value(depth), other]
        self.random.shuffle(sides)
        return "(" + sides[0] + self.random.choice([" == ", " != "]) + sides[1] + ")"

    def text_test(self, depth: int) -> Pair:
        name = self.random.choice(["startsWith", "endsWith", "contains", "matches"])
        argument = f'"{self.random.choice(PATTERNS)}"' if name == "matches" else quoted(self.random.choice(STRINGS))
        return self.path() + f".{name}({argument})"

    def among(self, depth: int) -> Pair:
        if self.random.random() < 0.5:
            words = ", ".join(quoted(self.random.choice(STRINGS)) for _ in range(3))
            return "(" + self.value(depth) + f" in [{words}])"
        container = self.random.choice([self.path(), "[" + self.path() + ", " + self.literal() + "]"])
        return "(" + self.value(depth) + " in " + container + ")"

    def macro(self, depth: int) -> Pair:
        if len(self.variables) >= 2:
            return self.equality(depth)
        variable = f"x{len(self.variables)}"
        name = self.random.choice(["exists", "all", "exists_one"])
        range_ = self.path()
        self.variables.append(variable)
        body = self.truth(min(depth, 1))
        self.variables.pop()
        return range_ + f".{name}({variable}, " + body + ")"

    def value(self, depth: int) -> Pair:
        r = self.random
        if depth <= 0 or r.random() < 0.5:
            return self.path()
        kind = r.randrange(7)
        if kind == 0:
            return (
                "("
                + self.value(depth - 1)
                + r.choice([" + ", " - ", " * ", " / ", " % "])
                + self.value(depth - 1)
                + ")"
            )
        if kind == 1:
            return "(" + self.path() + r.choice([" + ", " - ", " * ", " / ", " % "]) + self.literal() + ")"
        if kind == 2:
            return r.choice(["size(", "int(", "double(", "string("]) + self.path() + ")"
        if kind == 3:
            return self.path() + f"[{r.choice([0, 1, 2, 9])}]"
        if kind == 4:
            return "[" + self.path() + ", " + self.literal() + "]"
        if kind == 5:
            return "(" + self.truth(depth - 1) + " ? " + self.path() + " : " + self.path() + ")"
        return "-" + self.path()

    def path(self) -> Pair:
        r = self.random
        root = r.choice(["event.properties", "event.properties", "customer", "start.properties", *self.variables * 3])
        if root in self.variables:
            result = Pair(root, root)
            names = r.choice([0, 0, 1])
        else:
            if r.random() < 0.05:
                return Pair("event.name", "event.name")
            result, names = Pair(root, root), r.choice([1, 1, 1, 2, 3])
        for _ in range(names):
            name = r.choice(NAMES)
            read = (
                f"{result.ours}.{name}"
                if name.isascii() and " " not in name and r.random() < 0.9
                else f"{result.ours}[{quoted(name)}]"
            )
            o = result.theirs
            known = "" if o in ("event.properties", "customer", "start.properties") else f"type({o}) == map && "
            result = Pair(read, f"({known}{quoted(name)} in {o} ? {o}[{quoted(name)}] : dyn(null))")
        return result

    def literal(self) -> Pair:
        r = self.random
        value: Any = r.choice([
            lambda: r.choice(INTS), lambda: r.choice(FLOATS[:12]), lambda: r.choice(STRINGS), lambda: None,
            lambda: r.random() < 0.5, lambda: r.randrange(-3, 60),
        ])()  # fmt: skip
        self.near.append(value)
        words = {None: "null", True: "true", False: "false"}
        text = quoted(value) if isinstance(value, str) else repr(value)
        text = words[value] if value is None or isinstance(value, bool) else text
        return Pair(text, text)

    def _neighbour(self) -> Any:
        value = self.random.choice(self.near)
        if type(value) in (int, float) and self.random.random() < 0.3 and abs(value) < 2**53:
            return value + self.random.choice((-1, 1, -0.5))
        return value

    def json(self, depth: int = 2) -> Any:
        r = self.random
        if self.near and r.random() < 0.3:
            return self._neighbour()
        kind = r.randrange(9 if depth else 6)
        if kind < 6:
            return [lambda: r.choice(INTS), lambda: r.choice(FLOATS), lambda: r.choice(STRINGS), lambda: None,
                    lambda: r.random() < 0.5,
                    lambda: r.randrange(-3, 60)][kind]()  # fmt: skip
        if kind == 6:
            return [self.json(depth - 1) for _ in range(r.randrange(4))]
        return self.fields(depth - 1)

    def fields(self, depth: int = 2) -> dict[str, Any]:
        return {name: self.json(depth) for name in NAMES if self.random.random() < 0.6 and name != "zz"}

    def context(self) -> dict[str, Any]:
        return {
            "event": self._scope(), "start": self._scope(), "customer": self.fields(), "now":
            self.random.randrange(0, 2_000_000_000_000),
        }  # fmt: skip

    def _scope(self) -> EventScope:
        r = self.random
        return EventScope(
            name=r.choice(STRINGS),
            id=r.choice(STRINGS),
            occurred_at_ms=r.randrange(0, 2_000_000_000_000),
            properties=self.fields(),
        )


def activation(context: dict[str, Any]) -> dict[str, Any]:
    """The context as the library takes it."""
    values: dict[str, Any] = {"customer": context["customer"], "now": _datetime(context["now"])}
    for root in ("event", "start"):
        scope = context[root]
        values |= {
            f"{root}.name": scope.name,
            f"{root}.id": scope.id,
            f"{root}.occurred_at": _datetime(scope.occurred_at_ms),
        }
        values[f"{root}.properties"] = scope.properties
    return values


def _datetime(ms: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
