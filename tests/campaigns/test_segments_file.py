"""segments.yaml: definitions that campaigns use by name."""

from __future__ import annotations

from pathlib import Path

import pytest
from google.protobuf.message import Message

from sendwhen.campaigns import check, compile_campaign, read_folder, report_on
from sendwhen.domain.predicate import Condition, History, Not
from sendwhen.domain.trigger_kinds import Segment
from sendwhen.v1 import log_pb2
from services.trigger.yaml_checker import YamlChecker
from tests.campaigns.golden_cases import TEMPLATES

VIP = b"segments: {vip: customer.spend > 100, lapsed: {not: {event: Order Completed, at_least: 1, within_last: 30d}}}"


def campaign(trigger: str, guard: str = "") -> bytes:
    return f"campaign: a\ntrigger: {trigger}\n{guard}\nsteps: [{{send: reminder}}]\n".encode()


def checked(trigger: str, segments: bytes = VIP, guard: str = ""):  # type: ignore[no-untyped-def]  # what check gives
    return check({"campaign.yaml": campaign(trigger, guard), "../segments.yaml": segments, **TEMPLATES})


def problems(segments: bytes) -> list[str]:
    found = checked("{segment: {enter: customer.spend > 5}}", segments)
    return [f"{one.line}:{one.column} {one.problem}" for one in found.problems if one.file == "../segments.yaml"]


def test_a_trigger_and_a_guard_use_definitions_by_name() -> None:
    found = checked("{segment: {enter: lapsed}}", guard="guard: {segment: vip}")

    trigger = found.campaign.trigger
    assert isinstance(trigger, Segment)
    assert trigger.name == "lapsed"
    assert isinstance(trigger.when, Not)
    assert isinstance(trigger.when.part, History)
    assert isinstance(found.campaign.guard, Condition)


def test_a_version_carries_what_it_uses_and_changes_with_that_alone() -> None:
    found = checked("{segment: {enter: vip}}")
    other = checked("{segment: {enter: vip}}", VIP.replace(b"30d", b"40d"))
    changed = checked("{segment: {enter: vip}}", VIP.replace(b"100", b"200"))

    assert b"lapsed" not in found.segments_yaml
    assert found.version == other.version != changed.version
    again = compile_campaign(found.source_yaml, found.template_hashes, segments_yaml=found.segments_yaml)
    assert again.version == found.version
    assert again.trigger.when.source == found.campaign.trigger.when.source == "customer.spend > 100"


def test_a_stored_source_stands_by_itself_and_older_ones_without_segments_still_do() -> None:
    checker = YamlChecker()
    files = {"campaign.yaml": campaign("{segment: {exit: vip}}"), "../segments.yaml": VIP, **TEMPLATES}
    stored = checker.check(files)
    assert checker.campaign(stored.source).trigger.name == "vip"

    plain = checker.check({"campaign.yaml": campaign("{match: {event: A}}"), **TEMPLATES})
    message: Message = log_pb2.CampaignVersion.FromString(plain.source)
    assert message.segments_yaml == b""
    assert checker.campaign(plain.source).version == plain.version


def test_an_edit_of_a_segment_is_told_of_the_campaigns_that_use_it() -> None:
    def stored(trigger: str, segments: bytes) -> bytes:
        files = {"campaign.yaml": campaign(trigger), "../segments.yaml": segments, **TEMPLATES}
        return YamlChecker().check(files).source

    one, other = (stored("{segment: {enter: vip}}", text) for text in (VIP, VIP.replace(b"100", b"200")))
    none = stored("{match: {event: A}}", VIP)

    assert YamlChecker().changes(one, other) == ["segments.vip: customer.spend > 100 becomes customer.spend > 200"]
    assert YamlChecker().changes(none, one)[-1] == "segments.vip: customer.spend > 100 is new"
    assert YamlChecker().changes(none, none) == []


def test_definitions_use_each_other_whatever_their_order_and_are_carried_along() -> None:
    gold = b"{all: [{segment: vip}, {not: {segment: muted}}]}"
    segments = b"segments: {gold: %s, vip: customer.spend > 100, muted: list}" % gold

    found = checked("{segment: {enter: gold}}", segments)

    assert found.problems == ()
    assert all(name in found.segments_yaml for name in (b"gold", b"vip", b"muted"))
    again = compile_campaign(found.source_yaml, found.template_hashes, segments_yaml=found.segments_yaml)
    assert [part.part.source for part in again.trigger.when.parts[1:]] == ['customer["list.muted"] == true']


@pytest.mark.parametrize(
    ("segments", "said"),
    [
        (b"segments: {a: {segment: b}, b: {any: [{segment: a}]}}",
         ["1:12 'a' is defined by itself (a → b → a)", "1:29 'b' is defined by itself (b → a → b)"]),
        (b"segments: {a: {not: {segment: a}}}", ["1:12 'a' is defined by itself (a → a)"]),
        (b"segments: {a: {segment: bb}, b: list}", ["1:25 There is no segment 'bb'"]),
        (b"segments: {A b: list}", ["1:12 'A b' is no name of a segment"]),
        (b"segments: {a: list, a: list}", ["1:21 'a' is written twice"]),
        (b"segments: {a: }", ["1:12 'a' has no definition"]),
        (b"segments: [a]", ["1:11 'segments' must be a map of names"]),
        (b"segment: {a: list}", ["1:1 'segment' is unknown"]),
        (b"segments: {a: now > 5}", ["1:15 'now' is not known here: what holds must change with the customer, or at an "
                                     "instant that is known before"]),
        (b"segments: {a: event.properties.x > 5}", ["1:31 'event' is not known here"]),
        (b"segments: {a: {event: A}}", ["1:15 A count of events needs 'at_least' or 'at_most'"]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place(segments: bytes, said: list[str]) -> None:
    found = problems(segments)

    assert [one.split(" (expected")[0] for one in found][: len(said)] == said


def test_a_flaw_in_the_file_is_said_once_for_a_folder_of_campaigns(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "campaign.yaml").write_bytes(
            campaign("{segment: {enter: vip}}").replace(b": a\n", f": {name}\n".encode())
        )
        for file, content in TEMPLATES.items():
            (tmp_path / name / file).write_bytes(content)
    (tmp_path / "segments.yaml").write_bytes(b"segments: {vip: customer.spend >}")
    report = report_on(tmp_path)
    lines, well = report.lines, report.well
    assert not well
    assert [line for line in lines if "segments.yaml" in line] == [
        f"{tmp_path}/segments.yaml:1:33: The expression ends too early. Complete it."
    ]

    (tmp_path / "segments.yaml").write_bytes(VIP)
    assert report_on(tmp_path).well
    assert report_on(tmp_path / "one").well
    assert check(read_folder(tmp_path / "two")).segments_yaml
