"""What other languages write where CEL writes something else: and, =, <>, IS NULL, “…”, 4,5, len(x)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from types import MappingProxyType
from typing import Final

from sendwhen.campaigns.problem import Flaw, nearest, shortened

_LITERAL: Final = re.compile(r'"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'')
_TEXTS: Final = 'x.startsWith("…"), x.endsWith("…") or x.contains("…")'
_SLIPS: Final[tuple[tuple[str, str, str], ...]] = (
    (r"(?<!\.)\bbetween\b", "'{}' is no operator of conditions", "Write x >= 1 && x <= 5."),
    (r"(?<!\.)\bnot\s+in\b", "'{}' is no operator of conditions", 'Write !(x in ["a", "b"]).'),
    (r"(?<!\.)\bis\s+not\s+(?:null|none|nil|empty)\b", "'{}' is no operator of conditions", "Write != null."),
    (r"(?<!\.)\bis\s+(?:null|none|nil|empty)\b", "'{}' is no operator of conditions", "Write == null."),
    (r"(?<!\.)\bis\b", "'{}' is no operator of conditions", "Write ==."),
    (r"(?<!\.)\band\b|(?<!&)&(?!&)", "'{}' is no operator of conditions", "Write &&."),
    (r"(?<!\.)\bor\b|(?<!\|)\|(?!\|)", "'{}' is no operator of conditions", "Write ||."),
    (r"(?<!\.)\bnot\b", "'{}' is no operator of conditions", "Write !, as in !(x == 1)."),
    (r"(?<!\.)\b(?:i?like|starts\s*with|ends\s*with|contains|matches)\b(?!\s*\()", "'{}' is no operator of conditions",
     f"Write {_TEXTS}."),
    (r"===|!==", "'{}' is no operator of conditions", "Write == or !=."),
    (r"<>", "'{}' is no operator of conditions", "Write !=."),
    (r"=<", "'{}' is no operator of conditions", "Write <=."),
    (r"=>", "'{}' is no operator of conditions", "Write >=."),
    (r"(?<![=!<>])=(?![=<>])", "'{}' compares nothing", "Write ==."),
    (r"[\u201c-\u201f\u2018-\u201b\u00ab\u00bb\u00b4`]", "'{}' is no quote here",
     'Write straight quotes, as in "pro".'),
    (r"≥|≤|≠", "'{}' is no operator of conditions", "Write >=, <= or !=."),
    (r"(?<!\.)\bin\s*\(", "'in' asks a list", 'Write in ["a", "b"].'),
)  # fmt: skip
_SLIP: Final = tuple((re.compile(pattern, re.IGNORECASE), problem, remedy) for pattern, problem, remedy in _SLIPS)
_COMMA: Final = re.compile(r"\b([0-9]+),([0-9]+)\b")
_FUNCTIONS: Final = (
    "size", "startsWith", "endsWith", "contains", "matches", "exists", "all", "exists_one", "has", "int", "double",
    "string", "timestamp", "duration",
)  # fmt: skip
_ELSEWHERE: Final = MappingProxyType(
    {
        "len": "size", "length": "size", "count": "size", "includes": "contains", "include": "contains",
        "indexof": "contains", "number": "double", "float": "double", "str": "string", "text": "string",
        "date": "timestamp", "datetime": "timestamp", "any": "exists", "some": "exists", "every": "all",
        "exist": "has", "isset": "has", "defined": "has", "regex": "matches", "match": "matches",
    }
)  # fmt: skip
_WORDS: Final = MappingProxyType({"true": "true", "false": "false", "null": "null", "none": "null", "nil": "null"})
_PEOPLE: Final = frozenset({"user", "person", "profile", "contact", "subscriber", "recipient", "traits", "attributes"})
"""What others call the customer."""
SLIPS_MAX: Final = 3


def slips(text: str) -> list[Flaw]:
    """What in a text that is no CEL looks like another language; the first few, by their place."""
    bare = _LITERAL.sub(lambda match: match[0][0] + " " * (len(match[0]) - 2) + match[0][0], text)
    found = sorted(_found(bare), key=lambda flaw: flaw.offset)
    return found[:SLIPS_MAX]


def unknown_name(name: str, text: str, roots: Collection[str]) -> tuple[str, str] | None:
    """What was meant by a name that there is not; None where nobody can tell."""
    root, _, rest = name.partition(".")
    written = shortened(name)
    if meant := _WORDS.get(name.lower()):
        return f"'{written}' is not known here", f"Write {meant}."
    if name in _FUNCTIONS:
        return f"'{written}' is asked of a value", f"Write it behind one, as in event.properties.path.{written}(…)."
    if re.search(rf"\b{re.escape(name)}\s*\(", text):
        meant = _ELSEWHERE.get(name.lower()) or nearest(name, _FUNCTIONS)
        there = f"Write {meant}(…)." if meant else f"There are {', '.join(_FUNCTIONS)}."
        return f"There is no function '{written}'", there
    event = next((one for one in ("event", "start") if one in roots), "")
    if root == "properties" and event:
        return f"'{written}' is not known here", f"Write {event}.{name if rest else 'properties.price'}."
    if root in _PEOPLE and rest and "customer" in roots:
        return f"'{written}' is not known here", f"Write customer.{rest}."
    return None


def _found(bare: str) -> Iterator[Flaw]:
    taken: list[tuple[int, int]] = []
    for pattern, problem, remedy in _SLIP:
        for match in pattern.finditer(bare):
            if any(begin < match.end() and match.start() < end for begin, end in taken):
                continue
            taken.append(match.span())
            yield Flaw(match.start(), problem.format(" ".join(match[0].split())), remedy)
    for match in _COMMA.finditer(bare):
        before = bare[: match.start()]
        if all(before.count(left) <= before.count(right) for left, right in ("[]", "()")):
            yield Flaw(match.start(), "A decimal number has a point", f"Write {match[1]}.{match[2]}.")
