"""A thousand runs of the simulation, and the proof that it would notice."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.simulation.faults import KINDS
from tests.simulation.mutants import MUTANTS, Mutant
from tests.simulation.runs import run

RUNS = 1_000
CHUNKS = 10
FAULTS_EACH_MIN = 100 // CHUNKS
MUTANT_RUNS_MAX = 60
FATES = ("applied", "repeated", "other_payload", "failed", "too_many", "deleted")
FATES_EACH_MIN = 1
IDENTITIES = ("merged", "forwarded", "deleted", "expired", "ties_refused", "repeated_transfers")
IDENTITIES_EACH_MIN = 20
_LINES = (Path(__file__).parent / "regressions.txt").read_text(encoding="utf-8").splitlines()
REGRESSIONS = [int(line.split()[0]) for line in _LINES if line[:1].isdigit()]


@pytest.mark.slow
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_whatever_breaks_every_invariant_holds(chunk: int) -> None:
    faults: Counter[str] = Counter()
    fates: Counter[str] = Counter()
    identities: Counter[str] = Counter()
    fenced = lost = 0
    for seed in range(chunk * RUNS // CHUNKS, (chunk + 1) * RUNS // CHUNKS):
        outcome = run(seed)

        assert not outcome.problem, f"{outcome.problem}\nRepeat: make simulate SEED={seed} RUNS=1"
        assert outcome.events >= 300
        assert sum(outcome.faults.get(kind, 0) for kind in KINDS) >= 4
        faults.update(outcome.faults)
        fates.update(outcome.fates)
        identities.update(outcome.identities)
        fenced += outcome.fenced
        lost += outcome.lost

    assert {kind: faults[kind] for kind in KINDS if faults[kind] < FAULTS_EACH_MIN} == {}
    assert {fate: fates[fate] for fate in FATES if fates[fate] < FATES_EACH_MIN} == {}
    assert {one: identities[one] for one in IDENTITIES if identities[one] < IDENTITIES_EACH_MIN} == {}
    assert faults["commit begun"] >= RUNS // CHUNKS
    assert fenced > 0
    assert lost > 0


@pytest.mark.slow
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_dies_of_what_is_wrong_with_it(mutant: Mutant) -> None:
    symptoms = []
    for seed in range(MUTANT_RUNS_MAX):
        problem = run(seed, mutant=mutant).problem
        if any(words in problem for words in mutant.dies_by):
            return
        symptoms.append(problem.strip().rsplit("\n", 1)[-1])

    raise AssertionError(f"the mutant {mutant.name} lives; other symptoms: {Counter(symptoms)}")


@pytest.mark.slow
@pytest.mark.parametrize("seed", REGRESSIONS)
def test_what_once_failed_holds(seed: int) -> None:
    assert run(seed).problem == ""
