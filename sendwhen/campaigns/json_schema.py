"""JSON Schema for editors, made of the table of the language's words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sendwhen.campaigns.language import WHEN, MapWords, Schema
from sendwhen.campaigns.language_table import CONDITIONS, MAPS, POLICY, POLICY_MAPS
from sendwhen.campaigns.shapes import WORDS

_DRAFT = "http://json-schema.org/draft-07/schema#"


def campaign_schema() -> dict[str, Any]:
    """Of campaign.yaml."""
    return _document("campaign.yaml", "campaign", MAPS)


def policy_schema() -> dict[str, Any]:
    """Of sending.yaml."""
    return _document("sending.yaml", "policy", {"policy": POLICY, **POLICY_MAPS})


def _document(file: str, root: str, maps: Mapping[str, MapWords]) -> dict[str, Any]:
    return {
        "$schema": _DRAFT,
        "title": f"sendwhen: {file}",
        **_map(maps[root]),
        "definitions": {name: _map(words) for name, words in maps.items() if name != root},
    }


def catalogue_schema() -> dict[str, Any]:
    """Of events.yaml."""
    simple = {"enum": [word + mark for word in WORDS for mark in ("", "?")]}
    shape = {"$ref": "#/definitions/type"}
    named = {"type": "object", "additionalProperties": shape}
    choices = {
        "type": "object",
        "properties": {"one_of": {"type": "array", "items": {"type": "string"}}, "optional": {"type": "boolean"}},
        "required": ["one_of"],
        "additionalProperties": False,
    }
    event = {
        "type": ["object", "null"],
        "properties": {"about": {"type": "string"}, "properties": named},
        "additionalProperties": False,
    }
    return {
        "$schema": _DRAFT,
        "title": "sendwhen: events.yaml",
        "type": "object",
        "properties": {
            "catalogue": {"enum": ["open", "closed"], "description": "closed: what is not here is an error."},
            "built_in": {"enum": ["segment-ecommerce-v2", "none"], "description": "Events that are known besides."},
            "events": {"type": "object", "additionalProperties": event, "description": "By the name as tracked."},
            "customer": {**named, "description": "Attributes of customers."},
        },
        "additionalProperties": False,
        "definitions": {
            "type": {
                "description": "text, number …; [type] for a list; {name: type} for a map; ? behind what may be absent",
                "anyOf": [simple, {"type": "array", "items": shape, "minItems": 1, "maxItems": 1}, choices, named],
            }
        },
    }


def segments_schema() -> dict[str, Any]:
    """Of segments.yaml."""
    about = "What must hold of the customer, or list: steps put customers on it and take them off."
    named = {"type": "object", "additionalProperties": {**_resolved(WHEN), "description": about}}
    return {
        "$schema": _DRAFT,
        "title": "sendwhen: segments.yaml",
        "type": "object",
        "properties": {"segments": {**named, "description": "Definitions by name, which campaigns use."}},
        "required": ["segments"],
        "additionalProperties": False,
        "definitions": {name: _map(words) for name, words in CONDITIONS.items()},
    }


def schemas() -> Mapping[str, dict[str, Any]]:
    """All of them, by what they are of."""
    return {
        "campaign": campaign_schema(),
        "events": catalogue_schema(),
        "segments": segments_schema(),
        "sending": policy_schema(),
    }


def schema_text(schema: Mapping[str, Any]) -> str:
    """As it is written to a file."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _map(words: MapWords) -> dict[str, Any]:
    found: dict[str, Any] = {
        "type": "object",
        "properties": {
            name: {**_resolved(word.holds), "description": word.about}
            if "$ref" not in word.holds
            else {"allOf": [_resolved(word.holds)], "description": word.about}
            for name, word in words.words.items()
        },
        "additionalProperties": False,
    }
    if words.required:
        found["required"] = list(words.required)
    if words.one_of == words.known:
        found |= {"minProperties": 1, "maxProperties": 1}  # says the same, and editors explain it better
    elif words.one_of:
        found["oneOf"] = [{"required": [name]} for name in words.one_of]
    return found


def _resolved(schema: Schema) -> dict[str, Any]:
    """With the names of maps as places in the document."""
    return {key: _value(key, value) for key, value in schema.items()}


def _value(key: str, value: Any) -> Any:
    if key == "$ref":
        return f"#/definitions/{value}"
    if isinstance(value, Mapping):
        return _resolved(value)
    return (
        [_resolved(each) if isinstance(each, Mapping) else each for each in value] if isinstance(value, list) else value
    )
