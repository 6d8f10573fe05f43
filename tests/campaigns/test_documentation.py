"""What docs/campaigns.md shows and lists is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sendwhen.campaigns import check, check_policy
from sendwhen.campaigns.catalogue_reader import read_catalogue
from sendwhen.campaigns.language_table import STEP
from sendwhen.campaigns.language_triggers import TRIGGER
from sendwhen.campaigns.liquid_environment import sandbox
from sendwhen.campaigns.segments import read_segments
from sendwhen.campaigns.templates import check_part
from tests.campaigns.document import Example, drawings, examples
from tests.campaigns.played_case import checked as checked_files
from tests.campaigns.played_case import expected, played

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "campaigns.md").read_text(encoding="utf-8")
DOCUMENTED = examples()


@pytest.mark.parametrize("example", DOCUMENTED, ids=lambda example: example.name)
def test_campaigns_in_the_document_are_well(example: Example) -> None:
    checked = check(example.files())
    assert not checked.problems
    assert checked.campaign


@pytest.mark.parametrize("example", [e for e in DOCUMENTED if e.case], ids=lambda example: example.name)
def test_campaigns_in_the_document_do_what_is_drawn(example: Example) -> None:
    assert example.case
    assert played(checked_files(example.files()), example.case) == expected(example.case)


def test_every_kind_of_trigger_and_of_step_is_shown_with_what_comes_of_it() -> None:
    shown = "".join(example.campaign for example in DOCUMENTED if example.case)
    assert [kind for kind in TRIGGER.known if f"\n  {kind}:" not in shown] == []
    assert [kind for kind in STEP.one_of if not re.search(rf"[-{{] ?{kind}:", shown)] == []


def test_the_drawings_show_the_cases() -> None:
    assert len(drawings()) > 5
    for drawing, would_be in drawings():
        assert drawing == would_be, "python -m tests.campaigns.document draws anew"
        assert max(map(len, drawing.split("\n"))) <= 125


def test_files_beside_the_folders_are_well() -> None:
    (events,) = re.findall(r"```yaml events\n(.*?)```", DOCUMENT, re.DOTALL)
    assert read_catalogue(events.encode()).flaws == ()
    (segments,) = re.findall(r"```yaml segments\n(.*?)```", DOCUMENT, re.DOTALL)
    assert read_segments(segments.encode()).flaws == ()
    (sending,) = re.findall(r"```yaml sending\n(.*?)```", DOCUMENT, re.DOTALL)
    assert check_policy(sending.encode()).policy


def test_there_are_campaigns_and_templates_in_the_document() -> None:
    assert len(DOCUMENTED) >= 4
    (template,) = re.findall(r"```liquid\n(.*?)```", DOCUMENT, re.DOTALL)
    assert check_part("text", template) == []


def test_all_filters_are_listed() -> None:
    listed = re.search(r"Filters: (.*?)\. `date`", DOCUMENT, re.DOTALL)
    assert listed
    assert sorted(re.findall(r"`(\w+)`", listed[1])) == sorted(sandbox(autoescape=True).filters)


def test_all_tags_are_listed() -> None:
    listed = re.search(r"\nTags: (.*?)\. There is no", DOCUMENT, re.DOTALL)
    assert listed
    known = {tag for tag in sandbox(autoescape=True).tags if tag.isalpha() and tag.islower()} - {
        "content",
        "output",
        "illegal",
        "statement",
    }
    assert known <= {*re.findall(r"`([a-z]+)`", listed[1])}
