"""MJML to HTML with Liquid inside, when a campaign is loaded; nothing is fetched, and no file is included.

To the compiler (mrml, by mjml-python) Liquid is text that it would escape, drop or break. So each piece of Liquid is
replaced by a word before and put back after. Where Liquid stands between elements, as an ``if`` around a section, the
word is wrapped into ``mj-raw``, which is MJML's way to say: leave it where it is. The compiler passes over what it does
not know; here that is refused, with its place.
"""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from html.parser import HTMLParser

from sendwhen.campaigns.mjml_words import ATTRIBUTES, CONTENT, INSIDE, WITHOUT_RAW
from sendwhen.campaigns.problem import Flaw, listed, nearest, shortened

STACK_BYTES = 512 * 1024 * 1024
"""Room for the deepest nesting that a part's source can hold; what is not used takes no memory."""
_LIQUID = re.compile(
    r"\{%-?\s*(?:raw|comment|doc)\s*-?%\}.*?\{%-?\s*end(?:raw|comment|doc)\s*-?%\}|\{\{.*?\}\}|\{%.*?%\}", re.DOTALL
)
_TAG = re.compile(r"\{%-?\s*(\w+)")
_BLOCKS = ("if", "unless", "case", "for", "tablerow", "capture", "ifchanged")
_ALL = tuple(dict.fromkeys(name for names in INSIDE.values() for name in names))


def compile_mjml(source: str) -> tuple[str, list[Flaw]]:
    """The HTML, with the Liquid of the source in it ("" where there is an error), and what is wrong or doubtful."""
    prefix = "lq"
    while prefix in source:
        prefix += "z"
    pattern = re.compile(prefix + r"(\d+)x")
    pieces: list[str] = []
    offsets: list[tuple[int, int]] = [(0, 0)]
    plain: list[str] = []
    end = length = 0
    for match in _LIQUID.finditer(source):
        word = f"{prefix}{len(pieces)}x"
        pieces.append(match[0])
        plain += [source[end : match.start()], word]
        length += match.start() - end + len(word)
        end = match.end()
        offsets.append((length, end))
    plain.append(source[end:])
    scan = _Scan("".join(plain), pattern)
    scan.check_blocks(pieces)
    flaws = [replace(flaw, offset=_back(offsets, flaw.offset)) for flaw in scan.flaws]
    if any(not flaw.warning for flaw in flaws):
        return "", flaws
    try:
        html = _compiled(scan.wrapped())
    except ValueError as error:
        return "", [*flaws, Flaw(0, f"This is not MJML ({shortened(str(error), 120)})", "Correct it.")]
    return pattern.sub(lambda word: pieces[int(word[1])], html), flaws


def _compiled(source: str) -> str:
    # Only who checks campaigns needs the compiler; whoever renders them does without.
    from mjml import mjml2html

    # The compiler calls itself for each element within another, and a stack that is full ends the process.
    with ThreadPoolExecutor(1) as pool:
        before = threading.stack_size(STACK_BYTES)
        try:
            compiled = pool.submit(mjml2html, source, fonts={})
        finally:
            threading.stack_size(before)
        return str(compiled.result())


def _back(offsets: list[tuple[int, int]], offset: int) -> int:
    """The place in the source of a place in the text with words instead of Liquid."""
    at, original = max(pair for pair in offsets if pair[0] <= offset)
    return original + offset - at


@dataclass(slots=True)
class _Open:
    name: str
    offset: int
    number: int


class _Scan(HTMLParser):
    """Looks at the elements of MJML, and finds Liquid between them."""

    def __init__(self, text: str, word: re.Pattern[str]) -> None:
        super().__init__(convert_charrefs=False)
        self.flaws: list[Flaw] = []
        self._text = text
        self._word = word
        self._lines = [0, *(match.end() for match in re.finditer("\n", text))]
        self._open: list[_Open] = []
        self._between: list[tuple[int, int]] = []
        self._homes: dict[int, tuple[int, int]] = {}
        self._count = 0
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

    def check_blocks(self, pieces: list[str]) -> None:
        """A block of Liquid begins and ends within one element, or stands around whole ones."""
        open_blocks: list[tuple[str, int, int]] = []
        for number, piece in enumerate(pieces):
            match = _TAG.match(piece)
            if match is None or number not in self._homes:
                continue
            home, offset = self._homes[number]
            if match[1] in _BLOCKS:
                open_blocks.append((match[1], home, offset))
            elif match[1].startswith("end") and open_blocks:
                name, other, begin = open_blocks.pop()
                if home != other:
                    remedy = "Begin and end it within one element, or around whole elements."
                    self._note(begin, f"This '{name}' ends in another element than it begins in", remedy)

    def _settle(self, text: str, home: int, offset: int) -> None:
        """Note where pieces of Liquid are at home."""
        for word in self._word.finditer(text):
            self._homes[int(word[1])] = (home, offset + word.start())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element begins."""
        if self._structural():
            self._know(tag, attrs)
            self._count += 1
            self._open.append(_Open(tag, self._offset(), self._count))
        self._settle(self.get_starttag_text() or "", -self._offset() - 1, self._offset())

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element without content."""
        if self._structural():
            self._know(tag, attrs)
        self._settle(self.get_starttag_text() or "", -self._offset() - 1, self._offset())

    def handle_endtag(self, tag: str) -> None:
        """An element ends."""
        if self._open and self._open[-1].name == tag:
            self._open.pop()
        elif self._structural() and not self.flaws:
            expected = f"Write </{self._open[-1].name}> first." if self._open else "Remove it."
            self._note(self._offset(), f"</{shortened(tag)}> closes nothing that is open here", expected)

    def handle_data(self, data: str) -> None:
        """Text: between elements only Liquid may stand."""
        start = self._offset()
        self._settle(data, self._open[-1].number if self._open else 0, start)
        if not self._structural() or not data.strip():
            return
        rest = self._word.sub(lambda word: " " * len(word[0]), data)
        if rest.strip():
            at = start + len(rest) - len(rest.lstrip())
            self._note(at, "Text stands between elements, where nobody would see it", "Put it into <mj-text>.")
        elif self._open and self._open[-1].name not in WITHOUT_RAW:
            self._between += [(start + word.start(), start + word.end()) for word in self._word.finditer(data)]
        else:
            where = f"in <{self._open[-1].name}>" if self._open else "outside <mjml>"
            first = next(self._word.finditer(data))
            remedy = "Put it into an element that is inside, or around the whole."
            self._note(start + first.start(), f"Liquid cannot stand {where}", remedy)

    def handle_decl(self, decl: str) -> None:  # noqa: ARG002  HTMLParser's own
        """No document type: it could define entities."""
        self._note(self._offset(), "MJML has no document type", "Remove <!…>.")

    def _know(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        parent = self._open[-1].name if self._open else ""
        self._roots += tag == "mjml"
        inside = INSIDE.get(parent)
        if tag == "mj-social-element" and parent != "mj-attributes" and "src" not in dict(attrs):
            remedy = 'Give it an icon of your own: src="https://…".'
            self._note(self._offset(), "The icon of <mj-social-element> comes from mailjet.com", remedy, warning=True)
        for name, _ in attrs:
            self._attribute(tag, name)
        # mj-attributes and mj-html-attributes hold the names of others.
        if inside is not None and tag not in inside:
            self._unknown(tag, parent, inside)

    def _attribute(self, tag: str, name: str) -> None:
        """The compiler passes over attributes that it does not know, and colour stays what it was."""
        if name in ATTRIBUTES or self._word.search(name):
            return
        source = self.get_starttag_text() or ""
        offset = self._offset() + max(0, source.lower().find(name, len(tag)))
        close = nearest(name, ATTRIBUTES)
        remedy = f"Write {close}." if close else "Remove it."
        self._note(offset, f"MJML knows no attribute '{shortened(name)}'", remedy, warning=True)

    def _unknown(self, tag: str, parent: str, inside: tuple[str, ...]) -> None:
        at = self._offset()
        if tag == "mj-include":
            self._note(at, "MJML cannot include other files", "Write the content out here.")
        elif tag in _ALL:
            homes = [f"<{name}>" for name, names in INSIDE.items() if tag in names and name]
            where = f"<{parent}>" if parent else "a file"
            remedy = f"Put it into {listed(homes)}." if homes else "Write it once, around everything."
            self._note(at, f"<{tag}> does not stand in {where}", remedy)
        else:
            close = nearest(tag, _ALL)
            remedy = f"Write <{close}>." if close else f"Here may stand {listed([f'<{name}>' for name in inside])}."
            self._note(at, f"There is no element <{shortened(tag)}> in MJML", remedy)

    def _structural(self) -> bool:
        return not self._open or self._open[-1].name not in CONTENT

    def _offset(self) -> int:
        line, column = self.getpos()
        return self._lines[line - 1] + column

    def _note(self, offset: int, problem: str, remedy: str, *, warning: bool = False) -> None:
        if len(self.flaws) < _FLAWS_LIMIT:
            self.flaws.append(Flaw(offset, problem, remedy, warning))


_FLAWS_LIMIT = 10
