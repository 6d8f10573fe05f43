"""What conditions do not have, or warn of, in words."""

from __future__ import annotations

from sendwhen.campaigns.cel_library import operator_word
from sendwhen.campaigns.cel_tree import Node
from sendwhen.campaigns.problem import Flaw

SUPPORTED = (
    "size, startsWith, endsWith, contains, matches, exists, all, exists_one, has, int, double, string, timestamp, "
    "duration"
)


class Refused(Exception):
    """Something the language does not have; carries the flaw."""

    def __init__(self, offset: int, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.flaw = Flaw(offset, problem, remedy)


def unsupported_literal(node: Node) -> Refused:
    """Unsigned numbers and bytes: JSON has none."""
    what = "1u" if node.type == "uint" else 'b"…"'
    return Refused(
        node.offset, f"Literals such as {what} are not supported", 'Write whole numbers as 1 and text as "…".'
    )


def unsupported_function(node: Node) -> Refused:
    """A function of CEL that campaigns do not have."""
    name = operator_word(node.value)
    if name.startswith("get"):
        problem = f"'{name}()' is not supported: conditions know no calendar"
        return Refused(node.offset, problem, 'Compare with timestamp("…") or duration("…").')
    return Refused(node.offset, f"'{name}()' is not supported in conditions", f"There are {SUPPORTED}.")


def not_a_time(node: Node, function: str) -> Refused:
    """A literal that ``timestamp`` or ``duration`` cannot read."""
    example = "2026-01-31T08:00:00Z" if function == "timestamp" else "1h30m, with units h, m, s and ms"
    return Refused(node.offset, f"This is not a {function}", f"Write it as in {example}.")


def ordering_warning(offset: int, sign: str) -> Flaw:
    """An ordering under ``!``: where it is false for want of a value, the whole becomes true."""
    return Flaw(
        offset,
        f"'{sign}' is false where a value is absent or of another type, and the '!' before it makes that true",
        "Turn the comparison round instead of negating it, or ask has(…) as well.",
        True,
    )


def arithmetic_warning(node: Node) -> Flaw:
    """Arithmetic on properties, of which nobody knows whether they are whole."""
    return Flaw(
        node.offset,
        f"'{operator_word(node.value)}' of a whole and a decimal number is an error in CEL, which makes the condition "
        "false",
        "Write double(…) around what may be either.",
        True,
    )
