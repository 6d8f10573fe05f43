"""Finds one's way in the tree of a text that was read without an error."""

from __future__ import annotations

from collections.abc import Iterator

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode


def entry(node: Node | None, word: str) -> Node | None:
    """What stands behind a word of a map."""
    if isinstance(node, MappingNode):
        for key, value in node.value:
            if key.value == word:
                return value  # type: ignore[no-any-return]  # ruamel does not say what it holds
    return None


def at(node: Node | None, *words: str) -> Node | None:
    """What stands behind several words, one within the other."""
    for word in words:
        node = entry(node, word)
    return node


def elements(node: Node | None) -> list[Node]:
    """The elements of a list; none of anything else."""
    return list(node.value) if isinstance(node, SequenceNode) else []


def text(node: Node | None) -> str:
    """A scalar's text; "" of anything else."""
    return str(node.value) if isinstance(node, ScalarNode) else ""


def offset(node: Node) -> int:
    """Where a node begins."""
    return int(node.start_mark.index)


def nodes(node: Node | None) -> Iterator[Node]:
    """All nodes of a tree but the words of its maps, the outer first."""
    if node is not None:
        yield node
    inner = [value for _, value in node.value] if isinstance(node, MappingNode) else elements(node)
    for each in inner:
        yield from nodes(each)


def maps(node: Node | None) -> Iterator[MappingNode]:
    """All maps of a tree, the outer first."""
    return (each for each in nodes(node) if isinstance(each, MappingNode))
