"""The words of the language in one table: which maps there are, what each may say, and what each word means.

Readers take from here which words they know and which must be there, and ``sendwhen campaigns schema`` makes the JSON
Schema for editors of it, so that neither can know something that the other does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Schema = Mapping[str, Any]
NAME_PATTERN = "^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$"
_DURATION = "([0-9]+(\\.[0-9]+)?(d|h|m|s|ms))"


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """One word of a map.

    Attributes:
        holds: JSON Schema of what it may hold; ``{"$ref": NAME}`` for a map of this table.
        about: What it says, in a sentence.
    """

    holds: Schema
    about: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MapWords:
    """One map of the language.

    Attributes:
        what: How messages call it.
        words: What it knows.
        required: Words that must be there.
        one_of: Exactly one of these must be there; () for no such rule.
    """

    what: str
    words: Mapping[str, Word]
    required: tuple[str, ...] = ()
    one_of: tuple[str, ...] = ()

    @property
    def known(self) -> tuple[str, ...]:
        """Its words in their order."""
        return tuple(self.words)


def to(name: str) -> Schema:
    """A map of this table."""
    return {"$ref": name}


def choice(*words: str) -> Schema:
    """One of several words."""
    return {"enum": list(words)}


def list_of(holds: Schema, *, at_least: int = 0) -> Schema:
    """A list."""
    return {"type": "array", "items": holds, "minItems": at_least, "maxItems": 50}


def either(*holds: Schema) -> Schema:
    """One of several forms."""
    return {"anyOf": list(holds)}


def whole(low: int, high: int) -> Schema:
    """A whole number."""
    return {"type": "integer", "minimum": low, "maximum": high}


TEXT: Schema = {"type": "string"}
TRUTH: Schema = {"type": "boolean"}
NUMBER: Schema = {"type": "number", "exclusiveMinimum": 0}
SCALAR: Schema = {"type": ["string", "number", "boolean"]}
CEL: Schema = {"type": ["string", "boolean"], "description": "CEL, as in event.properties.price > 10"}
NAME: Schema = {"type": "string", "pattern": NAME_PATTERN}
EVENT: Schema = {"type": "string", "minLength": 1, "maxLength": 200}
DURATION: Schema = {"type": "string", "pattern": f"^{_DURATION}+$"}
SPAN: Schema = {"type": "string", "minLength": 2, "pattern": f"^([0-9]+mo)?{_DURATION}*$"}
CLOCK: Schema = {"type": "string", "pattern": "^([01]?[0-9]|2[0-3]):[0-5][0-9]$"}
PERCENT: Schema = {"type": ["string", "integer"], "pattern": "^[0-9]{1,2} ?%?$", "minimum": 1, "maximum": 99}
SHORT: Schema = {"type": "string", "minLength": 1, "maxLength": 200}
ATTRIBUTES: Schema = {
    "type": "object",
    "minProperties": 1,
    "additionalProperties": {"anyOf": [{"type": ["string", "number", "boolean", "null"]}, to("computed")]},
}
FILTER = to("filter")
FILTERS = list_of(FILTER)
WHEN = either(CEL, to("count_of_events"), to("all"), to("any"), to("not"), to("segment_of"), to("since"))
LIMIT = either(DURATION, choice("none"))


def words_of(**words: tuple[Schema, str]) -> Mapping[str, Word]:
    """Words with what they hold and what they say; a word of Python ends in ``_``."""
    return {name.rstrip("_"): Word(holds=holds, about=about) for name, (holds, about) in words.items()}
