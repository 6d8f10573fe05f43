"""MJML to HTML with Liquid inside, when a campaign is loaded; nothing is fetched, and no file is included.

To the compiler (mrml, by mjml-python) Liquid is text that it would escape, drop or break. So each piece of Liquid is
replaced by a word before and put back after. Where Liquid stands between elements, as an ``if`` around a section, the
word is wrapped into ``mj-raw``, which is MJML's way to say: leave it where it is. The compiler passes over what it does
not know; here that is refused, with its place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from html.parser import HTMLParser

from sendwhen.campaigns.problem import Flaw, listed, nearest, shortened

_LIQUID = re.compile(
    r"\{%-?\s*(?:raw|comment|doc)\s*-?%\}.*?\{%-?\s*end(?:raw|comment|doc)\s*-?%\}|\{\{.*?\}\}|\{%.*?%\}", re.DOTALL
)
_WORD = re.compile(r"lq(\d+)x")
_CONTENT = [
    "mj-text",
    "mj-button",
    "mj-table",
    "mj-raw",
    "mj-style",
    "mj-title",
    "mj-preview",
    "mj-navbar-link",
    "mj-social-element",
    "mj-accordion-title",
    "mj-accordion-text",
]
"""Elements with HTML or text inside, which is left alone."""
_IN_COLUMN = [
    "mj-text",
    "mj-button",
    "mj-image",
    "mj-table",
    "mj-divider",
    "mj-spacer",
    "mj-social",
    "mj-navbar",
    "mj-accordion",
    "mj-carousel",
    "mj-raw",
]
_INSIDE: Mapping[str, tuple[str, ...]] = {
    "": ("mjml",),
    "mjml": ("mj-head", "mj-body"),
    "mj-head": (
        "mj-attributes", "mj-breakpoint", "mj-font", "mj-html-attributes", "mj-preview", "mj-raw", "mj-style",
        "mj-title",
    ),
    "mj-body": ("mj-section", "mj-wrapper", "mj-hero", "mj-raw"),
    "mj-wrapper": ("mj-section", "mj-hero", "mj-raw"),
    "mj-section": ("mj-column", "mj-group", "mj-raw"),
    "mj-group": ("mj-column", "mj-raw"),
    "mj-column": tuple(_IN_COLUMN),
    "mj-hero": tuple(_IN_COLUMN),
    "mj-social": ("mj-social-element", "mj-raw"),
    "mj-navbar": ("mj-navbar-link", "mj-raw"),
    "mj-accordion": ("mj-accordion-element", "mj-raw"),
    "mj-accordion-element": ("mj-accordion-title", "mj-accordion-text"),
    "mj-carousel": ("mj-carousel-image",),
}  # fmt: skip
"""Elements by the element that they may stand in."""
_ALL = tuple(dict.fromkeys(name for names in _INSIDE.values() for name in names))


def compile_mjml(source: str) -> tuple[str, list[Flaw]]:
    """The HTML, with the Liquid of the source in it; or what is wrong."""
    pieces: list[str] = []
    offsets: list[tuple[int, int]] = [(0, 0)]
    plain: list[str] = []
    end = length = 0
    for match in _LIQUID.finditer(source):
        word = f"lq{len(pieces)}x"
        pieces.append(match[0])
        plain += [source[end : match.start()], word]
        length += match.start() - end + len(word)
        end = match.end()
        offsets.append((length, end))
    plain.append(source[end:])
    scan = _Scan("".join(plain))
    flaws = [Flaw(_back(offsets, flaw.offset), flaw.problem, flaw.remedy) for flaw in scan.flaws]
    if flaws:
        return "", flaws
    # Only who checks campaigns needs the compiler; whoever renders them does without.
    from mjml import mjml2html

    try:
        html = mjml2html(scan.wrapped(), fonts={})
    except ValueError as error:
        return "", [Flaw(0, f"This is not MJML ({shortened(str(error), 120)})", "Correct it.")]
    return _WORD.sub(lambda word: pieces[int(word[1])], html), []


def _back(offsets: list[tuple[int, int]], offset: int) -> int:
    """The place in the source of a place in the text with words instead of Liquid."""
    at, original = max(pair for pair in offsets if pair[0] <= offset)
    return original + offset - at


@dataclass(slots=True)
class _Open:
    name: str
    offset: int


class _Scan(HTMLParser):
    """Looks at the elements of MJML, and finds Liquid between them."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=False)
        self.flaws: list[Flaw] = []
        self._text = text
        self._lines = [0, *(match.end() for match in re.finditer("\n", text))]
        self._open: list[_Open] = []
        self._between: list[tuple[int, int]] = []
        self._roots = 0
        self.feed(text)
        self.close()
        if self._open:
            last = self._open[-1]
            self._note(last.offset, f"<{last.name}> is not closed", f"Write </{last.name}> where it ends.")
        if not self._roots and not self.flaws:
            self._note(0, "There is no <mjml>", "Write <mjml><mj-body>…</mj-body></mjml>.")

    def wrapped(self) -> str:
        """The text with the words between elements wrapped into mj-raw."""
        parts: list[str] = []
        end = 0
        for start, stop in self._between:
            parts += [self._text[end:start], "<mj-raw>", self._text[start:stop], "</mj-raw>"]
            end = stop
        return "".join([*parts, self._text[end:]])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002  HTMLParser's own
        """An element begins."""
        if not self._structural():
            return
        if self._known(tag):
            self._open.append(_Open(tag, self._offset()))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002  HTMLParser's own
        """An element without content."""
        if self._structural():
            self._known(tag)

    def handle_endtag(self, tag: str) -> None:
        """An element ends."""
        if self._open and self._open[-1].name == tag:
            self._open.pop()
        elif self._structural() and not self.flaws:
            expected = f"Write </{self._open[-1].name}> first." if self._open else "Remove it."
            self._note(self._offset(), f"</{shortened(tag)}> closes nothing that is open here", expected)

    def handle_data(self, data: str) -> None:
        """Text: between elements only Liquid may stand."""
        if not self._structural() or not data.strip():
            return
        start = self._offset()
        rest = _WORD.sub(lambda word: " " * len(word[0]), data)
        if rest.strip():
            at = start + len(rest) - len(rest.lstrip())
            self._note(at, "Text stands between elements, where nobody would see it", "Put it into <mj-text>.")
        elif self._open and self._open[-1].name not in _WITHOUT_RAW:
            self._between += [(start + word.start(), start + word.end()) for word in _WORD.finditer(data)]
        else:
            where = f"in <{self._open[-1].name}>" if self._open else "outside <mjml>"
            self._note(start, f"Liquid cannot stand {where}", "Put it into an element that is inside.")

    def handle_decl(self, decl: str) -> None:  # noqa: ARG002  HTMLParser's own
        """No document type: it could define entities."""
        self._note(self._offset(), "MJML has no document type", "Remove <!…>.")

    def _known(self, tag: str) -> bool:
        parent = self._open[-1].name if self._open else ""
        self._roots += tag == "mjml"
        inside = _INSIDE.get(parent)
        if inside is None:  # mj-attributes and mj-html-attributes hold the names of others
            return True
        if tag in inside:
            return True
        at = self._offset()
        if tag == "mj-include":
            self._note(at, "MJML cannot include other files", "Write the content out here.")
        elif tag in _ALL:
            homes = [name for name, names in _INSIDE.items() if tag in names]
            where = f"<{parent}>" if parent else "a file"
            self._note(at, f"<{tag}> does not stand in {where}", f"Put it into {listed([f'<{h}>' for h in homes])}.")
        else:
            close = nearest(tag, _ALL)
            remedy = f"Write <{close}>." if close else f"Here may stand {listed([f'<{name}>' for name in inside])}."
            self._note(at, f"There is no element <{shortened(tag)}> in MJML", remedy)
        return True

    def _structural(self) -> bool:
        return not self._open or self._open[-1].name not in _CONTENT

    def _offset(self) -> int:
        line, column = self.getpos()
        return self._lines[line - 1] + column

    def _note(self, offset: int, problem: str, remedy: str) -> None:
        if len(self.flaws) < _FLAWS_LIMIT:
            self.flaws.append(Flaw(offset, problem, remedy))


_FLAWS_LIMIT = 10
_WITHOUT_RAW = ("mjml", "mj-attributes", "mj-html-attributes", "mj-carousel", "mj-accordion-element")
