"""The Liquid that templates may use: no files, no clock, and a bound on everything.

python-liquid bounds nested loops, output and nesting; ``liquid_work`` bounds the work of all; what one filter alone
could make of its arguments (``replace`` of nothing, a range of a billion, ever longer numbers) is bounded here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import wraps
from typing import Any, TextIO

from liquid import Environment, Mode, RenderContext, Undefined
from liquid.builtin.output import Output, OutputNode
from liquid.stringify import to_liquid_string

from sendwhen.campaigns.liquid_work import VALUE_LIMIT, RenderLimit, SizedTemplate, WorkContext, check_characters
from sendwhen.errors import Invalid

LOOP_LIMIT = 10_000
"""Iterations of a loop, times those of the loops around it."""
OUTPUT_BYTES_LIMIT = 512 * 1024
"""Size of a rendered part."""
NAMESPACE_BYTES_LIMIT = 512 * 1024
"""Size of what a template assigns and captures."""
NESTING_LIMIT = 20
"""Blocks within blocks."""
ELEMENTS_LIMIT = 10_000
"""Elements of a list that a filter takes or makes."""
NUMBER_LIMIT = 1e18
"""Numbers that a filter makes stay below it."""
DIGITS_LIMIT = 100
"""Characters of a text that a filter takes for a number: reading one takes quadratic time."""
ROOTS = ("event", "start", "steps", "trigger", "customer", "now")
_REFUSED_TAGS = ("include", "render")
# The last two take a list for text that is escaped already.
_REFUSED_FILTERS = ("safe", "escapejs", "replace_last", "remove_last")
_DIRECTIVES = re.compile(r"(?:[^%]|%[-_0^]?[aAbBcdDeFHIjklmMnpRStTuUvwWxXyYZz%])*\Z")
_REPLACERS = ("replace", "replace_first")
_OF_NUMBERS = (
    "abs", "at_least", "at_most", "ceil", "divided_by", "floor", "minus", "modulo", "plus", "round", "sum", "times",
)  # fmt: skip


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
        check_characters(value)
        if any(isinstance(each, Mapping) and not isinstance(each, Undefined) for each in inner):
            raise RenderLimit("it prints a whole object; name one of its properties", token=self.token)
        return buffer.write(to_liquid_string(value, context.autoescape))


class PlainOutputTag(Output):
    """``{{ … }}``."""

    node_class = PlainOutput


class SandboxEnvironment(Environment):
    """Liquid within bounds."""

    template_class = SizedTemplate
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
    takes_context = getattr(function, "with_context", False)

    @wraps(function)
    def bounded(value: Any, *arguments: Any, context: WorkContext, **named: Any) -> Any:
        if name != "default":
            for each in (value, *arguments):
                if isinstance(each, Missing):
                    raise MissingValue.at(each.path)
        for each in (value, *arguments):
            _check_size(each)
            if name in _OF_NUMBERS and isinstance(each, str) and len(each) > DIGITS_LIMIT:
                raise RenderLimit(f"a number of more than {DIGITS_LIMIT} characters", token=None)
        _check_result(name, value, arguments)
        context.spend_filter(name, value, *arguments)
        if takes_context:
            named["context"] = context
        result = function(value, *arguments, **named)
        _check_size(result)
        context.spend_filter("", result)
        return result

    bounded.with_context = True  # type: ignore[attr-defined]  # python-liquid reads it
    return bounded


def _check_size(value: Any) -> None:
    if isinstance(value, str) and len(value) > VALUE_LIMIT:
        raise RenderLimit(f"a text of more than {VALUE_LIMIT} characters", token=None)
    if isinstance(value, (list, tuple, range)) and len(value) > ELEMENTS_LIMIT:
        raise RenderLimit(f"a list of more than {ELEMENTS_LIMIT} elements", token=None)
    check_characters(value)
    if not isinstance(value, (str, list, tuple, range, Mapping)) and not isinstance(value, bool):
        try:
            large = abs(value) > NUMBER_LIMIT
        except TypeError:  # no number
            return
        if large:
            raise RenderLimit("a number beyond 10 to the 18th", token=None)


def _check_result(name: str, value: Any, arguments: tuple[Any, ...]) -> None:
    """Refuse what would become too large while it is made."""
    first, second = (str(each) for each in (*arguments, "", "")[:2])
    size = 0
    if name in _REPLACERS and arguments:
        size = len(str(value)) + str(value).count(first) * len(second)
    elif name == "join" and isinstance(value, (str, list, tuple, range)):
        size = len(value) * len(first)
    if size > VALUE_LIMIT:
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
