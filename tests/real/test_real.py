"""The real data sets, where they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.real.__main__ import run
from tests.real.sets import SETS

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


@pytest.mark.integration
@pytest.mark.slow
@pytest.mark.external_data
@pytest.mark.timeout(600)
@pytest.mark.parametrize("data", SETS, ids=lambda data: data.name)
def test_a_real_data_set_leads_to_exactly_the_emails_that_a_plain_loop_counts(data: object) -> None:
    if not (DATA / data.source).exists():
        pytest.skip(f"{data.source} is not in ../shared/data")

    lines = list(run(DATA, [data.name]))

    assert all(right for _, right in lines), lines
