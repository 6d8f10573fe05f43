"""What other template languages write: { first_name }, *|FNAME|*, upper, elif."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Final

from sendwhen.campaigns.liquid_environment import ROOTS
from sendwhen.campaigns.problem import Flaw, shortened

_ONE_BRACE: Final = re.compile(
    rf"(?<![{{%$])\{{\s*((?:{'|'.join(ROOTS)})\.[\w.\[\]\"']+[^{{}}\n]{{0,80}}?)\s*\}}(?!\}})"
)
_PLACEHOLDER: Final = re.compile(r"\*\|\w+\|\*|\$\{\s*\w[\w.]*\s*\}|\[\[\s*\w[\w.]*\s*\]\]|%%\w+%%|%[A-Z][A-Z_]{3,40}%")
_SEEN_MAX: Final = 10
FILTERS: Final = MappingProxyType(
    {
        "upper": "upcase", "uppercase": "upcase", "lower": "downcase", "lowercase": "downcase", "title": "capitalize",
        "titlecase": "capitalize", "trim": "strip", "length": "size", "len": "size", "count": "size",
        "date_format": "date", "format_date": "date", "strftime": "date", "number_format": "round", "money": "round",
        "nl2br": "newline_to_br", "raw": "escape", "safe": "escape", "if_empty": "default", "fallback": "default",
        "or": "default", "add": "plus", "subtract": "minus", "multiply": "times", "divide": "divided_by",
    }
)  # fmt: skip
"""Filters of others, and ours."""
TAGS: Final = MappingProxyType(
    {"elif": "elsif", "elseif": "elsif", "else if": "elsif", "set": "assign", "let": "assign", "foreach": "for",
     "each": "for", "switch": "case", "end": "endif", "endeach": "endfor", "endforeach": "endfor"}
)  # fmt: skip
"""Tags of others, and ours."""


def placeholder_warnings(source: str) -> list[Flaw]:
    """Placeholders that Liquid takes for text, so that customers would read them."""
    found = [
        Flaw(match.start(), _problem(match[0]), f"Write {{{{ {shortened(match[1])} }}}}.", True)
        for match in _ONE_BRACE.finditer(source)
    ]
    found += [
        Flaw(match.start(), _problem(match[0]), "Write it as in {{ customer.first_name }}.", True)
        for match in _PLACEHOLDER.finditer(source)
    ]
    return sorted(found, key=lambda flaw: flaw.offset)[:_SEEN_MAX]


def _problem(text: str) -> str:
    return f"'{shortened(text)}' is sent as it stands: it is no Liquid"
