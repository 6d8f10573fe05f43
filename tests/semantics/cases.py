"""Neutral cases as they stand in a file, and which of them sendwhen can express."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

T0_MS = 1_270_080_000_000
_UNIT_MS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|mo|d|h|m|s)")

COMMON_OPTIONS = {
    "kind",
    "per",
    "reentry",
    "stop_after",
    "max_lateness",
    "max_event_age",
    "guard_at_fire",
    "active_from",
    "clock",
    "grace",
    "course",
    "exit_on",
}
WINDOW_OPTIONS = COMMON_OPTIONS | {"of", "at_least", "sliding", "tumbling", "fire"}
OPTIONS = {
    "match": COMMON_OPTIONS | {"match"},
    "absence": COMMON_OPTIONS
    | {
        "start",
        "start_sequence",
        "start_within",
        "within",
        "unless",
        "for",
        "for_prop",
        "on_restart",
        "repeat",
        "at_latest",
        "not_between",
    },
    "sequence": COMMON_OPTIONS | {"steps", "within", "not_between", "overlap"},
    "quiet_then": COMMON_OPTIONS | {"quiet_of", "for", "then"},
    "count": WINDOW_OPTIONS,
    **dict.fromkeys(("sum", "average", "distinct"), WINDOW_OPTIONS | {"prop"}),
    "nth": COMMON_OPTIONS | {"of", "ordinal"},
    "recency": COMMON_OPTIONS | {"of", "for"},
    "attribute_change": COMMON_OPTIONS | {"attr", "from", "to"},
    "segment": COMMON_OPTIONS | {"edge", "when"},
    "delay": COMMON_OPTIONS | {"start", "for"},
    "wait_until": COMMON_OPTIONS | {"start", "until", "max", "at_max"},
    "session_end": COMMON_OPTIONS | {"of", "gap"},
}
CONTROLS = {"tick", "set", "rule_change", "merge", "delete"}
EXPECTED_FIELDS = {"at", "who", "start", "key", "seen_at", "value"}


class Unsupported(Exception):
    """sendwhen has no word for this yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One timeline under one rule, and what must fire.

    Attributes:
        name: The case's id, with the variant's system behind it.
        t0_ms: What times in the case count from.
    """

    name: str
    rule: Mapping[str, Any]
    timeline: tuple[Mapping[str, Any], ...]
    run_until_ms: int | None
    expect: tuple[Mapping[str, Any], ...]
    t0_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A case and its variants."""

    case_id: str
    title: str
    main: Case
    variants: tuple[Case, ...]


def milliseconds(text: str | int) -> int:
    """A duration of the cases' grammar."""
    text = str(text)
    if text.startswith("-"):
        return -milliseconds(text[1:])
    parts = _PART.findall(text)
    if "".join(number + unit for number, unit in parts) != text or not parts:
        raise Unsupported(f"time {text!r}")
    if any(unit == "mo" for _, unit in parts):
        raise Unsupported("calendar months")
    return round(sum(float(number) * _UNIT_MS[unit] for number, unit in parts))


def families(path: Path) -> Iterator[Family]:
    """All cases of a file, in order."""
    document = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    for raw in document["cases"]:
        main = _case(raw["id"], raw["rule"], raw, raw["expect"])
        variants = tuple(
            _case(
                f"{raw['id']} ({variant.get('system', 'variant')})",
                _overridden(raw["rule"], variant.get("override") or {}),
                raw,
                variant["expect"],
            )
            for variant in raw.get("variants", ())
        )
        yield Family(case_id=raw["id"], title=raw.get("title", ""), main=main, variants=variants)


def refuse_unsupported(case: Case) -> None:
    """Raises Unsupported where the case needs what sendwhen does not have."""
    refuse_unsupported_rule(case.rule)
    for line in case.timeline:
        control = line.get("control")
        if control is not None and control not in CONTROLS:
            raise Unsupported(f"control {control}")
        if control == "rule_change":
            refuse_unsupported_rule(_overridden(case.rule, line["patch"]))
    for firing in case.expect:
        unknown = set(firing) - EXPECTED_FIELDS
        if unknown:
            raise Unsupported(f"expected field {min(unknown)}")


def refuse_unsupported_rule(rule: Mapping[str, Any]) -> None:
    """Raises Unsupported where a rule uses a kind or an option that sendwhen does not have."""
    kind = rule["kind"]
    if kind not in OPTIONS:
        raise Unsupported(f"kind {kind}")
    for option in rule:
        if option not in OPTIONS[kind]:
            raise Unsupported(f"option {option} of {kind}")


def patched(rule: Mapping[str, Any], patch: Mapping[str, Any]) -> Mapping[str, Any]:
    """The rule after an edit; None takes an option away."""
    return _overridden(rule, patch)


def _case(name: str, rule: Mapping[str, Any], raw: Mapping[str, Any], expect: list[Mapping[str, Any]]) -> Case:
    until = raw.get("run_until")
    return Case(
        name=name,
        rule=rule,
        timeline=tuple(raw["timeline"]),
        run_until_ms=None if until is None else milliseconds(until),
        expect=tuple(expect),
        t0_ms=_instant(raw["t0"]) if "t0" in raw else T0_MS,
    )


def _instant(value: object) -> int:
    instant = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return round(instant.timestamp() * 1_000)


def _overridden(rule: Mapping[str, Any], override: Mapping[str, Any]) -> dict[str, Any]:
    merged = {**rule, **override}
    # A lateness of null says "no limit"; any other null takes the option away.
    return {name: value for name, value in merged.items() if value is not None or name == "max_lateness"}
