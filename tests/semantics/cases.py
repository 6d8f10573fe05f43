"""Neutral cases as they stand in a file, and which of them sendwhen can express."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from sendwhen.domain.calendar import plus_months

T0_MS = 1_270_080_000_000
"""2010-04-01T00:00Z: a day, a week, thirty days and a month begin there, so tumbling windows stand as offsets do."""
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
WINDOW_OPTIONS = COMMON_OPTIONS | {"of", "at_least", "sliding", "tumbling", "fire", "boundary"}
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
        "cap",
        "not_between",
    },
    "sequence": COMMON_OPTIONS | {"steps", "within", "not_between", "overlap", "boundary"},
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
EVENT_FIELDS = {"event", "happened_at", "id", "props", "attrs", "email"}
REQUIRED = {
    "match": ("match",),
    "absence": (),
    "sequence": ("steps",),
    "quiet_then": ("quiet_of", "for", "then"),
    "count": ("of", "at_least"),
    **dict.fromkeys(("sum", "average", "distinct"), ("of", "at_least", "prop")),
    "nth": ("of", "ordinal"),
    "recency": ("of", "for"),
    "attribute_change": ("attr",),
    "segment": ("when",),
    "delay": ("start", "for"),
    "wait_until": ("start", "until"),
    "session_end": ("of", "gap"),
}
CONTROLS = {
    **dict.fromkeys(("tick", "pause", "resume", "archive"), frozenset()),
    "set": EVENT_FIELDS - {"event"},
    "rule_change": {"patch", "migrate"},
    "merge": {"from", "into"},
    "delete": set(),
}
NEEDED = {"set": ("who", "attrs"), "rule_change": ("patch",), "merge": ("from", "into"), "delete": ("who",)}
EXPECTED_FIELDS = {"at", "who", "start", "key", "seen_at", "value"}
REMARKS = {"title", "tags", "basis", "source", "notes", "note", "comment", "description", "reason", "why", "system"}
"""What tells a reader something and changes nothing."""
CASE_FIELDS = {"id", "rule", "timeline", "run_until", "expect", "variants", "t0"}


class Unsupported(Exception):
    """sendwhen has no word for this."""


class Malformed(Exception):
    """This is no case, or no file of cases."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One timeline under one rule, and what must fire.

    Attributes:
        name: The case's id, with the variant's system behind it.
        t0_ms: What times in the case count from.
        unknown: Fields that say something nobody here knows.
    """

    name: str
    rule: Mapping[str, Any]
    timeline: tuple[Mapping[str, Any], ...]
    run_until_ms: int | None
    expect: tuple[Mapping[str, Any], ...]
    t0_ms: int
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A case and its variants."""

    case_id: str
    title: str
    main: Case
    variants: tuple[Case, ...]


def milliseconds(text: str | int, t0_ms: int = T0_MS) -> int:
    """A duration of the cases' grammar; calendar months are counted from t0."""
    text = str(text)
    if text.startswith("-"):
        return -milliseconds(text[1:], t0_ms)
    parts = _PART.findall(text)
    if text == "0":
        return 0
    if "".join(number + unit for number, unit in parts) != text or not parts:
        raise Malformed(f"'{text}' is no time. Write a sum of numbers with units (d, h, m, s, ms), as in 1h30m.")
    months = sum((float(number) for number, unit in parts if unit == "mo"), 0.0)
    if not months.is_integer():
        raise Malformed(f"'{text}' is no time: months are whole.")
    begins_ms = plus_months(t0_ms, int(months)) - t0_ms if months else 0
    return begins_ms + round(sum(float(number) * _UNIT_MS[unit] for number, unit in parts if unit != "mo"))


def raw_cases(path: Path) -> list[Any]:
    """What stands under ``cases`` in a file, in order; Malformed where that cannot be found."""
    try:
        documents = list(YAML(typ="safe", pure=True).load_all(path.read_text(encoding="utf-8-sig")))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        raise Malformed(f"{path}{place}: {error.problem}. The file must be YAML.") from error
    except (YAMLError, UnicodeDecodeError) as error:
        raise Malformed(f"{path}: {error}. The file must be YAML in UTF-8.") from error
    found: list[Any] = []
    for document in documents:
        cases = document.get("cases") if isinstance(document, Mapping) else document
        if not isinstance(cases, list):
            raise Malformed(f"{path}: there is no list of cases. Write 'cases:' and under it '- id: …' for each.")
        found += cases
    if not found:
        raise Malformed(f"{path}: there are no cases in it.")
    return found


def families(path: Path) -> Iterator[Family]:
    """All cases of a file, in order."""
    return map(family, raw_cases(path))


def family(raw: Any) -> Family:
    """A case and its variants; Malformed where it is none."""
    if not isinstance(raw, Mapping):
        raise Malformed(f"A case has fields, this is {_shortened(raw)}.")
    if isinstance(raw.get("rules"), list) and "rule" not in raw:
        raise Unsupported("field rules of a case")
    _needs(raw, ("id", "rule", "timeline", "expect"), "The case")
    variants = raw.get("variants") or ()
    if not isinstance(variants, Sequence) or not all(isinstance(one, Mapping) for one in variants):
        raise Malformed("'variants' is a list of {system, override, expect}.")
    name = str(raw["id"])
    return Family(
        case_id=name,
        title=str(raw.get("title", "")),
        main=_case(name, raw["rule"], raw, raw["expect"], unknown=set(raw) - CASE_FIELDS - REMARKS),
        variants=tuple(_variant(name, one, raw) for one in variants),
    )


def _variant(name: str, given: Mapping[str, Any], raw: Mapping[str, Any]) -> Case:
    _needs(given, ("expect",), f"A variant of {name}")
    override = given.get("override") or {}
    if not isinstance(override, Mapping) or not isinstance(raw["rule"], Mapping):
        raise Malformed(f"'override' of a variant of {name} names options of the rule.")
    return _case(
        f"{name} ({given.get('system', 'variant')})",
        _overridden(raw["rule"], override),
        raw,
        given["expect"],
        unknown=set(given) - {"override", "expect"} - REMARKS,
    )


def refuse_unsupported(case: Case) -> None:
    """Raises Unsupported where the case needs what sendwhen does not have, Malformed where it says nothing."""
    if case.unknown:
        raise Unsupported(f"field {case.unknown[0]} of a case")
    refuse_unsupported_rule(case.rule)
    for number, line in enumerate(case.timeline, start=1):
        _check_line(line, number)
        if line.get("control") == "rule_change":
            refuse_unsupported_rule(_overridden(case.rule, line["patch"]))
    for firing in case.expect:
        if not isinstance(firing, Mapping) or "at" not in firing:
            raise Malformed(f"'expect' is a list of {{at, who, …}}, this is {_shortened(firing)}.")
        _known(firing, EXPECTED_FIELDS | {"note", "notes", "comment"}, "expected field ")


def refuse_unsupported_rule(rule: Mapping[str, Any]) -> None:
    """Raises Unsupported where a rule uses a kind or an option that sendwhen does not have."""
    if not isinstance(rule, Mapping):
        raise Malformed(f"'rule' has fields, kind for one, this is {_shortened(rule)}.")
    _needs(rule, ("kind",), "The rule")
    kind = rule["kind"]
    if not isinstance(kind, str) or kind not in OPTIONS:
        raise Unsupported(f"kind {kind}")
    _needs(rule, REQUIRED[kind], f"A rule of kind {kind}")
    for option in rule:
        if option not in OPTIONS[kind]:
            raise Unsupported(f"option {option} of {kind}")


def patched(rule: Mapping[str, Any], patch: Mapping[str, Any]) -> Mapping[str, Any]:
    """The rule after an edit; None takes an option away."""
    return _overridden(rule, patch)


def _check_line(line: Any, number: int) -> None:
    what = f"Line {number} of the timeline"
    if not isinstance(line, Mapping):
        raise Malformed(f"{what} has fields, at for one, this is {_shortened(line)}.")
    _needs(line, ("at",), what)
    control = line.get("control")
    if control is None:
        _needs(line, ("who", "event"), what)
        _known(line, EVENT_FIELDS | {"at", "who"} | REMARKS, "field ", " of an event")
        return
    if control not in CONTROLS:
        raise Unsupported(f"control {control}")
    _needs(line, NEEDED.get(control, ()), what)
    _known(line, CONTROLS[control] | {"at", "who", "control"} | REMARKS, "field ", f" of {control}")
    if control == "rule_change" and not isinstance(line["patch"], Mapping):
        raise Malformed(f"{what}: 'patch' names options of the rule.")
    if line.get("migrate", "finish") not in {"finish", "move", "cancel"}:
        raise Unsupported(f"migrate {line['migrate']}")


def _needs(given: Mapping[str, Any], fields: Iterable[str], what: str) -> None:
    for one in fields:
        # A list of nothing is something; nothing at all is not.
        if given.get(one) is None:
            raise Malformed(f"{what} does not say '{one}'.")


def _known(given: Mapping[str, Any], known: set[str], before: str, behind: str = "") -> None:
    for name in given:
        if name not in known:
            raise Unsupported(f"{before}{name}{behind}")


def _case(name: str, rule: Any, raw: Mapping[str, Any], expect: Any, *, unknown: set[str]) -> Case:
    if not isinstance(raw["timeline"], list) or not isinstance(expect, list):
        raise Malformed("'timeline' and 'expect' are lists; where nothing fires: expect: [].")
    t0_ms = _instant(raw["t0"]) if raw.get("t0") is not None else T0_MS
    until = raw.get("run_until")
    return Case(
        name=name,
        rule=rule,
        timeline=tuple(raw["timeline"]),
        run_until_ms=None if until is None else milliseconds(until, t0_ms),
        expect=tuple(expect),
        t0_ms=t0_ms,
        unknown=tuple(sorted(map(str, unknown))),
    )


def _instant(value: object) -> int:
    try:
        instant = value if isinstance(value, datetime) else _read_instant(value)
    except ValueError as error:
        raise Malformed(f"t0 is an instant such as 2024-01-31T09:00:00Z, this is {_shortened(value)}.") from error
    # YAML's own instants come without a zone, in UTC.
    aware = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
    return round(aware.timestamp() * 1_000)


def _read_instant(value: object) -> datetime:
    return datetime.combine(value, time()) if isinstance(value, date) else datetime.fromisoformat(str(value))


def _shortened(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"


def _overridden(rule: Mapping[str, Any], override: Mapping[str, Any]) -> dict[str, Any]:
    if override.get("kind", rule.get("kind")) != rule.get("kind"):
        # Another kind takes over what it knows.
        rule = {name: value for name, value in rule.items() if name in OPTIONS.get(str(override["kind"]), ())}
    merged = {**rule, **override}
    # A lateness of null says "no limit"; any other null takes the option away.
    return {name: value for name, value in merged.items() if value is not None or name == "max_lateness"}
