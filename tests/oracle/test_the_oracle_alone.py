"""Neutral cases, answered by the oracle alone: a check of both by each other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.oracle.against_cases import disagreements
from tests.semantics.cases import families

SHARED = Path(__file__).parents[3] / "shared" / "semantics" / "cases.yaml"
OWN = sorted((Path(__file__).parents[1] / "semantics").glob("*cases.yaml"))


@pytest.mark.parametrize(
    "family", [family for path in OWN for family in families(path)], ids=lambda family: family.case_id
)
def test_the_oracle_agrees_with_a_case_of_our_own(family) -> None:
    assert list(disagreements(family)) == []


def test_the_oracle_shares_no_code_with_the_domain() -> None:
    for name in ("neutral", "people", "asking", "triggers", "rules", "joining", "evaluator"):
        text = (Path(__file__).parent / f"{name}.py").read_text(encoding="utf-8")
        imported = re.findall(r"^(?:from|import) ([\w.]+)", text, flags=re.MULTILINE)
        assert not [one for one in imported if one.startswith(("sendwhen", "services"))], name


@pytest.mark.external_data
def test_the_oracle_agrees_with_every_neutral_case() -> None:
    if not SHARED.is_file():
        pytest.skip("the neutral cases are not at hand")

    assert [line for family in families(SHARED) for line in disagreements(family)] == []
