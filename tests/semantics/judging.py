"""Compares what a case fired with what it must fire."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import isclose
from pathlib import Path
from typing import Any

from sendwhen.domain.plan import key_text
from sendwhen.errors import Invalid
from tests.semantics.cases import (
    EXPECTED_FIELDS,
    Case,
    Family,
    Malformed,
    Unsupported,
    family,
    milliseconds,
    raw_cases,
    refuse_unsupported,
)
from tests.semantics.playing import Firing, play


@dataclass(slots=True)
class Verdict:
    """What became of one case.

    Attributes:
        unsupported: Why it was not played, or "".
        differences: In words; empty where it passed.
        skipped_variants: Variants that need what sendwhen does not have.
    """

    case_id: str
    title: str
    unsupported: str = ""
    differences: list[str] = field(default_factory=list)
    skipped_variants: list[str] = field(default_factory=list)


def judge_all(path: Path) -> Iterator[Verdict]:
    """A verdict on every case of a file; Malformed where it is no file of cases."""
    for number, raw in enumerate(raw_cases(path), start=1):
        name = str(raw.get("id", f"case {number}")) if isinstance(raw, Mapping) else f"case {number}"
        try:
            one = family(raw)
        except Unsupported as reason:
            yield Verdict(name, "", unsupported=str(reason))
        except Malformed as reason:
            yield Verdict(name, "", differences=[f"{name}\n  {reason}"])
        except Exception as error:  # one case that cannot be read fails by name; the others are still played
            yield Verdict(name, "", differences=[f"{name}\n  raised {type(error).__name__}: {error}"])
        else:
            yield judge(one)


def judge(family: Family) -> Verdict:
    """Play a case and all its variants that are supported."""
    verdict = Verdict(family.case_id, family.title)
    try:
        verdict.differences += _differences(family.main)
    except Unsupported as reason:
        verdict.unsupported = str(reason)
        return verdict
    for variant in family.variants:
        try:
            verdict.differences += _differences(variant)
        except Unsupported as reason:
            verdict.skipped_variants.append(f"{variant.name}: {reason}")
    return verdict


def _differences(case: Case) -> list[str]:
    try:
        return _played_differences(case)
    except Malformed as reason:
        return [f"{case.name}\n  {reason}"]
    except Invalid as refusal:
        # The campaign was written as the rule says, and the language has no such campaign.
        raise Unsupported(str(refusal)) from refusal
    except Unsupported:
        raise
    except Exception as error:  # a case that cannot be played fails by name; the others are still played
        return [f"{case.name}\n  raised {type(error).__name__}: {error}"]


def _played_differences(case: Case) -> list[str]:
    refuse_unsupported(case)
    found = []
    played, records = play(case, restored=False)
    if not _agree(played, case):
        found.append(f"{case.name}\n  expected {_shown(case.expect)}\n  fired    {_shown_firings(played)}")
    again, records_again = play(case, restored=True)
    if again != played:
        found.append(f"{case.name}, restored between entries\n  fired    {_shown_firings(again)}")
    if records_again != records:
        found.append(f"{case.name}, restored between entries: other records")
    return found


def _agree(fired: list[Firing], case: Case) -> bool:
    return len(fired) == len(case.expect) and all(
        _same(getattr(one, name), name, value, case.t0_ms)
        for one, wanted in zip(fired, case.expect, strict=True)
        for name, value in wanted.items()
        if name in EXPECTED_FIELDS
    )


def _same(fired: Any, name: str, wanted: Any, t0_ms: int) -> bool:
    if name == "who":
        return bool(fired == str(wanted))
    if name == "key":
        return bool(fired == ("" if wanted is None else key_text(wanted, len(fired) + 1_000)))
    if name == "value":
        return fired is not None and isclose(fired, wanted, rel_tol=1e-12)
    return bool(fired == milliseconds(wanted, t0_ms))


def _shown(expected: tuple[Mapping[str, Any], ...]) -> str:
    return "; ".join(", ".join(f"{name} {value}" for name, value in one.items()) for one in expected) or "nothing"


def _shown_firings(fired: list[Firing]) -> str:
    return (
        "; ".join(
            f"at {one.at} ms, who {one.who}, start {one.start} ms, key {one.key!r}, seen_at {one.seen_at} ms, "
            f"value {one.value}"
            for one in fired
        )
        or "nothing"
    )
