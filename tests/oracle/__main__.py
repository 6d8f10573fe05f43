"""``python -m tests.oracle fuzz|repeat|mutants``: longer searches, one example again, and the mutants."""

from __future__ import annotations

import argparse
import sys
import time

from tests.oracle.areas import AREAS
from tests.oracle.comparing import difference
from tests.oracle.mutants import MUTANTS, killed_after
from tests.oracle.searching import Found, search

CAMPAIGNS_AT_ONCE = 200


def main(arguments: list[str]) -> int:
    """Exit status: 0 where oracle and domain agree, or where every mutant dies."""
    parser = argparse.ArgumentParser(prog="python -m tests.oracle")
    commands = parser.add_subparsers(dest="command", required=True)
    fuzz = commands.add_parser("fuzz", help="compare until the time is over")
    fuzz.add_argument("--seconds", type=float, default=600)
    fuzz.add_argument("--seed", type=int, default=int(time.time()))
    fuzz.add_argument("--area", choices=AREAS, action="append")
    repeat = commands.add_parser("repeat", help="compare one example again")
    repeat.add_argument("area", choices=AREAS)
    repeat.add_argument("bytes", nargs="?", default="")
    commands.add_parser("mutants", help="look for what kills each mutant")
    given = parser.parse_args(arguments)
    match given.command:
        case "fuzz":
            return _fuzz(given.seconds, given.seed, given.area or tuple(AREAS))
        case "repeat":
            found, _ = difference(given.area, bytes.fromhex(given.bytes))
            print("They agree." if found is None else found.told())
            return 0 if found is None else 1
    return _mutants()


def _fuzz(seconds: float, seed: int, areas: tuple[str, ...]) -> int:
    end = time.monotonic() + seconds
    compared = rounds = 0
    print(f"seed {seed}")
    while time.monotonic() < end:
        area = areas[rounds % len(areas)]
        try:
            compared += search(area, from_seed=seed + rounds, campaigns=CAMPAIGNS_AT_ONCE)
        except Found as found:
            print(found)
            return 1
        rounds += 1
    print(f"{compared} examples: oracle and domain fire alike")
    return 0


def _mutants() -> int:
    alive = 0
    for mutant in MUTANTS:
        examples = killed_after(mutant, campaigns=2_000)
        alive += examples is None
        fate = "LIVES" if examples is None else f"dies at example {examples}"
        print(f"{fate:24} {mutant.name}")
    print(f"{len(MUTANTS) - alive} of {len(MUTANTS)} mutants die")
    return 1 if alive else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
