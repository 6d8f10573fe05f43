"""Reads a YAML tree by words: every map says which words it knows, everything else is refused with its place.

``Reader`` collects problems instead of stopping at the first, so that a campaign is mended in one go.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from sendwhen.campaigns.durations import DURATION_LIMIT_MS, MONTHS_LIMIT, duration_ms, duration_text, months_and_rest
from sendwhen.campaigns.language import MapWords
from sendwhen.campaigns.problem import Flaw, listed, nearest, shortened
from sendwhen.campaigns.slips import meant_duration, meant_word
from sendwhen.domain.span import Span

T = TypeVar("T")
_WHOLE = re.compile(r"-?[0-9]{1,12}\Z")
_PLAIN_WORD = re.compile(r"[\w -]+\Z")
_PERCENT = re.compile(r"([0-9]{1,3}) ?%?\Z")
_LATER = """
fresh webhook window schedule audience tests provider
"""
LATER_WORDS = frozenset(_LATER.split())
"""Words of the language to come, so that their refusal can say so."""
LIST_LIMIT = 50
"""Entries of any list of a campaign."""


@dataclass(slots=True)
class Reader:
    """Walks a document and notes what is wrong."""

    flaws: list[Flaw] = field(default_factory=list)

    def refuse(self, node: Node | int, problem: str, remedy: str) -> None:
        """Note a problem at a node or an offset."""
        self.flaws.append(Flaw(node if isinstance(node, int) else node.start_mark.index, problem, remedy))

    def map(self, node: Node, known: Sequence[str], *, required: Collection[str] = (), what: str) -> Mapping[str, Node]:
        """The entries of a map by word; unknown, repeated, missing and empty ones are noted."""
        if not isinstance(node, MappingNode):
            self.refuse(node, f"{what} must be a map, not {_kind(node)}", f"Write it with the words {listed(known)}.")
            return {}
        found: dict[str, Node] = {}
        for key, value in node.value[:LIST_LIMIT]:  # no map has so many words, so that it is refused anyway
            word = key.value if isinstance(key, ScalarNode) else ""
            if word not in known:
                self._unknown(key, word, known, what)
            elif word in found:
                self.refuse(key, f"'{word}' is written twice", "Keep one of them.")
            elif _empty(value):
                self.refuse(key, f"'{word}' has no value", "Write one, or leave the word out.")
                found[word] = value
            else:
                found[word] = value
        written = [key.value for key, _ in node.value[:LIST_LIMIT] if isinstance(key, ScalarNode)]
        meant = {meant_word(word, known) or nearest(word, known) for word in written}
        for word in required:
            if word not in found and word not in meant:
                self.refuse(node, f"{what} needs '{word}'", f"Add '{word}: …'.")
        return {word: value for word, value in found.items() if not _empty(value)}

    def words_of(self, node: Node, of: MapWords) -> Mapping[str, Node]:
        """The entries of a map of the language."""
        return self.map(node, of.known, required=of.required, what=of.what)

    def _unknown(self, key: Node, word: str, known: Sequence[str], what: str) -> None:
        there = f"{what} knows {listed(known, 'and')}."
        if not word:
            self.refuse(key, "A map's word must be plain text", f"Write one of {listed(known)}.")
        elif word in LATER_WORDS:
            self.refuse(key, f"'{word}' is not supported yet", f"Leave it out. {there}")
        elif close := meant_word(word, known) or nearest(word, known):
            self.refuse(key, f"'{shortened(word)}' is unknown", f"Write '{close}'.")
        elif not _PLAIN_WORD.match(word):
            # A condition between braces ends at the first comma or bracket.
            self.refuse(key, f"'{shortened(word)}' is no word", "Put the whole condition before it into quotes.")
        else:
            self.refuse(key, f"'{shortened(word)}' is unknown", f"Leave it out. {there}")

    def list(self, node: Node, what: str, example: str, *, limit: int = LIST_LIMIT) -> Sequence[Node]:
        """The entries of a list."""
        if not isinstance(node, SequenceNode):
            self.refuse(node, f"{what} must be a list, not {_kind(node)}", f"Write {example}.")
            return ()
        if len(node.value) > limit:
            self.refuse(node.value[limit], f"{what} has more than {limit} entries", "Leave some out.")
        return tuple(node.value[:limit])

    def text(self, node: Node | None, what: str, example: str) -> str | None:
        """A text; None (noted) for anything else."""
        if node is None:
            return None
        if isinstance(node, ScalarNode) and not _empty(node):
            return str(node.value)
        self.refuse(node, f"{what} must be a text, not {_kind(node)}", f"Write it as in {example}.")
        return None

    def choice(self, node: Node | None, what: str, choices: Mapping[str, T], default: T) -> T:
        """One of several words."""
        word = self.text(node, what, next(iter(choices)))
        if node is None or word is None:
            return default
        if word not in choices:
            self._wrong_choice(node, what, word, choices)
        return choices.get(word, default)

    def _wrong_choice(self, node: Node, what: str, word: str, choices: Collection[str]) -> None:
        close = nearest(word, choices)
        self.refuse(node, f"{what} cannot be '{shortened(word)}'", f"Write {close or listed(choices)}.")

    def duration(self, node: Node | None, what: str) -> int | None:
        """A length of time in milliseconds, over zero and at most 400 days."""
        text = self.text(node, what, "1h30m")
        if node is None or text is None:
            return None
        ms = duration_ms(text)
        if ms is None and months_and_rest(text)[0]:
            self.refuse(node, f"{what} cannot be in calendar months", "Write it in days, as in 30d.")
        elif ms is None:
            self.refuse(
                node,
                f"'{shortened(text)}' is no duration",
                f"Write {meant}."
                if (meant := meant_duration(text)) and not months_and_rest(meant)[0]
                else "Write numbers with the units d, h, m, s or ms, as in 30m or 1d12h.",
            )
        elif not 0 < ms <= DURATION_LIMIT_MS:
            self.refuse(
                node,
                f"{what} must be longer than 0 and at most {duration_text(DURATION_LIMIT_MS)}",
                "Write another duration.",
            )
            return None
        return ms

    def span(self, node: Node | None, what: str) -> Span | None:
        """A length of time that may have calendar months in front (``1mo``, ``1mo2d``): over zero, at most 400 days."""
        text = self.text(node, what, "30d")
        if node is None or text is None:
            return None
        months, rest = months_and_rest(text)
        if not months and duration_ms(text) is None and months_and_rest(meant := meant_duration(text))[0]:
            self.refuse(node, f"'{shortened(text)}' is no duration", f"Write {meant}.")
            return None
        if not months:
            ms = self.duration(node, what)
            return None if ms is None else Span(ms=ms)
        ms = duration_ms(rest) if rest else 0
        if ms is None or months > MONTHS_LIMIT or ms > DURATION_LIMIT_MS:
            self.refuse(
                node,
                f"'{shortened(text)}' is no duration of at most {MONTHS_LIMIT} months",
                "Write it as in 1mo or 1mo2d.",
            )
            return None
        return Span(ms=ms, months=months)

    def whole(self, node: Node | None, what: str, least: int, most: int) -> int | None:
        """A whole number within bounds, both inclusive."""
        text = self.text(node, what, str(max(least, 1)))
        if node is None or text is None:
            return None
        if not _WHOLE.match(text) or not least <= int(text) <= most:
            self.refuse(node, f"{what} must be a whole number from {least} to {most}", "Write another number.")
            return None
        return int(text)

    def positive(self, node: Node | None, what: str) -> float | None:
        """A number over zero."""
        text = self.text(node, what, "100")
        if node is None or text is None:
            return None
        if not re.fullmatch(r"[0-9]{1,15}(\.[0-9]{1,9})?", text) or not float(text):
            self.refuse(node, f"{what} cannot be '{shortened(text)}'", "Write a number over 0, as in 100 or 99.95.")
            return None
        return float(text)

    def truth(self, node: Node | None, what: str) -> bool:
        """``true`` or ``false``; false where it is left out."""
        return self.choice(node, what, {"true": True, "false": False}, default=False)

    def percent(self, node: Node | None, what: str) -> int | None:
        """A whole share in percent, from 1 to 99: ``10%``."""
        text = self.text(node, what, "10%")
        if node is None or text is None:
            return None
        match = _PERCENT.match(text)
        if match is None or not 1 <= int(match[1]) <= 99:
            self.refuse(node, f"{what} must be a whole number from 1% to 99%", "Write it as in 10%.")
            return None
        return int(match[1])

    def each(self, nodes: Sequence[Node], read: Callable[[Node], T | None]) -> tuple[T, ...]:
        """What could be read of a list's entries."""
        return tuple(value for value in map(read, nodes) if value is not None)


def _empty(node: Node) -> bool:
    return isinstance(node, ScalarNode) and node.style is None and node.value in ("", "~", "null", "Null", "NULL")


def _kind(node: Node) -> str:
    if isinstance(node, MappingNode):
        return "a map"
    return "a list" if isinstance(node, SequenceNode) else "nothing" if _empty(node) else f"'{shortened(node.value)}'"
