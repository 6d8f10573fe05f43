"""`make kills ROUNDS=… SEED=… APART=1`: break the real installation under load; nothing may be lost or doubled."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from tests.e2e.kills.rounds import run

ROUNDS_PER_RUN = 100
"""An installation's log keeps the last hour, which the audit needs whole; further rounds get one of their own."""


def main() -> int:
    """Run; 1 where something did not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.kills", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--apart", action="store_true", help="ingest and trigger in processes of their own")
    given = parser.parse_args()
    left, seed, wrong = given.rounds, given.seed, 0
    while left > 0:
        rounds = min(left, ROUNDS_PER_RUN)
        wrong += _run(rounds, seed, apart=given.apart)
        left, seed = left - rounds, seed + 1
    return 1 if wrong else 0


def _run(rounds: int, seed: int, *, apart: bool) -> int:
    # A short path: the store's socket must fit in 107 bytes. It stays where something went wrong, for its logs.
    folder = Path(tempfile.mkdtemp(prefix="sw-kills-")) / "data"
    repeat = f"make kills ROUNDS={rounds} SEED={seed}" + " APART=1" * apart
    print(f"seed {seed}, {rounds} rounds; data and logs in {folder}", flush=True)
    try:
        told = run(folder, rounds=rounds, seed=seed, apart=apart, tell=lambda line: print(line, flush=True))
        outcome = asyncio.run(told)
    except AssertionError as error:
        print(f"FAILED: {error}\nrepeat with: {repeat}", flush=True)
        return 1
    print(outcome.summary, flush=True)
    for complaint in outcome.complaints:
        print(f"WRONG: {complaint}", flush=True)
    print(f"repeat with: {repeat}" if outcome.complaints else "nothing lost, nothing doubled", flush=True)
    return len(outcome.complaints)


if __name__ == "__main__":
    sys.exit(main())
