"""Templates: what is wrong with one, its name by content, and the email that it makes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import blake2b
from typing import Any

from inscriptis import get_text
from inscriptis.css_profiles import CSS_PROFILES
from inscriptis.html_properties import Display
from inscriptis.model.config import ParserConfig
from inscriptis.model.html_document_state import HtmlDocumentState
from inscriptis.model.html_element import HtmlElement
from inscriptis.model.tag import CustomHtmlTagHandlerMapping
from liquid import BoundTemplate
from liquid.exceptions import LiquidError, LiquidSyntaxError, LiquidValueError, ResourceLimitError

from sendwhen.campaigns.catalogue import Catalogue
from sendwhen.campaigns.liquid_environment import ROOTS, MissingValue, sandbox
from sendwhen.campaigns.liquid_shapes import template_flaws
from sendwhen.campaigns.liquid_work import RenderLimit
from sendwhen.campaigns.problem import Flaw, listed, nearest, place, shortened
from sendwhen.campaigns.root_events import RootEvents
from sendwhen.campaigns.template_slips import FILTERS, TAGS
from sendwhen.errors import Invalid

SUBJECT_LIMIT = 1_000
"""Characters of a rendered subject; a longer one is cut."""
PART_BYTES_LIMIT = 128 * 1024
"""Size of a part's source."""
_LIQUID = {"subject": sandbox(autoescape=False), "text": sandbox(autoescape=False), "html": sandbox(autoescape=True)}
_BRACES = re.compile(r"\{{9}")
_UNKNOWN_TAG = re.compile(r"unexpected tag '([^']*)'")
_WORD = re.compile(r"\w+")
_PATH_PART = re.compile(r"[^.\[\]]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """The parts of an email as Liquid; "" for a part that there is not. Subject, and text or HTML, there must be."""

    subject: str
    text: str = ""
    html: str = ""

    def parts(self) -> Iterator[tuple[str, str]]:
        """The parts that there are, by name."""
        for name, source in (("subject", self.subject), ("text", self.text), ("html", self.html)):
            if source:
                yield name, source


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """An email's content. There is always a text; ``html`` may be ""."""

    subject: str
    text: str
    html: str


class NotRendered(Invalid):
    """A limit was reached or a value is of the wrong kind, so that the email is skipped."""


def template_hash(template: Template) -> str:
    """The template's name by its content: 32 hexadecimal digits."""
    digest = blake2b(digest_size=16, person=b"sendwhen-tpl")
    for part in (template.subject, template.text, template.html):
        encoded = part.encode()
        digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return digest.hexdigest()


def check_part(part: str, source: str) -> list[Flaw]:
    """What is wrong with one part ("subject", "text" or "html")."""
    if len(source.encode()) > PART_BYTES_LIMIT:
        return [Flaw(0, f"The template is larger than {PART_BYTES_LIMIT // 1024} KB", "Make it smaller.")]
    if braces := _BRACES.search(source):
        # The lexer takes quadratic time over them.
        return [Flaw(braces.start(), "This is not Liquid (a row of opening braces)", "Write two of them at most.")]
    flaws: list[Flaw] = []
    if part == "subject" and "\n" in source.strip():
        flaws.append(Flaw(source.index("\n"), "A subject is one line", "Join the lines."))
    try:
        return flaws + _unknown_names(_parsed(part, source), _LIQUID[part].filters)
    except LiquidError as error:
        return [*flaws, _syntax(error)]
    except RecursionError:
        return [*flaws, Flaw(0, "The template is nested too deep", "Write it flatter.")]


def check_names(part: str, source: str, roots: RootEvents, catalogue: Catalogue) -> list[Flaw]:
    """What a part that ``check_part`` passed names that there is not; see ``template_flaws``."""
    return template_flaws(_parsed(part, source), source, roots, catalogue)


def _unknown_names(template: BoundTemplate, filters: Mapping[str, Any]) -> list[Flaw]:
    flaws: list[Flaw] = []
    names = template.analyze(include_partials=False)
    for name, spans in names.filters.items():
        if name not in filters:
            close = FILTERS.get(name.lower()) or nearest(name, filters)
            remedy = f"Write '{close}'." if close else "docs/campaigns.md lists the filters."
            flaws += [Flaw(span.index, f"There is no filter '{shortened(name)}'", remedy) for span in spans]
    for root, variables in names.globals.items():
        if root not in ROOTS:
            example = f"event.properties.{root} or customer.{root}"
            flaws += [
                Flaw(
                    v.span.index,
                    f"'{shortened(root)}' is not known here",
                    f"Write {example}; there are {listed(ROOTS)}.",
                )
                for v in variables
            ]
    return flaws


def _syntax(error: LiquidError) -> Flaw:
    offset = max(0, error.token.start_index) if error.token is not None else 0
    problem = shortened(str(error.message or error), 160)
    if match := _UNKNOWN_TAG.search(problem):
        if match[1] in ("include", "render"):
            return Flaw(offset, f"Templates cannot {match[1]} others", "Write the text out here.")
        meant = TAGS.get(match[1].lower(), "")
        remedy = f"Write '{meant}'." if meant else "docs/campaigns.md lists the tags."
        return Flaw(offset, f"There is no tag '{match[1]}'", remedy)
    return Flaw(offset, f"This is not Liquid ({problem})", "Correct it.")


@lru_cache(maxsize=512)
def _parsed(part: str, source: str) -> BoundTemplate:
    return _LIQUID[part].from_string(source)


def render(template: Template, context: Mapping[str, Any]) -> Rendered:
    """The email for a context: "event", "start" ({name, id, occurred_at_ms, properties}), "customer", and "now_ms".

    Where the trigger gives them: "steps" (events by name) and "trigger" ({value}).

    Raises:
        MissingValue: A property that is absent, or null, is printed without a default.
        NotRendered: A limit was reached, or a value is of the wrong kind. Neither quotes a value: both go to logs.
    """
    try:
        values = _values(context)
    except (TypeError, ValueError, ArithmeticError, LookupError, AttributeError, OSError) as error:
        raise NotRendered(
            f"The values of the decision cannot be used ({type(error).__name__}).",
            remedy="Report it: a decision holds instants and properties only.",
        ) from None
    parts = {part: _rendered(part, source, values) for part, source in template.parts()}
    html = parts.get("html", "")
    text = parts.get("text") or (_as_text(html) if html else "")
    return Rendered(subject=" ".join(parts.get("subject", "").split())[:SUBJECT_LIMIT], text=text, html=html)


def _as_text(html: str) -> str:
    return "\n".join(line.rstrip() for line in get_text(html, _AS_TEXT).strip().split("\n")) + "\n"


def _after_cell(state: HtmlDocumentState) -> None:
    state.tags[-1].write(" ")


def _text_config() -> ParserConfig:
    """A row of a table is a line; the cells are not set below one another, which takes rows times their widest."""
    table = HtmlElement(display=Display.block, margin_before=1)
    return ParserConfig(
        css=CSS_PROFILES["strict"] | {"table": table, "tr": HtmlElement(display=Display.block)},
        display_links=True,
        custom_html_tag_handler_mapping=CustomHtmlTagHandlerMapping(
            start_tag_mapping=dict.fromkeys(("table", "tr", "td", "th")),
            end_tag_mapping={"table": None, "td": _after_cell, "th": _after_cell},
        ),
    )


_AS_TEXT = _text_config()


def _rendered(part: str, source: str, values: Mapping[str, Any]) -> str:
    # Raised from None: Liquid's own messages quote values.
    try:
        return str(_parsed(part, source).render(**values))
    except MissingValue as error:
        raise MissingValue.at(_as_written(error.path, source)) from None
    except (LiquidError, TypeError, ValueError, ArithmeticError, LookupError, RecursionError) as error:
        if isinstance(error, LiquidSyntaxError) and not isinstance(error, LiquidValueError):
            raise NotRendered(
                f"The template's {part} is not Liquid ({error.message}).",
                remedy="Check the campaign before putting it.",
            ) from None
        raise NotRendered(
            f"The template's {part} could not be rendered ({_reason(error, source)}).",
            remedy="Mend the template, or the values.",
        ) from None


def _as_written(path: str, source: str) -> str:
    """As much of a path as the template itself says; what follows in ``event.properties[customer.best]`` is a value."""
    written = set(_WORD.findall(source))
    for part in _PATH_PART.finditer(path):
        if not written.issuperset(_WORD.findall(part[0])):
            return path[: part.start()] + "…"
    return path


def _reason(error: Exception, source: str) -> str:
    bound = isinstance(error, RenderLimit | ResourceLimitError)
    what = str(error.args[0]) if bound and error.args else "a filter or a tag cannot use the value it is given"
    token = error.token if isinstance(error, LiquidError) else None
    if token is None or token.start_index < 0:
        return what
    line, column = place(source, token.start_index)
    return f"{what}, line {line}, column {column}"


def _values(context: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {"customer": _without_nulls(dict(context.get("customer") or {}))}
    for root in ("event", "start"):
        if scope := context.get(root):
            values[root] = _event(scope)
    values["steps"] = {name: _event(scope) for name, scope in (context.get("steps") or {}).items()}
    values["trigger"] = dict(context.get("trigger") or {})
    if context.get("now_ms") is not None:
        values["now"] = _iso(context["now_ms"])
    return values


def _event(scope: Mapping[str, Any]) -> dict[str, Any]:
    event: dict[str, Any] = _without_nulls(
        {"name": scope.get("name"), "id": scope.get("id"), "properties": scope.get("properties") or {}}
    )
    event["occurred_at"] = _iso(scope.get("occurred_at_ms", 0))
    return event


def _iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _without_nulls(value: Any) -> Any:
    """Null is absent, in templates as in conditions."""
    if isinstance(value, dict):
        return {name: _without_nulls(inner) for name, inner in value.items() if inner is not None}
    return [_without_nulls(inner) for inner in value] if isinstance(value, list) else value
