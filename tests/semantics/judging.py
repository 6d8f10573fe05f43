"""Compares what a case fired with what it must fire."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.semantics.cases import Case, Family, Unsupported, families, milliseconds, refuse_unsupported
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
    """A verdict on every case of a file."""
    for family in families(path):
        yield judge(family)


def judge(family: Family) -> Verdict:
    """Play a case and all its variants that are supported."""
    verdict = Verdict(family.case_id, family.title)
    try:
        verdict.differences += _differences(family.main)
    except Unsupported as reason:
        verdict.unsupported = str(reason)
        return verdict
    except Exception as error:  # a case that cannot be played fails by name; the others are still played
        verdict.differences.append(f"{family.main.name}\n  raised {type(error).__name__}: {error}")
    for variant in family.variants:
        try:
            verdict.differences += _differences(variant)
        except Unsupported as reason:
            verdict.skipped_variants.append(f"{variant.name}: {reason}")
        except Exception as error:  # as above
            verdict.differences.append(f"{variant.name}\n  raised {type(error).__name__}: {error}")
    return verdict


def _differences(case: Case) -> list[str]:
    refuse_unsupported(case)
    found = []
    played, records = play(case, restored=False)
    if not _agree(played, case.expect):
        found.append(f"{case.name}\n  expected {_shown(case.expect)}\n  fired    {_shown_firings(played)}")
    again, records_again = play(case, restored=True)
    if again != played:
        found.append(f"{case.name}, restored between entries\n  fired    {_shown_firings(again)}")
    if records_again != records:
        found.append(f"{case.name}, restored between entries: other records")
    return found


def _agree(fired: list[Firing], expected: tuple[Mapping[str, Any], ...]) -> bool:
    return len(fired) == len(expected) and all(
        getattr(one, name)
        == (value if name in {"who", "value"} else str(value) if name == "key" else milliseconds(value))
        for one, wanted in zip(fired, expected, strict=True)
        for name, value in wanted.items()
    )


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
