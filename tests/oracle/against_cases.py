"""The oracle against neutral cases: what it says about each, and where that is not what the case expects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tests.oracle.evaluator import firings
from tests.oracle.neutral import length
from tests.oracle.state import Firing
from tests.semantics.cases import Case, Family

TIMES = {"at", "start", "seen_at"}


def disagreements(family: Family) -> Iterator[str]:
    """Of a case and all its variants, in words."""
    for case in (family.main, *family.variants):
        said = what_fires(case)
        agreed = len(said) == len(case.expect) and all(map(_as_expected, said, case.expect))
        if not agreed:
            yield f"{case.name}\n  expected {list(case.expect)}\n  the oracle says {said}"


def what_fires(case: Case) -> list[Firing]:
    """What the oracle says."""
    return firings(case.rule, case.timeline, run_until=case.run_until_ms, t0=case.t0_ms, ids_for="10000d")


def _as_expected(said: Firing, expected: Mapping[str, Any]) -> bool:
    return all(
        getattr(said, name) == (length(value) if name in TIMES else str(value) if name == "key" else value)
        for name, value in expected.items()
    )
