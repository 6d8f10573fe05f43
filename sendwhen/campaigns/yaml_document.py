"""A YAML text as a tree that knows where everything stands.

YAML 1.2 by ruamel.yaml (where ``on`` and ``off`` are plain words), and only the part of it that a campaign needs: one
document, no anchors, no tags, nothing nested deeper than a campaign can be. Scalars stay text; what they mean is up to
the reader of campaigns.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError, YAMLStreamError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceStartEvent,
)
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from sendwhen.campaigns.problem import Flaw

YAML_BYTES_LIMIT = 65_536
"""Size of campaign.yaml."""
DEPTH_LIMIT = 48
"""Nesting of maps and lists: three to a step, four more for each of five branches, and what is asked at the last."""
_WORDS = {"true": True, "false": False, "null": None, "~": None}
_CONDITION = re.compile(r"\b(where|if|guard|value|per|not|enter|exit):\s+((?![\"'|>\s{[]).*)\Z")
"""A condition without quotes that goes on until here."""
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
        root = _composed(text)
    except _Refused as refused:
        return Document(text, None, (refused.flaw,))
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


class _Refused(Exception):
    """Something that YAML has and campaigns have not; carries the flaw."""

    def __init__(self, offset: int, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.flaw = Flaw(offset, problem, remedy)


def _composed(text: str) -> Node | None:
    """The tree of a text, built while it is parsed: what is refused is refused before anything can grow of it."""
    root: Node | None = None
    open_nodes: list[Node] = []
    keys: list[Node | None] = []
    for event in YAML(typ="safe", pure=True).parse(text):
        if isinstance(event, DocumentStartEvent) and root is not None:
            raise _Refused(event.start_mark.index, "A second document begins here", "Write one campaign per file.")
        if isinstance(event, CollectionEndEvent):
            open_nodes.pop().end_mark = event.end_mark
            keys.pop()
            continue
        if not isinstance(event, NodeEvent):
            continue
        node = _node(event, len(open_nodes))
        if not open_nodes:
            root = node
        elif isinstance(open_nodes[-1], SequenceNode):
            open_nodes[-1].value.append(node)
        elif keys[-1] is None:
            keys[-1] = node
        else:
            open_nodes[-1].value.append((keys[-1], node))
            keys[-1] = None
        if isinstance(event, CollectionStartEvent):
            open_nodes.append(node)
            keys.append(None)
    return root


def _node(event: Any, depth: int) -> Node:
    at = event.start_mark.index
    if isinstance(event, AliasEvent) or event.anchor:
        remedy = "Write the value out, or quote a text that begins so."
        raise _Refused(at, "Anchors and aliases (& and *) are not supported", remedy)
    if event.ctag is not None or (isinstance(event, ScalarEvent) and event.tag == "!"):
        problem = "A value that begins with '!' is a tag to YAML, which is not supported"
        raise _Refused(at, problem, "Put a condition that begins so into quotes.")
    if isinstance(event, ScalarEvent):
        return ScalarNode(None, event.value, event.start_mark, event.end_mark, style=event.style)
    if depth >= DEPTH_LIMIT:
        raise _Refused(at, f"Nested more than {DEPTH_LIMIT} deep", "No campaign needs that; see docs/campaigns.md.")
    kind = SequenceNode if isinstance(event, SequenceStartEvent) else MappingNode
    return kind(None, [], event.start_mark, None, flow_style=event.flow_style)


def _translated(text: str, error: MarkedYAMLError) -> tuple[int, str, str]:
    mark = error.problem_mark or error.context_mark
    offset = mark.index if mark else 0
    problem = str(error.problem or error)
    if "could not find expected ':'" in problem and error.context_mark:
        return error.context_mark.index, "A word without a value", "Write a blank behind its ':', as in reentry: once."
    known = next((said for words, said in _SAID.items() if words in problem), None)
    if known is not None:
        return offset, *known
    line = text.rfind("\n", 0, offset) + 1
    if condition := _CONDITION.search(text[line:offset]):
        begin = line + condition.start(2)
        ends = "In braces a condition ends at the first of , [ ] { } and ': '"
        tag = "A value that begins with '!' is a tag to YAML, which is not supported"
        remedy = f"Put the whole condition into quotes: {condition[1]}: '…'."
        return begin, tag if text[begin] == "!" else ends, remedy
    if "cannot start any token" in problem:
        return offset, f"A value cannot begin with {text[offset : offset + 1]!r}", "Put it into quotes."
    if "expected ',' or" in problem:
        return offset, f"A bracket is still open ({problem})", "Close it before this."
    return offset, f"This is not YAML ({problem})", "Correct the indentation or the quotes here."


_SAID = {
    "mapping values are not allowed": (
        "A second ': ' in one line",
        "Put the text after the first ':' into quotes, or begin a new line.",
    ),
    "mapping keys are not allowed": (
        "A '?' stands here, where a value is over",
        "Leave it out; in events.yaml 'optional: true' among the words in braces says that something may be absent.",
    ),
    "another document": ("A second document begins here", "Write one campaign per file."),
    "single document": ("A second document begins here", "Write one campaign per file."),
    "expected <block end>": ("This does not line up with the lines above", "Indent it like its neighbours."),
}


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
