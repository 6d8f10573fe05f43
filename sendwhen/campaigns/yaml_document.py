"""A YAML text as a tree that knows where everything stands.

YAML 1.2 by ruamel.yaml (where ``on`` and ``off`` are plain words), and only the part of it that a campaign needs: one
document, no anchors, no tags, nothing nested deeper than a campaign can be. Scalars stay text; what they mean is up
to the
reader of campaigns.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError, YAMLStreamError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, ScalarEvent
from ruamel.yaml.nodes import Node, ScalarNode
from ruamel.yaml.reader import ReaderError

from sendwhen.campaigns.problem import Flaw

YAML_BYTES_LIMIT = 65_536
"""Size of campaign.yaml."""
DEPTH_LIMIT = 48
"""Nesting of maps and lists: three to a step, four more for each of five branches, and what is asked at the last."""
_WORDS = {"true": True, "false": False, "null": None, "~": None}
_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,15})\Z")
_DECIMAL = re.compile(r"-?[0-9]{1,15}\.[0-9]{1,15}\Z")
_ESCAPES = {"x": 4, "u": 6, "U": 10}


@dataclass(frozen=True, slots=True)
class Document:
    """A text and its tree; ``root`` is None where ``flaws`` say why."""

    text: str
    root: Node | None
    flaws: tuple[Flaw, ...] = ()


def read_document(content: bytes, *, bytes_limit: int = YAML_BYTES_LIMIT) -> Document:  # noqa: PLR0911  one return for each way to be no YAML of ours
    """The tree of a YAML text, or what is wrong with it; never raises."""
    if len(content) > bytes_limit:
        return _refused(
            "",
            0,
            f"The file is larger than {bytes_limit // 1024} KB",
            "Make it smaller, or make it several campaigns.",
        )
    try:
        text = content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        readable = content[: error.start].decode("utf-8", "replace")
        return _refused(readable, len(readable), "The file is not UTF-8 text", "Save it as UTF-8.")
    if control := re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", text):
        return _refused(
            text, control.start(), f"The character U+{ord(control[0]):04X} does not belong into a text", "Remove it."
        )
    if tab := re.search(r"^ *\t", text, re.MULTILINE):
        return _refused(text, tab.end() - 1, "YAML cannot be indented with tabs", "Indent with spaces.")
    try:
        if flaw := _forbidden(text):
            return Document(text, None, (flaw,))
        root = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        return _refused(text, *_translated(text, error))
    except (ReaderError, YAMLStreamError, YAMLError, ValueError, RecursionError) as error:
        return _refused(
            text,
            getattr(error, "position", 0) or 0,
            f"This is not YAML ({str(error).splitlines()[0][:100]})",
            "Correct it.",
        )
    if root is None:
        return _refused(text, 0, "The file is empty", "Write a campaign; docs/campaigns.md shows one.")
    return Document(text, root)


def _refused(text: str, offset: int, problem: str, remedy: str) -> Document:
    return Document(text, None, (Flaw(offset, problem, remedy),))


def _forbidden(text: str) -> Flaw | None:
    depth = 0
    for event in YAML(typ="safe", pure=True).parse(text):
        if isinstance(event, AliasEvent) or getattr(event, "anchor", None):
            return Flaw(
                event.start_mark.index,
                "Anchors and aliases (& and *) are not supported",
                "Write the value out, or quote a text that begins so.",
            )
        if getattr(event, "ctag", None) is not None or (isinstance(event, ScalarEvent) and event.tag == "!"):
            return Flaw(
                event.start_mark.index,
                "A value that begins with '!' is a tag to YAML, which is not supported",
                "Put a condition that begins so into quotes.",
            )
        if isinstance(event, CollectionStartEvent):
            depth += 1
            if depth > DEPTH_LIMIT:
                return Flaw(
                    event.start_mark.index,
                    f"Nested more than {DEPTH_LIMIT} deep",
                    "No campaign needs that; see docs/campaigns.md.",
                )
        elif isinstance(event, CollectionEndEvent):
            depth -= 1
    return None


def _translated(text: str, error: MarkedYAMLError) -> tuple[int, str, str]:
    mark = error.problem_mark or error.context_mark
    offset = mark.index if mark else 0
    problem = str(error.problem or error)
    if "mapping values are not allowed" in problem:
        return offset, "A second ': ' in one line", "Put the text after the first ':' into quotes, or begin a new line."
    if "another document" in problem or "single document" in problem:
        return offset, "A second document begins here", "Write one campaign per file."
    if "cannot start any token" in problem:
        return offset, f"A value cannot begin with {text[offset : offset + 1]!r}", "Put it into quotes."
    if "expected ',' or" in problem:
        return offset, f"A bracket is still open ({problem})", "Close it before this."
    if "expected <block end>" in problem:
        return offset, "This does not line up with the lines above", "Indent it like its neighbours."
    return offset, f"This is not YAML ({problem})", "Correct the indentation or the quotes here."


def plain_value(node: ScalarNode) -> str | int | float | bool | None:
    """What a scalar stands for: text in quotes is text; bare words may be true, false, null or numbers."""
    text = str(node.value)
    if node.style is not None:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.match(text):
        return int(text)
    return float(text) if _DECIMAL.match(text) else text


def offset_within(text: str, node: ScalarNode, at: int) -> int:
    """Where the character ``at`` of a scalar's value stands in the file, whatever its quoting."""
    source, value = text[node.start_mark.index : node.end_mark.index], node.value
    i = j = 0
    if node.style in ("|", ">"):
        i = source.find("\n") + 1
        i += len(source[i:]) - len(source[i:].lstrip(" \n"))
    elif node.style in ("'", '"'):
        i = 1
    while i < len(source) and j < min(at, len(value)):
        width = _width(source, i, node.style)
        if source[i] == "\n":
            j += value[j] in " \n"
            i += 1
            while i < len(source) and source[i] == " ":
                i += 1
            continue
        if source[i] == " " and value[j] != " ":
            i += 1
            continue
        i, j = i + width, j + 1
    while j and i < len(source) and source[i] in " \n" and at < len(value) and value[at] not in " \n":
        i += 1
    return int(node.start_mark.index) + i


def _width(source: str, at: int, style: Any) -> int:
    """Characters that one character of the value takes in the file."""
    if style == "'" and source[at : at + 2] == "''":
        return 2
    if style == '"' and source[at] == "\\":
        return _ESCAPES.get(source[at + 1 : at + 2], 2)
    return 1
