"""Reads ``events.yaml``: the catalogue of events and customer attributes beside the campaigns' folders."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from sendwhen.campaigns.catalogue import BUILT_IN, CATALOGUE_NAME, Catalogue
from sendwhen.campaigns.problem import Flaw, listed, nearest, shortened
from sendwhen.campaigns.shapes import ANY, WORDS, Kind, Shape
from sendwhen.campaigns.words import Reader
from sendwhen.campaigns.yaml_document import read_document

CATALOGUE_BYTES_LIMIT = 512 * 1024
"""Size of events.yaml."""
NAMES_LIMIT = 2_000
"""Names in any one map of events.yaml."""
_CLOSED = {"open": False, "closed": True}
_BUILT_IN = {"segment-ecommerce-v2": True, "none": False}


@dataclass(frozen=True, slots=True)
class ReadCatalogue:
    """A catalogue and what is wrong with its text; where something is, what could be read of it."""

    catalogue: Catalogue
    text: str
    flaws: tuple[Flaw, ...]


@lru_cache(maxsize=16)
def read_catalogue(content: bytes) -> ReadCatalogue:
    """The catalogue in a file; never raises."""
    document = read_document(content, bytes_limit=CATALOGUE_BYTES_LIMIT)
    if document.root is None:
        return ReadCatalogue(BUILT_IN, document.text, document.flaws)
    reader = _CatalogueReader()
    catalogue = reader.read(document.root)
    return ReadCatalogue(catalogue, document.text, (*document.flaws, *reader.words.flaws))


@dataclass(slots=True)
class _CatalogueReader:
    words: Reader = field(default_factory=Reader)

    def read(self, root: Node) -> Catalogue:
        entries = self.words.map(root, ("catalogue", "built_in", "events", "customer"), what=CATALOGUE_NAME)
        closed = self.words.choice(entries.get("catalogue"), "catalogue", _CLOSED, False)
        built_in = self.words.choice(entries.get("built_in"), "built_in", _BUILT_IN, True)
        events: dict[str, Mapping[str, Shape]] = dict(BUILT_IN.events) if built_in else {}
        for name, key, node in self._named(entries.get("events"), "'events'"):
            if not name.strip() or len(name) > 200:
                self.words.refuse(key, "An event's name has 1 to 200 characters", "Write the name that is tracked.")
                continue
            # What is declared of an event that is built in adds to what is known of it.
            events[name] = {**events.get(name, {}), **self._event(node)}
        customer = {name: self._shape(node) for name, _, node in self._named(entries.get("customer"), "'customer'")}
        return Catalogue(events=events, customer={**customer, **BUILT_IN.customer}, closed=closed, written=True)

    def _event(self, node: Node) -> Mapping[str, Shape]:
        if isinstance(node, ScalarNode) and not node.value:
            return {}
        entries = self.words.map(node, ("about", "properties"), what="An event")
        self.words.text(entries.get("about"), "about", "Somebody looked at a product")
        named = self._named(entries.get("properties"), "'properties'")
        return {name: self._shape(inner) for name, _, inner in named}

    def _named(self, node: Node | None, what: str) -> Iterator[tuple[str, Node, Node]]:
        """The entries of a map whose words are names: name, its node, and what stands behind it."""
        if node is None:
            return
        if not isinstance(node, MappingNode):
            self.words.refuse(node, f"{what} must be a map of names", "Write it as in {name: text}.")
            return
        if len(node.value) > NAMES_LIMIT:
            self.words.refuse(
                node.value[NAMES_LIMIT][0], f"{what} has more than {NAMES_LIMIT} names", "Leave some out."
            )
        seen: set[str] = set()
        for key, inner in node.value[:NAMES_LIMIT]:
            if not isinstance(key, ScalarNode) or not key.value:
                self.words.refuse(key, "A name must be plain text", "Write it as it is tracked.")
            elif key.value in seen:
                self.words.refuse(key, f"'{shortened(key.value)}' is written twice", "Keep one of them.")
            else:
                seen.add(key.value)
                yield key.value, key, inner

    def _shape(self, node: Node) -> Shape:
        if isinstance(node, SequenceNode):
            if len(node.value) != 1:
                self.words.refuse(node, "A list is written with what one of its elements is", "Write it as in [text].")
                return ANY
            return Shape(kind=Kind.LIST, element=self._shape(node.value[0]))
        if isinstance(node, MappingNode):
            words = {getattr(key, "value", ""): inner for key, inner in node.value}
            if "one_of" in words and words.keys() <= {"one_of", "optional"} and len(words) == len(node.value):
                optional = self.words.truth(words.get("optional"), "optional")
                return replace(self._choices(words["one_of"]), optional=optional)
            return Shape(
                kind=Kind.MAP, fields={name: self._shape(inner) for name, _, inner in self._named(node, "A map")}
            )
        word = str(node.value)
        kind = WORDS.get(word.removesuffix("?"))
        if kind is None:
            close = nearest(word, WORDS) or _OTHER_WORDS.get(word.lower(), "")
            remedy = f"Write {close}." if close else f"Write {listed(WORDS)}, [element] or {{name: type}}."
            self.words.refuse(node, f"'{shortened(word)}' is no type", remedy)
            return ANY
        return Shape(kind=kind, optional=word.endswith("?"))

    def _choices(self, node: Node) -> Shape:
        texts = [
            self.words.text(each, "one_of", "[free, pro]") for each in self.words.list(node, "'one_of'", "[free, pro]")
        ]
        return Shape(kind=Kind.TEXT, choices=tuple(text for text in texts if text))


_OTHER_WORDS = {
    "string": "text",
    "str": "text",
    "float": "number",
    "double": "number",
    "decimal": "number",
    "int": "integer",
    "boolean": "bool",
    "datetime": "time",
    "timestamp": "time",
    "array": "[element]",
    "object": "{name: type}",
}
"""What others call our types."""
