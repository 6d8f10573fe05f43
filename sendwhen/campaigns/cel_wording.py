"""Words for what is wrong with the types of a condition."""

from __future__ import annotations

from sendwhen.campaigns.cel_tree import Node
from sendwhen.campaigns.shapes import Shape, family, named


def path_of(node: Node) -> str:
    """A chain of names as it is written; "this" for anything else."""
    if node.kind == "name":
        return str(node.value)
    if node.kind == "select":
        return f"{path_of(node.children[0])}.{node.value}"
    return "this"


def end_of(node: Node) -> int:
    """Offset behind a chain of names."""
    if node.kind == "select":
        return node.offset + 1 + len(str(node.value))
    last = str(node.value).rpartition(".")
    return node.offset + (1 + len(last[2]) if last[0] else len(last[2]))


def said(node: Node, shape: Shape) -> str:
    """The left of a comparison, with what it is."""
    path = path_of(node)
    return f"'{path}', {named(shape)}," if path != "this" else named(shape).capitalize()


def other(node: Node, shape: Shape) -> str:
    """The right of a comparison, with what it is."""
    path = path_of(node)
    return f"'{path}', {named(shape)}" if path != "this" else named(shape)


def mended(node: Node, left: Shape, right: Shape) -> str:
    """What to write instead of a comparison between kinds."""
    families = (family(left), family(right))
    paths = [path_of(child) for child in node.children]
    if set(families) == {"text", "instant"}:
        path = paths[families.index("text")]
        return f"Write timestamp({path if path != 'this' else '…'})."
    if set(families) == {"text", "number"}:
        literal = next((child for child in node.children if child.kind == "literal"), None)
        if literal is not None and literal.type == "string":
            return "Write the number without quotes."
        path = paths[families.index("text")]
        return 'Put it into quotes, as in "10".' if literal is not None else f"Write double({path}) if it holds digits."
    if "bool" in families:
        return "Compare with true or false, without quotes."
    return "Compare like with like."
