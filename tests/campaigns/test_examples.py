"""The campaigns that a shop really runs: well, played by their cases, and rendered with much data and with little."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

from sendwhen.campaigns import check, read_folder, render, report_on
from sendwhen.campaigns.catalogue import Catalogue
from sendwhen.campaigns.catalogue_reader import read_catalogue
from sendwhen.campaigns.json_schema import catalogue_schema
from sendwhen.campaigns.root_events import root_events
from sendwhen.campaigns.shapes import Kind, Shape
from tests.campaigns.played_case import expected, played

ROOT = Path(__file__).parents[2] / "examples" / "campaigns"
NAMES = (
    "welcome-series", "browse-abandonment", "abandoned-cart", "checkout-abandonment", "back-in-stock", "price-drop",
    "post-purchase", "review-request", "replenishment", "second-order-nudge", "win-back", "vip", "birthday", "renewal",
    "trial-ending",
)  # fmt: skip
SAMPLES = {
    Kind.TEXT: "something",
    Kind.TIME: "2026-03-02T09:00:00Z",
    Kind.DATE: "1990-05-17",
    Kind.NUMBER: 12.5,
    Kind.INTEGER: 2,
    Kind.BOOL: True,
}


def cases(name: str) -> list[dict[str, Any]]:
    found = YAML(typ="safe", pure=True).load((ROOT / name / "cases.yaml").read_text())["cases"]
    assert isinstance(found, list)
    return found


def test_all_of_them_are_well_without_a_warning() -> None:
    report = report_on(ROOT)
    lines, well = report.lines, report.well
    assert well, lines
    assert sorted(NAMES) == sorted(folder.name for folder in ROOT.iterdir() if folder.is_dir())
    assert len(lines) == len(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_an_example_does_what_its_cases_say(name: str) -> None:
    checked = check(read_folder(ROOT / name))
    assert cases(name)
    for case in cases(name):
        assert played(checked, case) == expected(case), case["name"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("rich", [True, False])
def test_an_example_renders_with_much_data_and_with_little(name: str, rich: bool) -> None:
    files = read_folder(ROOT / name)
    checked = check(files)
    assert checked.campaign
    catalogue = read_catalogue(files.beside["events.yaml"]).catalogue
    roots = root_events(checked.campaign)
    context = {
        "event": an_event(catalogue, roots.event, rich),
        "start": an_event(catalogue, roots.start, rich),
        "customer": sample(Shape(kind=Kind.MAP, fields=catalogue.customer), rich),
        "now_ms": 1_772_442_000_000,
    }
    for template in checked.templates.values():
        email = render(template, context)
        assert email.subject
        assert len(email.text) > 30
        assert "Leaf &amp; Bean" in email.html
        assert "{{" not in email.html + email.text + email.subject
        assert "mailjet" not in email.html


def an_event(catalogue: Catalogue, names: tuple[str, ...], rich: bool) -> dict[str, Any]:
    properties = sample(catalogue.properties(names), rich)
    return {
        "name": names[0] if names else "",
        "id": "e1",
        "occurred_at_ms": 1_772_442_000_000,
        "properties": properties,
    }


def sample(shape: Shape, rich: bool) -> Any:
    """A value of a shape; with little data what may be absent is, and lists are empty."""
    if shape.kind is Kind.LIST:
        return [sample(shape.element, rich) for _ in range(2)] if rich and shape.element else []
    if shape.kind is Kind.MAP:
        fields = shape.fields or {}
        return {name: sample(inner, rich) for name, inner in fields.items() if rich or not inner.optional}
    return shape.choices[0] if shape.choices else SAMPLES.get(shape.kind, "any")


def test_their_catalogue_passes_the_schema() -> None:
    text = (ROOT / "events.yaml").read_text()
    assert not read_catalogue(text.encode()).flaws
    jsonschema.Draft7Validator(catalogue_schema()).validate(YAML(typ="safe", pure=True).load(text))
