"""One run from a seed, and what came of it."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from dataclasses import dataclass

from tests.simulation.invariants import check
from tests.simulation.mutants import NONE, Mutant
from tests.simulation.world import World


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of a run.

    Attributes:
        problem: Which invariant was violated, or what was raised; "" where all held.
        identities: How often customers were merged, deleted, forgotten, or refused to be tied.
        fates: What became of the events in the log.
        fenced, lost: Writes that the store refused to stale owners, and to owners that had applied a tail it lost.
    """

    seed: int
    problem: str
    faults: Mapping[str, int]
    fates: Mapping[str, int]
    identities: Mapping[str, int]
    fenced: int
    lost: int
    events: int


def run(seed: int, *, mutant: Mutant = NONE) -> Outcome:
    """Run a seed to its end and check everything."""
    world = World(seed, mutant=mutant)
    problem = ""
    try:
        world.run()
        check(world)
    except AssertionError as violated:
        problem = f"{type(violated).__name__}: {violated}"
    except Exception:
        problem = traceback.format_exc(limit=-6)
    history = world.history
    return Outcome(
        seed=seed,
        problem=problem,
        faults=dict(history.faults),
        fates=dict(history.fates),
        identities=dict(history.identities),
        fenced=history.fenced,
        lost=history.lost,
        events=history.appended_events,
    )
