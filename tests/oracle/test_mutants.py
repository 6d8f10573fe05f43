"""Every defect in ``tests.oracle.mutants`` is told from the oracle by a few examples."""

from __future__ import annotations

import pytest

from tests.oracle.mutants import MUTANTS, Mutant, killed_after


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_mutant_dies(mutant: Mutant) -> None:
    assert killed_after(mutant, campaigns=400) is not None


def test_the_domain_itself_lives() -> None:
    unchanged = Mutant(name="none", areas=("absence", "segment", "sequence", "count"), changes=())

    assert killed_after(unchanged, campaigns=80) is None
