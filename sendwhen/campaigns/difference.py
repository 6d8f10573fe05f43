"""What differs between two texts of a campaign, field by field: layout and comments are no difference."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from difflib import SequenceMatcher
from typing import Any, Final

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from sendwhen.campaigns.problem import shortened
from sendwhen.campaigns.yaml_document import plain_value, read_document

DIFFERENCES_LIMIT: Final = 100
"""Differences that are told of two texts."""
_VALUE_CHARS = 160


def differences(before: bytes, after: bytes) -> list[str]:
    """A sentence for each field that differs, in the order of the text, of two campaigns that ``check`` passed."""
    found = list(_between("", _tree(before), _tree(after)))
    more = len(found) - DIFFERENCES_LIMIT
    return found if more <= 0 else [*found[:DIFFERENCES_LIMIT], f"and {more} more"]


def template_differences(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """The same for templates, by name and content hash."""
    found = []
    for name in sorted({*before, *after}):
        if name not in before:
            found.append(f"template {name}: new")
        elif name not in after:
            found.append(f"template {name}: no longer sent")
        elif before[name] != after[name]:
            found.append(f"template {name}: its text is another")
    return found


def _tree(text: bytes) -> Any:
    root = read_document(text).root
    return None if root is None else _plain(root)


def _plain(node: Node) -> Any:
    if isinstance(node, MappingNode):
        return {str(key.value): _plain(value) for key, value in node.value}
    if isinstance(node, SequenceNode):
        return [_plain(one) for one in node.value]
    assert isinstance(node, ScalarNode)
    return plain_value(node)


def _between(path: str, before: Any, after: Any) -> Iterator[str]:
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for word in dict.fromkeys([*before, *after]):
            inner = f"{path}.{word}" if path else word
            if word not in after:
                yield f"{inner}: {_said(before[word])} is gone"
            elif word not in before:
                yield f"{inner}: {_said(after[word])} is new"
            else:
                yield from _between(inner, before[word], after[word])
    elif isinstance(before, list) and isinstance(after, list):
        yield from _between_lists(path, before, after)
    else:
        yield f"{path}: {_said(before)} becomes {_said(after)}"


def _between_lists(path: str, before: list[Any], after: list[Any]) -> Iterator[str]:
    texts = [json.dumps(one, sort_keys=True) for one in before], [json.dumps(one, sort_keys=True) for one in after]
    for what, i, j, k, m in SequenceMatcher(None, *texts, autojunk=False).get_opcodes():
        gone, new = list(range(i, j)), list(range(k, m))
        if what == "equal":
            continue
        while gone and new and _alike(before[gone[0]], after[new[0]]):
            yield from _between(f"{path}[{new[0] + 1}]", before[gone.pop(0)], after[new.pop(0)])
        for n in gone:
            yield f"{path}[{n + 1}]: {_said(before[n])} is gone"
        for n in new:
            yield f"{path}[{n + 1}]: {_said(after[n])} is new"


def _alike(before: Any, after: Any) -> bool:
    """The same entry with another content: maps that begin with the same word."""
    return isinstance(before, dict) and isinstance(after, dict) and next(iter(before), 0) == next(iter(after), 1)


def _said(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return shortened(text, _VALUE_CHARS)
