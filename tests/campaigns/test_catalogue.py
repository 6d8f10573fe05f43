"""The catalogue: what is built in, what stands beside the folders, and what it makes of campaigns."""

from __future__ import annotations

from pathlib import Path

import pytest

from sendwhen.campaigns import CampaignFiles, check, read_folder, report_on
from sendwhen.campaigns.catalogue import BUILT_IN
from sendwhen.campaigns.catalogue_reader import read_catalogue
from sendwhen.campaigns.segment_ecommerce import OLDER_NAMES, SEGMENT_ECOMMERCE_EVENTS
from sendwhen.campaigns.shapes import ANY, INTEGER, NUMBER, TEXT, Kind, Shape, joined

SMALL = "campaign: thanks\ntrigger:\n  match: {event: Order Completed, where: %s}\nsteps: [{send: hello}]\n"
TEMPLATES = {"hello.subject.liquid": b"Hello", "hello.text.liquid": b"Hello"}


def said(where: str, catalogue: str | None = None) -> list[str]:
    files = {"campaign.yaml": (SMALL % where).encode(), **TEMPLATES}
    if catalogue is not None:
        files["../events.yaml"] = catalogue.encode()
    return [str(problem) for problem in check(files).problems]


def test_all_events_of_the_specification_are_there_and_older_names_lead_to_them() -> None:
    assert len(SEGMENT_ECOMMERCE_EVENTS) == 28
    assert set(OLDER_NAMES.values()) <= set(SEGMENT_ECOMMERCE_EVENTS)
    assert SEGMENT_ECOMMERCE_EVENTS["Order Completed"]["total"].kind is Kind.NUMBER
    assert SEGMENT_ECOMMERCE_EVENTS["Cart Viewed"]["products"].element


def test_without_a_catalogue_any_name_may_be_used() -> None:
    assert said("event.properties.loyalty_points > 3 && customer.shoe_size > 40") == []


def test_an_open_catalogue_warns_and_a_closed_one_refuses() -> None:
    (warning,) = said("event.properties.loyalty > 3", "catalogue: open")
    (error,) = said("event.properties.loyalty > 3", "catalogue: closed")
    assert "warning: " in warning
    assert warning.replace("warning: ", "") == error


def test_what_is_declared_of_a_known_event_adds_to_it() -> None:
    catalogue = "catalogue: closed\nevents: {Order Completed: {properties: {loyalty: integer}}}"
    assert said("event.properties.loyalty > 3 && event.properties.total > 5", catalogue) == []


def test_the_built_in_events_can_be_left_out() -> None:
    (problem,) = said("true", "catalogue: closed\nbuilt_in: none\nevents: {Order Paid: }")
    assert problem.startswith("campaign.yaml:3:18: No event is called 'Order Completed'.")


def test_conditions_that_fit_the_types_are_well() -> None:
    catalogue = """
catalogue: closed
customer: {plan: {one_of: [free, pro]}, born: date, tags: [text], note: any, address: {city: text, at: [number]}}
"""
    for where in (
        "customer.plan == \"pro\" && customer.tags.exists(t, t.startsWith('a'))",
        "customer.cart.lines.exists(l, l.price * double(2) > 10.0) || size(customer.tags) > 2",
        'timestamp(customer.last_seen) < now - duration("24h") && customer.born != null',
        'customer.address.city in ["Bonn", "Ulm"] && customer.address.at[0] > 1',
        "customer.note > 1 && customer.note.anything.at_all == 1 && (customer.consent ? true : false)",
        "customer.orders.count >= 1.5 && has(customer.cart.value) && customer.sessions.count < 3",
        'customer.address["city"] == "Bonn" && !customer.consent && event.occurred_at < now',
        'customer["list.newcomers"] == true && !has(customer.born)',
        "dyn(customer.plan) == 1 && customer.address != null",
    ):
        assert [p for p in said(f"'{where.replace(chr(39), chr(39) * 2)}'", catalogue) if "warning" not in p] == []


def test_several_events_are_known_by_what_they_share_and_what_any_of_them_has() -> None:
    properties = BUILT_IN.properties(["Product Added", "Order Completed"])
    assert properties.fields
    assert properties.fields["sku"] == TEXT
    assert properties.fields["total"] == NUMBER
    assert BUILT_IN.properties(["Product Added", "Unheard Of"]).fields is None
    assert joined([TEXT, NUMBER]) is ANY
    assert joined([INTEGER, NUMBER]) == NUMBER
    assert joined([]) is ANY
    lists = joined([Shape(kind=Kind.LIST, element=TEXT), Shape(kind=Kind.LIST, element=TEXT)])
    assert lists == Shape(kind=Kind.LIST, element=TEXT)


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"a", b"\xff", b"events: 3", b"events: {a: [1]}", b"customer: {a: [[x]]}"]
)
def test_a_catalogue_that_is_none_is_told_so(content: bytes) -> None:
    assert read_catalogue(content).flaws


def test_the_catalogue_beside_the_folders_is_read_and_travels_with_each(tmp_path: Path) -> None:
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        text = (SMALL % "event.properties.totl > 1").replace("thanks", name)
        for file, content in {"campaign.yaml": text.encode(), **TEMPLATES}.items():
            (folder / file).write_bytes(content)
    assert report_on(tmp_path).well
    (tmp_path / "events.yaml").write_text("catalogue: closed\nevnts: {}\n")
    report = report_on(tmp_path)
    lines, well = report.lines, report.well
    assert not well
    assert [line for line in lines if "evnts" in line] == [
        f"{tmp_path}/events.yaml:2:1: 'evnts' is unknown. Write 'events'."
    ]
    (tmp_path / "events.yaml").write_text("catalogue: closed\n")
    report = report_on(tmp_path)
    lines, well = report.lines, report.well
    assert not well
    assert len([line for line in lines if "has no property 'totl'" in line]) == 2
    files = read_folder(tmp_path / "one")
    travelled = CampaignFiles.of(files.together())
    assert travelled == files
    assert check(files.together()).problems == check(files).problems


def test_other_files_beside_the_folder_are_refused() -> None:
    files = {"campaign.yaml": (SMALL % "true").encode(), **TEMPLATES, "../passwords.txt": b""}
    (problem,) = check(files).problems
    assert problem.file == "../passwords.txt"
