"""The Liquid that templates may use: no files, no clock, and a bound on everything.

python-liquid bounds loops, output and nesting; what one filter alone could make of its arguments (``replace`` of
nothing, a
range of a billion, ever longer numbers) is bounded here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import wraps
from typing import Any, TextIO

from liquid import Environment, Mode, RenderContext, Undefined
from liquid.builtin.output import Output, OutputNode
from liquid.exceptions import LiquidError
from liquid.stringify import to_liquid_string

from sendwhen.errors import Invalid

LOOP_LIMIT = 10_000
"""Iterations of all loops of a template."""
OUTPUT_BYTES_LIMIT = 512 * 1024
"""Size of a rendered part."""
NAMESPACE_BYTES_LIMIT = 512 * 1024
"""Size of what a template assigns and captures."""
NESTING_LIMIT = 20
"""Blocks within blocks."""
VALUE_LIMIT = 256 * 1024
"""Characters of a text that a filter makes."""
ELEMENTS_LIMIT = 10_000
"""Elements of a list that a filter takes or makes."""
NUMBER_LIMIT = 1e18
"""Numbers that a filter makes stay below it."""
ROOTS = ("event", "start", "steps", "trigger", "customer", "now")
_REFUSED_TAGS = ("include", "render")
# The last two take a list for text that is escaped already.
_REFUSED_FILTERS = ("safe", "escapejs", "replace_last", "remove_last")
_DIRECTIVES = re.compile(r"(?:[^%]|%[-_0^]?[aAbBcdDeFHIjklmMnpRStTuUvwWxXyYZz%])*\Z")
_REPLACERS = ("replace", "replace_first")


class MissingValue(Invalid):
    """A template prints a property that there is not; the email is skipped.

    Attributes:
        path: What was printed, such as event.properties.first_name.
    """

    def __init__(self, problem: str, *, remedy: str = "", path: str = "") -> None:
        super().__init__(problem, remedy=remedy)
        self.path = path

    @classmethod
    def at(cls, path: str) -> MissingValue:
        """The error for a path."""
        return cls(
            f"The template prints {path}, which is absent.",
            remedy='Give it a default: {{ … | default: "…" }}.',
            path=path,
        )

    def _more(self) -> dict[str, object]:
        return {"path": self.path}


class RenderLimit(LiquidError):
    """A filter was asked for more than this environment gives. Says what, never of which value."""


class Missing(Undefined):
    """A property that is absent: false in a condition, takes a default, and refuses to be printed."""

    __slots__ = ()

    @property
    def path(self) -> str:
        """Where it was looked for."""
        return (self.hint or self.name).removesuffix(" is undefined").replace("'", "")

    def __str__(self) -> str:
        raise MissingValue.at(self.path)

    def __int__(self) -> int:
        raise MissingValue.at(self.path)


class PlainOutput(OutputNode):
    """Prints text, numbers and lists of them; a whole object would come out as program text."""

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        """Print the value of the expression."""
        value = self.expression.evaluate(context)
        inner = value if isinstance(value, list) else [value]
        if any(isinstance(each, Mapping) and not isinstance(each, Undefined) for each in inner):
            raise RenderLimit("it prints a whole object; name one of its properties", token=self.token)
        return buffer.write(to_liquid_string(value, context.autoescape))


class PlainOutputTag(Output):
    """``{{ … }}``."""

    node_class = PlainOutput


class SandboxEnvironment(Environment):
    """Liquid within bounds."""

    block_nesting_limit = NESTING_LIMIT
    context_depth_limit = NESTING_LIMIT + 10
    loop_iteration_limit = LOOP_LIMIT
    local_namespace_limit = NAMESPACE_BYTES_LIMIT
    output_stream_limit = OUTPUT_BYTES_LIMIT


def sandbox(*, autoescape: bool) -> Environment:
    """An environment; HTML wants ``autoescape``. Shared: parsing and rendering leave it as it is."""
    environment = SandboxEnvironment(
        tolerance=Mode.STRICT, undefined=Missing, strict_filters=True, autoescape=autoescape
    )
    environment.add_tag(PlainOutputTag)
    for tag in _REFUSED_TAGS:
        environment.tags.pop(tag)
    for name in _REFUSED_FILTERS:
        environment.filters.pop(name, None)
    environment.filters["date"] = _date
    for name, function in list(environment.filters.items()):
        environment.filters[name] = _bounded(name, function)
    return environment


def _bounded(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def bounded(value: Any, *arguments: Any, **named: Any) -> Any:
        if name != "default":
            for each in (value, *arguments):
                if isinstance(each, Missing):
                    raise MissingValue.at(each.path)
        _check_size(value)
        if name in _REPLACERS and arguments:
            _check_replacement(str(value), str(arguments[0]), str(arguments[1]) if len(arguments) > 1 else "")
        result = function(value, *arguments, **named)
        _check_size(result)
        return result

    return bounded


def _check_size(value: Any) -> None:
    if isinstance(value, str) and len(value) > VALUE_LIMIT:
        raise RenderLimit(f"a text of more than {VALUE_LIMIT} characters", token=None)
    if isinstance(value, (list, tuple, range)) and len(value) > ELEMENTS_LIMIT:
        raise RenderLimit(f"a list of more than {ELEMENTS_LIMIT} elements", token=None)
    if not isinstance(value, (str, list, tuple, range, Mapping)) and not isinstance(value, bool):
        try:
            large = abs(value) > NUMBER_LIMIT
        except TypeError:  # no number
            return
        if large:
            raise RenderLimit("a number beyond 10 to the 18th", token=None)


def _check_replacement(value: str, old: str, new: str) -> None:
    if len(value) + value.count(old) * len(new) > VALUE_LIMIT:
        raise RenderLimit(f"a text of more than {VALUE_LIMIT} characters", token=None)


def _date(value: Any, pattern: str = "%Y-%m-%d") -> str:
    """``date``, without the clock behind "now": of ISO 8601 text or of seconds since 1970."""
    if len(pattern) > 100 or not _DIRECTIVES.match(str(pattern)):
        raise RenderLimit("date takes the directives of docs/campaigns.md", token=None)
    moment = _moment(value)
    if moment is None:
        raise RenderLimit("date takes ISO 8601 text or seconds since 1970", token=None)
    return moment.strftime(str(pattern))


def _moment(value: Any) -> datetime | None:
    try:
        if isinstance(value, str):
            moment = datetime.fromisoformat(value)
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):  # no date of this calendar
        return None
    return None
