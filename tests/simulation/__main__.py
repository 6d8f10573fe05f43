"""`python -m tests.simulation --seed S --runs N`: run seeds S, S+1, …; a failure prints how to repeat it."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter

from tests.simulation.faults import KINDS
from tests.simulation.runs import Outcome, run


def main() -> int:
    """Run, show progress, sum up; 1 where a run failed."""
    options = argparse.ArgumentParser(prog="make simulate", description=__doc__)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--runs", type=int, default=100)
    chosen = options.parse_args()
    faults: Counter[str] = Counter()
    fates: Counter[str] = Counter()
    identities: Counter[str] = Counter()
    failed: list[Outcome] = []
    started = time.monotonic()
    fenced = 0
    for number, seed in enumerate(range(chosen.seed, chosen.seed + chosen.runs), start=1):
        outcome = run(seed)
        faults.update(outcome.faults)
        fates.update(outcome.fates)
        identities.update(outcome.identities)
        fenced += outcome.fenced
        if outcome.problem:
            failed.append(outcome)
            print(f"\nseed {seed}: {outcome.problem}\n  repeat: make simulate SEED={seed} RUNS=1")
        if number % 20 == 0:
            left_s = (time.monotonic() - started) / number * (chosen.runs - number)
            print(f"{number} of {chosen.runs} runs, {len(failed)} failed, {left_s:.0f} s left", flush=True)
    for kind in KINDS:
        print(f"{kind:22} {faults[kind]:6}")
    for fate in sorted(fates):
        print(f"{'events ' + fate:22} {fates[fate]:6}")
    for outcome in sorted(identities):
        print(f"{'customers ' + outcome:22} {identities[outcome]:6}")
    print(f"{'fenced':22} {fenced:6}")
    print(f"{chosen.runs - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
