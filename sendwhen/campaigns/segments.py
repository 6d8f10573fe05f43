"""Reads ``segments.yaml``: definitions beside the campaigns' folders that campaigns use by name.

What a campaign uses goes into its version, in a canonical form that this module reads too: a stored version stands by
itself, and an edit of one segment makes new versions of the campaigns that use it, of no others.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import msgspec
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from sendwhen.campaigns.conditions import compile_condition
from sendwhen.campaigns.filter_reader import OF_CUSTOMER, FilterReader
from sendwhen.campaigns.problem import Flaw, nearest, shortened
from sendwhen.campaigns.template_files import NAME
from sendwhen.campaigns.uses import Uses
from sendwhen.campaigns.when_reader import WhenReader
from sendwhen.campaigns.words import Reader
from sendwhen.campaigns.yaml_document import Document, read_document
from sendwhen.domain.predicate import All, When

SEGMENTS_NAME = "segments.yaml"
SEGMENTS_BYTES_LIMIT = 512 * 1024
"""Size of segments.yaml."""
SEGMENTS_LIMIT = 500
"""Definitions in it."""
LIST = "list"
"""Stands for a definition where steps put customers on the segment and take them off."""
_BROKEN = All(parts=())


@dataclass(frozen=True, slots=True)
class Segments:
    """The definitions of one file, and what is wrong with its text.

    Attributes:
        definitions: By name; that of one that is wrong says nothing.
        written: The same as they are written.
        uses: What their conditions refer to.
    """

    definitions: Mapping[str, When] = field(default_factory=dict)
    written: Mapping[str, Any] = field(default_factory=dict)
    text: str = ""
    flaws: tuple[Flaw, ...] = ()
    uses: Uses = field(default_factory=Uses)

    def source(self, used: Collection[str]) -> bytes:
        """The definitions that are used, and those that these use, in canonical form; b"" for none."""
        needed: dict[str, Any] = {}
        todo = list(used)
        while todo:
            name = todo.pop()
            if name not in needed:
                needed[name] = self.written[name]
                todo += _named(self.written[name])
        ordered = {name: needed[name] for name in sorted(needed)}
        return msgspec.json.encode({"segments": ordered}) if ordered else b""


@lru_cache(maxsize=64)
def read_segments(content: bytes) -> Segments:
    """The definitions in a file; b"" for none. Never raises."""
    if not content:
        return Segments()
    document = read_document(content, bytes_limit=SEGMENTS_BYTES_LIMIT)
    if document.root is None or document.flaws:
        return Segments(text=document.text, flaws=document.flaws)
    return _SegmentsReader(document).read(document.root)


@dataclass(slots=True)
class _SegmentsReader:
    document: Document
    words: Reader = field(default_factory=Reader)
    uses: Uses = field(default_factory=Uses)
    definitions: dict[str, When] = field(default_factory=dict)

    def read(self, root: Node) -> Segments:
        if isinstance(root, MappingNode) and not any(
            nearest(str(getattr(key, "value", "")), ("segments",)) for key, _ in root.value
        ):
            remedy = "Begin it with the line 'segments:', and indent the names below it."
            self.words.refuse(root, f"{SEGMENTS_NAME} has no word 'segments'", remedy)
            entries: Mapping[str, Node] = {"segments": root}  # what else is wrong is said in one go
        else:
            entries = self.words.map(root, ("segments",), required=("segments",), what=SEGMENTS_NAME)
        nodes = dict(self._entries(entries.get("segments")))
        written = {name: _plain(node) for name, (_, node) in nodes.items()}
        self.definitions.update(dict.fromkeys(nodes, _BROKEN))
        for name in _in_order(written):
            self._define(name, *nodes[name], written)
        return Segments(
            definitions=self.definitions,
            written=written,
            text=self.document.text,
            flaws=tuple(self.words.flaws),
            uses=self.uses,
        )

    def _entries(self, node: Node | None) -> Iterator[tuple[str, tuple[Node, Node]]]:
        if node is None:
            return
        if not isinstance(node, MappingNode):
            self.words.refuse(node, "'segments' must be a map of names", "Write it as in {vip: customer.spend > 100}.")
            return
        if len(node.value) > SEGMENTS_LIMIT:
            problem = f"There are more than {SEGMENTS_LIMIT} segments"
            self.words.refuse(node.value[SEGMENTS_LIMIT][0], problem, "Leave some out.")
        seen = set[str]()
        for key, value in node.value[:SEGMENTS_LIMIT]:
            name = key.value if isinstance(key, ScalarNode) else ""
            if not NAME.match(name):
                problem = f"'{shortened(str(name))}' is no name of a segment"
                self.words.refuse(key, problem, "Write 1 to 64 of a-z, 0-9 and -, as in big-spender.")
            elif name in seen:
                self.words.refuse(key, f"'{name}' is written twice", "Keep one of them.")
            elif isinstance(value, ScalarNode) and not value.value.strip():
                self.words.refuse(key, f"'{name}' has no definition", "Write what must hold, or list.")
            else:
                seen.add(name)
                yield name, (key, value)

    def _define(self, name: str, key: Node, node: Node, written: Mapping[str, Any]) -> None:
        if isinstance(node, ScalarNode) and node.value == LIST:
            self.definitions[name] = list_of(name)
            return
        if circle := _circle(name, written):
            way = " → ".join(circle)
            self.words.refuse(key, f"'{name}' is defined by itself ({way})", "Define one of these without the others.")
            return
        filters = FilterReader(self.document, self.words, self.uses)
        when = WhenReader(filters, self.words, self.definitions).read(node, OF_CUSTOMER)
        if when is not None:
            self.definitions[name] = when


def list_of(name: str) -> When:
    """That a customer is on a list."""
    return compile_condition(f'customer["list.{name}"] == true', roots=OF_CUSTOMER)


def _plain(node: Node) -> Any:
    if isinstance(node, MappingNode):
        return {str(getattr(key, "value", "")): _plain(value) for key, value in node.value}
    if isinstance(node, SequenceNode):
        return [_plain(entry) for entry in node.value]
    return str(node.value)


def _named(written: Any) -> list[str]:
    """Names of segments that a definition uses."""
    if isinstance(written, dict):
        own = [written["segment"]] if isinstance(written.get("segment"), str) else []
        return own + [name for value in written.values() for name in _named(value)]
    return [name for entry in written for name in _named(entry)] if isinstance(written, list) else []


def _in_order(written: Mapping[str, Any]) -> list[str]:
    """Every name behind those that it uses."""
    done: dict[str, None] = {}
    for first in written:
        todo, begun = [first], set[str]()
        while todo:
            name = todo[-1]
            begun.add(name)
            further = [one for one in _named(written[name]) if one in written and one not in done and one not in begun]
            if further:
                todo.append(further[0])
            else:
                done[todo.pop()] = None
    return list(done)


def _circle(name: str, written: Mapping[str, Any]) -> list[str]:
    """A way from a name back to itself; [] where there is none."""
    ways, seen = [[name]], set[str]()
    while ways:
        way = ways.pop(0)
        for further in _named(written[way[-1]]):
            if further == name:
                return [*way, name]
            if further in written and further not in seen:
                seen.add(further)
                ways.append([*way, further])
    return []
