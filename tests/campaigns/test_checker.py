"""Whole campaigns: every word, folders, versions, and that nothing raises."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sendwhen.campaigns import CampaignFiles, check, compile_campaign, read_folder, report_on
from sendwhen.campaigns.durations import duration_ms, duration_text
from sendwhen.domain.campaign import Reentry
from sendwhen.domain.condition import EventScope
from sendwhen.domain.sending_rules import Category, InDoubt
from sendwhen.domain.span import Span
from sendwhen.domain.steps import SendStep, WaitStep
from sendwhen.domain.trigger_kinds import Absence, Match, OnRestart
from sendwhen.errors import Invalid

FULL = b"""\
campaign: unpaid
trigger:
  absence:
    start: {sequence: [{event: A}, {event: B, where: event.properties.x > 1}], within: 1d2h}
    unless: [{event: Paid, where: event.properties.id == start.properties.id}]
    for: {property: event.properties.wait, unit: minutes, at_most: 30d}
    on_restart: parallel
per: event.properties.id
guard: start.properties.x < 100
stop_after: [{event: Closed}]
steps:
  - send: reminder
  - wait: 59m59.999s
    exit_on: [{event: Paid}, {event: Gone}]
  - send: reminder
exit_on: [{event: Gone}]
reentry: {cooldown: 7d}
send: {category: transactional, in_doubt: at_least_once}
max_event_age: none
max_lateness: 2d
"""
SMALL = b"campaign: thanks\ntrigger:\n  match: {event: Order Completed}\nsteps:\n  - send: reminder\n"
TEMPLATES = {"reminder.subject.liquid": b"Hello", "reminder.text.liquid": b"Hello"}


def test_every_word_arrives_in_the_campaign() -> None:
    checked = check({"campaign.yaml": FULL, **TEMPLATES})
    assert checked.problems == ()
    campaign = checked.campaign
    assert campaign
    assert campaign.campaign_id == "unpaid"
    assert campaign.version == checked.version
    assert isinstance(campaign.trigger, Absence)
    assert [e.event for e in campaign.trigger.start] == ["A", "B"]
    assert campaign.trigger.start_within_ms == 93_600_000
    assert campaign.trigger.unless[0].where
    assert campaign.trigger.unless[0].where.needs_start
    assert campaign.trigger.on_restart is OnRestart.PARALLEL
    assert (campaign.trigger.duration.unit_ms, campaign.trigger.duration.at_most_ms) == (60_000, 30 * 86_400_000)
    event = EventScope(name="B", id="1", occurred_at_ms=0, properties={"wait": 2.5, "id": "i-1", "x": 5})
    assert campaign.trigger.duration.value
    assert campaign.trigger.duration.value.value(event, {}, None, 0) == 2.5
    assert campaign.per
    assert campaign.per.value(event, {}, None, 0) == "i-1"
    assert campaign.guard
    assert campaign.guard.test(None, {}, event, 0)
    assert [e.event for e in campaign.stop_after] == ["Closed"]
    first, wait, last = campaign.steps
    assert isinstance(first, SendStep)
    assert first.template_hash == checked.template_hashes["reminder"]
    assert isinstance(wait, WaitStep)
    assert (wait.duration_ms, [e.event for e in wait.exit_on]) == (3_599_999, ["Paid", "Gone"])
    assert last == first
    assert (campaign.reentry, campaign.cooldown) == (Reentry.COOLDOWN, Span(ms=604_800_000))
    assert (campaign.sending.category, campaign.sending.in_doubt) == (Category.TRANSACTIONAL, InDoubt.AT_LEAST_ONCE)
    assert (campaign.max_event_age_ms, campaign.max_lateness_ms) == (None, 172_800_000)


def test_what_is_left_out_has_its_default() -> None:
    campaign = check({"campaign.yaml": SMALL, **TEMPLATES}).campaign
    assert campaign
    assert isinstance(campaign.trigger, Match)
    assert (campaign.per, campaign.guard, campaign.stop_after, campaign.exit_on) == (None, None, (), ())
    assert (campaign.reentry, campaign.sending.category, campaign.sending.in_doubt) == (
        Reentry.ALWAYS,
        Category.MARKETING,
        InDoubt.AT_MOST_ONCE,
    )
    assert (campaign.max_event_age_ms, campaign.max_lateness_ms) == (86_400_000, 86_400_000)


def test_a_shard_compiles_what_was_checked() -> None:
    checked = check({"campaign.yaml": FULL, **TEMPLATES})
    campaign = compile_campaign(checked.source_yaml, checked.template_hashes)
    assert campaign.version == checked.version
    assert compile_campaign(checked.source_yaml, checked.template_hashes, version="v9").version == "v9"
    with pytest.raises(Invalid, match=r"campaign.yaml:5:11: There is no template 'reminder'"):
        compile_campaign(SMALL, {})


def test_the_version_changes_with_what_matters_and_with_nothing_else() -> None:
    version = check({"campaign.yaml": SMALL, **TEMPLATES}).version
    assert len(version) == 24
    assert check({**TEMPLATES, "campaign.yaml": SMALL}).version == version
    unused = {"other.subject.liquid": b"x", "other.text.liquid": b"x"}
    assert check({"campaign.yaml": SMALL, **TEMPLATES, **unused}).version == version
    assert check({"campaign.yaml": SMALL + b"# x\n", **TEMPLATES}).version != version
    assert check({"campaign.yaml": SMALL, **TEMPLATES, "reminder.text.liquid": b"Other"}).version != version


def test_windows_line_ends_and_a_byte_order_mark_do_no_harm() -> None:
    assert check({"campaign.yaml": b"\xef\xbb\xbf" + SMALL.replace(b"\n", b"\r\n"), **TEMPLATES}).campaign


def test_a_folder_is_read_within_its_limits(tmp_path: Path) -> None:
    (tmp_path / "campaign.yaml").write_bytes(SMALL)
    for name, content in TEMPLATES.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "README.md").write_text("notes")
    (tmp_path / ".hidden").write_text("x")
    assert check(read_folder(tmp_path)).campaign
    (tmp_path / "inner").mkdir()
    (tmp_path / "link.text.liquid").symlink_to("/etc/passwd")
    assert {p.file for p in check(read_folder(tmp_path)).problems} == {"inner", "link.text.liquid"}
    (tmp_path / "huge.text.liquid").write_bytes(b"x" * 1_000_001)
    assert any("more than 64 files or 1 MB" in p.problem for p in check(read_folder(tmp_path)).problems)
    assert any("cannot be read" in p.problem for p in check(read_folder(tmp_path / "nowhere")).problems)


def test_too_many_files_are_refused() -> None:
    files = {f"t{i}.text.liquid": b"x" for i in range(65)}
    assert [p.problem for p in check(files).problems] == ["The folder holds more than 64 files or 1 MB"]


def test_the_report_names_folders_and_places(tmp_path: Path) -> None:
    for name, source in {"one": SMALL, "two": SMALL, "three": SMALL + b"foo: 1\n"}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "campaign.yaml").write_bytes(source)
        for file, content in TEMPLATES.items():
            (tmp_path / name / file).write_bytes(content)
    report = report_on(tmp_path)
    lines, well = report.lines, report.well
    assert not well
    assert f"{tmp_path}/three/campaign.yaml:6:1: 'foo' is unknown. Leave it out." in "\n".join(lines)
    assert any("'thanks' is the name of" in line for line in lines)
    assert report_on(tmp_path / "one").well
    assert not report_on(tmp_path / "nowhere").well


@pytest.mark.parametrize(
    ("text", "ms"),
    [("1h", 3_600_000), ("1d2h3m4s5ms", 93_784_005), ("59m59.999s", 3_599_999), ("0.5s", 500), ("1.0005s", None),
     ("1", None), ("h", None),
     ("1 h", None), ("1h ", None), ("", None), ("1w", None), ("-1h", None), ("1e3s", None), ("0s", 0)],
)  # fmt: skip
def test_durations(text: str, ms: int | None) -> None:
    assert duration_ms(text) == ms
    if ms:
        assert duration_ms(duration_text(ms)) == ms


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    st.dictionaries(
        st.sampled_from(["campaign.yaml", "a.subject.liquid", "a.html.liquid", "x"]),
        st.binary(max_size=80),
    )
)
def test_any_bytes_are_answered(files: dict[str, bytes]) -> None:
    assert check(CampaignFiles(files)).problems


def test_a_campaign_with_random_damage_is_answered_with_places() -> None:
    rng = random.Random(7)
    alphabet = [*"{}[]:,&*!|>'\"%@`#-\t\n ?\x00é", "where", ": ", "- ", "event", "\n  "]
    refused = 0
    for _ in range(400):
        text = FULL.decode()
        for _ in range(rng.choice([1, 1, 2, 4])):
            at = rng.randrange(len(text))
            text = text[:at] + rng.choice(["", rng.choice(alphabet)]) + text[at + rng.choice([0, 1, 1, 5, 30]) :]
        checked = check({"campaign.yaml": text.encode(), **TEMPLATES})
        lines = text.split("\n")
        refused += checked.campaign is None
        assert checked.campaign or checked.problems
        for problem in checked.problems:
            if problem.file == "campaign.yaml":
                assert 1 <= problem.line <= len(lines) + 1, (text, problem)
                assert 1 <= problem.column <= max(map(len, lines)) + 2, (text, problem)
    assert refused > 150
