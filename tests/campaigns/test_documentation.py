"""What docs/campaigns.md shows and lists is so, and the examples are well."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sendwhen.campaigns import check, check_lines, check_policy, read_folder, render
from sendwhen.campaigns.liquid_environment import sandbox
from sendwhen.campaigns.templates import check_part
from tests.campaigns.document import Example, drawings, examples
from tests.campaigns.played_case import checked as checked_files
from tests.campaigns.played_case import expected, played

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "campaigns.md").read_text(encoding="utf-8")
DOCUMENTED = examples()
EXAMPLES = sorted(path.parent for path in (ROOT / "examples" / "campaigns").glob("*/campaign.yaml"))


@pytest.mark.parametrize("example", DOCUMENTED, ids=lambda example: example.name)
def test_campaigns_in_the_document_are_well(example: Example) -> None:
    checked = check(example.files())
    assert not checked.problems
    assert checked.campaign


@pytest.mark.parametrize("example", [e for e in DOCUMENTED if e.case], ids=lambda example: example.name)
def test_campaigns_in_the_document_do_what_is_drawn(example: Example) -> None:
    assert example.case
    assert played(checked_files(example.files()), example.case) == expected(example.case)


def test_the_drawings_show_the_cases() -> None:
    for drawing, would_be in drawings():
        assert drawing == would_be, "python -m tests.campaigns.document draws anew"
        assert max(map(len, drawing.split("\n"))) <= 125


def test_the_sending_policy_in_the_document_is_well() -> None:
    [policy] = re.findall(r"```yaml sending\n(.*?)```", DOCUMENT, re.DOTALL)
    assert check_policy(policy.encode()).problems == ()


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


def test_the_examples_are_well() -> None:
    lines, well = check_lines(ROOT / "examples" / "campaigns")
    assert well, lines
    assert len(EXAMPLES) >= 3
    assert not any("warning" in line for line in lines)


@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda folder: folder.name)
@pytest.mark.parametrize("rich", [True, False])
def test_the_examples_render_with_much_data_and_with_little(folder: Path, rich: bool) -> None:
    checked = check(read_folder(folder))
    properties = {"order_id": "o-1", "total": 12.5, "currency": "EUR"}
    customer = {}
    if rich:
        properties |= {
            "name": "Mug",
            "price": 12.5,
            "url": "https://shop.example/mug",
            "products": [{"name": "Mug", "price": 5, "quantity": 2}],
        }
        customer = {"first_name": "Ann", "email": "ann@example.invalid"}
    scope = {"name": "Product Added", "id": "e1", "occurred_at_ms": 1_700_000_000_000, "properties": properties}
    for template in checked.templates.values():
        email = render(template, {"event": scope, "start": scope, "customer": customer, "now_ms": 1_700_000_000_000})
        assert email.subject
        assert "\n" not in email.subject
        assert len(email.text) > 20
        assert ("Ann" in email.subject + email.text) <= rich
