"""A thousand runs of the simulation, and the proof that it would notice."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.simulation.faults import KINDS
from tests.simulation.mutants import MUTANTS, Mutant
from tests.simulation.runs import run

RUNS = 1_000
CHUNKS = 10
FAULTS_EACH_MIN = 100 // CHUNKS
MUTANT_RUNS_MAX = 60


@pytest.mark.slow
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_whatever_breaks_every_invariant_holds(chunk: int) -> None:
    faults: Counter[str] = Counter()
    fenced = lost = 0
    for seed in range(chunk * RUNS // CHUNKS, (chunk + 1) * RUNS // CHUNKS):
        outcome = run(seed)

        assert not outcome.problem, f"{outcome.problem}\nRepeat: make simulate SEED={seed} RUNS=1"
        assert outcome.events >= 300
        assert sum(outcome.faults.values()) >= 4
        faults.update(outcome.faults)
        fenced += outcome.fenced
        lost += outcome.lost

    assert {kind: faults[kind] for kind in KINDS if faults[kind] < FAULTS_EACH_MIN} == {}
    assert fenced > 0
    assert lost > 0


@pytest.mark.slow
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_dies(mutant: Mutant) -> None:
    outcomes = []
    for seed in range(MUTANT_RUNS_MAX):
        outcomes.append(run(seed, mutant=mutant))
        if outcomes[-1].problem:
            return

    # Without the fence nothing may go wrong in a run, but then nobody was fenced either: that is how it is noticed.
    assert sum(outcome.fenced for outcome in outcomes) == 0, f"the mutant {mutant.name} lives"
