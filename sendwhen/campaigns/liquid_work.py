"""How much work a template may make: counted, not timed, so that one template and one customer always end the same.

python-liquid bounds what loops within one another multiply to, and never what loops one after another add up to, nor
what a filter costs. Here each iteration costs the nodes and expressions of the template, each look-up one and more for
a long value, and each filter what it reads and makes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from liquid import BoundTemplate, RenderContext
from liquid.ast import Node
from liquid.exceptions import LiquidError, LocalNamespaceLimitError
from liquid.expression import Expression
from liquid.undefined import UNDEFINED

WORK_LIMIT = 5_000_000
"""Units of work for a part of an email: a second or two at most."""
VALUE_LIMIT = 256 * 1024
"""Characters of a text, and of all the texts in a list, that a filter takes or makes."""
_CHARACTERS_PER_UNIT = 20
_COMPARED_PER_UNIT = 64


class RenderLimit(LiquidError):
    """A template asked for more than its environment gives. Says what, never of which value."""


class WorkContext(RenderContext):
    """What one rendering of a part has used."""

    __slots__ = ("held", "work")

    def __init__(self, template: BoundTemplate, **named: Any) -> None:
        super().__init__(template, **named)
        self.work = 0
        self.held = 0

    def spend(self, units: int) -> None:
        """Count units of work.

        Raises:
            RenderLimit: There are more than WORK_LIMIT.
        """
        self.work += units
        if self.work > WORK_LIMIT:
            raise RenderLimit("the template makes more work than one email may", token=None)

    def spend_filter(self, name: str, *values: Any) -> None:
        """Count what a filter reads and makes."""
        characters = elements = 0
        for value in values:
            if isinstance(value, str):
                characters += len(value)
            elif isinstance(value, (list, tuple, range)):
                elements += len(value)
                characters += _characters(value)
        units = 1 + elements + characters // _CHARACTERS_PER_UNIT
        if name == "strip_html":  # parses it
            units += characters
        elif name == "uniq":  # compares each with each
            units += elements * elements // _CHARACTERS_PER_UNIT
        self.spend(units)

    def get(self, path: list[object], *, token: Any, default: object = UNDEFINED) -> object:
        """The value at a path. A long one costs more: a condition may read all of it."""
        value = super().get(path, token=token, default=default)
        long = len(value) // _COMPARED_PER_UNIT if isinstance(value, (str, list, tuple)) else 0
        self.spend(1 + long)
        return value

    def assign(self, key: str, val: Any) -> None:
        """Keep a value by name; what is kept is summed as it changes, not again at each."""
        self.held += sys.getsizeof(val, 1) - (sys.getsizeof(self.locals[key], 1) if key in self.locals else 0)
        if self.held > (self.env.local_namespace_limit or 0):
            raise LocalNamespaceLimitError("local namespace limit reached", token=None)
        self.locals[key] = val

    @contextmanager
    def loop(self, namespace: Mapping[str, object], forloop: Any) -> Iterator[RenderContext]:
        """Loop, counting each iteration."""
        template = self.template
        forloop.it = self._counted(forloop.it, template.size if isinstance(template, SizedTemplate) else 1)
        with super().loop(namespace, forloop) as context:
            yield context

    def _counted(self, items: Iterator[object], units: int) -> Iterator[object]:
        for item in items:
            self.spend(units)
            yield item


class SizedTemplate(BoundTemplate):
    """A template that knows how many nodes and expressions it has, at least 1."""

    context_class = WorkContext

    def __init__(self, *positional: Any, **named: Any) -> None:
        super().__init__(*positional, **named)
        context = RenderContext(self)
        nodes: list[Node] = list(self.nodes)
        self.size = 1
        while nodes:
            node = nodes.pop()
            self.size += 1 + _count(node.expressions())
            nodes += node.children(context, include_partials=False)


def _count(expressions: Iterable[Expression]) -> int:
    rest = list(expressions)
    count = 0
    while rest:
        count += 1
        rest += rest.pop().children()
    return count


def check_characters(value: Any) -> None:
    """Refuse a list whose texts would come to more than VALUE_LIMIT if they were joined: it may hold one text often.

    Raises:
        RenderLimit: It is too large.
    """
    if isinstance(value, (list, tuple)) and _characters(value) > VALUE_LIMIT:
        raise RenderLimit(f"a list of more than {VALUE_LIMIT} characters", token=None)


def _characters(value: Any) -> int:
    """Characters of the texts in a list; counts no further than just beyond VALUE_LIMIT."""
    if isinstance(value, range):
        return 0
    rest = [value]
    total = 0
    while rest and total <= VALUE_LIMIT:
        each = rest.pop()
        if isinstance(each, str):
            total += len(each)
        elif isinstance(each, Mapping):
            total += 1
            rest += each.values()
        elif isinstance(each, (list, tuple)):
            total += 1
            rest += each
        else:
            total += 1
    return total
