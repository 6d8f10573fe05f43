"""What is wrong with a campaign, where, and what to write instead."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Problem:
    """One thing that is wrong, or (a warning) may not be what was meant.

    Attributes:
        file: Name within the campaign's folder.
        line: From 1; 0 where no line can be named.
        column: From 1, in characters; 0 where no column can be named.
        problem: What is wrong; a sentence without its full stop.
        remedy: What to write instead; a sentence with its full stop.
        warning: The campaign is accepted all the same.
    """

    file: str
    line: int = 0
    column: int = 0
    problem: str
    remedy: str
    warning: bool = False

    def __str__(self) -> str:
        mark = "warning: " if self.warning else ""
        return f"{self.file}:{self.line}:{self.column}: {mark}{self.problem}. {self.remedy}"


@dataclass(frozen=True, slots=True)
class Flaw:
    """A problem within a text that does not know its file: an offset in characters instead of a place."""

    offset: int
    problem: str
    remedy: str
    warning: bool = False


def place(text: str, offset: int) -> tuple[int, int]:
    """Line and column, both from 1, of an offset in a text."""
    before = text[: max(0, offset)]
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word that was probably meant, or ""."""
    names: dict[str, str] = {}
    for name in known:
        names.setdefault(name.lower(), name)
    close = get_close_matches(word[:64].lower(), names, n=1, cutoff=0.6)
    return names[close[0]] if close else ""


def listed(words: Iterable[str], last: str = "or") -> str:
    """Words for a sentence: "a, b or c"; there must be one at least."""
    names = list(words)
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + f" {last} " + names[-1]


def shortened(text: str, limit: int = 40) -> str:
    """A text for a message: one line, printable, not longer than the limit."""
    printable = "".join(c if c.isprintable() else "?" for c in text)
    return printable if len(printable) <= limit else printable[: limit - 1] + "…"
