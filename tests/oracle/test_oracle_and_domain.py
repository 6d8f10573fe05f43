"""The oracle and the production domain fire alike: 20,000 pairs of a campaign and a history."""

from __future__ import annotations

import pytest

from tests.oracle.comparing import HISTORIES
from tests.oracle.generating_rules import KINDS
from tests.oracle.searching import search

EXAMPLES = 20_000
CAMPAIGNS = -(-EXAMPLES // HISTORIES // len(KINDS))
SEED = 20_261_124


@pytest.mark.parametrize("kind", KINDS)
def test_oracle_and_domain_fire_alike(kind: str) -> None:
    """Kills the mutants in ``tests.oracle.mutants``."""
    assert search(kind, from_seed=SEED, campaigns=CAMPAIGNS) == CAMPAIGNS * HISTORIES
