"""Properties and attributes as YAML writes them: any map of text, numbers, true, false, null, lists and maps."""

from __future__ import annotations

from typing import Any

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from sendwhen.campaigns.problem import shortened
from sendwhen.campaigns.words import Reader
from sendwhen.campaigns.yaml_document import plain_value


def object_of(node: Node | None, what: str, words: Reader) -> dict[str, Any]:
    """The map as JSON would have it; what is none is noted."""
    if node is None:
        return {}
    if not isinstance(node, MappingNode):
        words.refuse(node, f"{what} must be a map", "Write it as in {price: 12.5, sku: mug-1}.")
        return {}
    found: dict[str, Any] = {}
    for key, value in node.value:
        name = str(key.value) if isinstance(key, ScalarNode) else ""
        if not isinstance(key, ScalarNode):
            words.refuse(key, "A map's word must be plain text", "Write it as in price.")
        elif name in found:
            words.refuse(key, f"'{shortened(name)}' is written twice", "Keep one of them.")
        found[name] = _value(value, words)
    return found


def _value(node: Node, words: Reader) -> Any:
    if isinstance(node, MappingNode):
        return object_of(node, "A value", words)
    if isinstance(node, SequenceNode):
        return [_value(one, words) for one in node.value]
    assert isinstance(node, ScalarNode)
    return plain_value(node)
