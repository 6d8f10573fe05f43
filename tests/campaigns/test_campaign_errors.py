"""What is said of broken campaigns, word for word."""

from __future__ import annotations

import re

import pytest

from sendwhen.campaigns import check
from tests.campaigns.golden_cases import Case, cases, said_of


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_a_broken_campaign_is_told_what_is_wrong_where_and_what_to_write(case: Case) -> None:
    assert said_of(case) == case.problems


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_messages_have_a_place_a_sentence_and_a_remedy(case: Case) -> None:
    checked = check(case.files)
    errors = [p for p in checked.problems if not p.warning]
    assert checked.problems
    assert (checked.campaign is None) == bool(errors)
    for problem in checked.problems:
        assert problem.remedy.endswith(".")
        assert not problem.problem.endswith(".")
        assert re.match(r"[^:]+:\d+:\d+: ", str(problem))
        assert "Traceback" not in str(problem)


def test_there_are_forty_broken_campaigns_at_least() -> None:
    assert len(cases()) >= 40
