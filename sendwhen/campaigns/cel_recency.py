"""Finds how far back from ``now`` a condition looks: ``now - timestamp(customer.last_seen) < duration("1h")``."""

from __future__ import annotations

from collections.abc import Iterator

from sendwhen.campaigns.cel_conversions import to_duration
from sendwhen.campaigns.cel_tree import Node
from sendwhen.campaigns.cel_values import ERROR

_YOUNGER = ("_<_", "_<=_")
_OLDER = ("_>_", "_>=_")
_TURNED = {"_<_": "_>_", "_<=_": "_>=_", "_>_": "_<_", "_>=_": "_<=_"}


def looks_back_ms(tree: Node) -> Iterator[tuple[int, int]]:
    """Offset and length of each question whether something is younger or older than so long."""
    for node in _nodes(tree):
        if node.kind != "call" or node.value not in _TURNED:
            continue
        left, right = node.children
        for one, other, sign in ((left, right, node.value), (right, left, _TURNED[node.value])):
            # now - t < d, and its like with t > now - d
            length = _length_ms(other) if _since_now(one) else _back_ms(other) if sign in _OLDER + _YOUNGER else None
            if length:
                yield node.offset, length
                break


def _nodes(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from _nodes(child)


def _since_now(node: Node) -> bool:
    return node.kind == "call" and node.value == "_-_" and len(node.children) == 2 and _is_now(node.children[0])


def _back_ms(node: Node) -> int | None:
    """The length in ``now - duration(…)``."""
    return _length_ms(node.children[1]) if _since_now(node) else None


def _is_now(node: Node) -> bool:
    return node.kind == "name" and node.value == "now"


def _length_ms(node: Node) -> int | None:
    if node.kind != "call" or node.value != "duration" or node.children[0].kind != "literal":
        return None
    value = to_duration(node.children[0].value)
    return None if value is ERROR else int(value) // 1_000_000
