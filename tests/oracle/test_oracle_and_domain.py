"""The oracle and the production domain fire alike: 20,000 pairs of a campaign and a history."""

from __future__ import annotations

import pytest

from tests.oracle.areas import AREAS
from tests.oracle.comparing import HISTORIES
from tests.oracle.searching import search

EXAMPLES = 20_000
CAMPAIGNS = -(-EXAMPLES // HISTORIES // len(AREAS))
SEED = 20_261_124


@pytest.mark.parametrize("area", AREAS)
def test_oracle_and_domain_fire_alike(area: str) -> None:
    """Kills the mutants in ``tests.oracle.mutants``."""
    assert search(area, from_seed=SEED, campaigns=CAMPAIGNS) == CAMPAIGNS * HISTORIES
