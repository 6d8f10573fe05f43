"""Lets Hypothesis look for an example on which oracle and domain differ, and shrink it."""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.oracle.comparing import BYTES, difference


class Found(AssertionError):
    """They differ; the message shows how, and how to repeat it."""


def search(area: str, *, from_seed: int, campaigns: int) -> int:
    """Compare examples of so many campaigns of a area; how many examples that were.

    Raises:
        Found: With the smallest example that was found.
    """
    compared = 0

    @seed(from_seed)
    @settings(
        max_examples=campaigns,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        print_blob=False,
        report_multiple_bugs=False,
    )
    @given(st.binary(min_size=BYTES // 2, max_size=BYTES))
    def agree(data: bytes) -> None:
        nonlocal compared
        found, examples = difference(area, data)
        compared += examples
        if found is not None:
            shortest = data.rstrip(bytes(1)).hex()
            again = f"python -m tests.oracle repeat {area} {shortest}"
            raise Found(f"\n{found.told()}\nRepeat: {again}\nFound with seed {from_seed}.")

    agree()
    return compared
