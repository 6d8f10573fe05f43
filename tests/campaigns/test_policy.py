"""sending.yaml: what it says, what is said of a broken one, and where it stands."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest
from ruamel.yaml import YAML

from sendwhen.campaigns import check_policy, compile_policy, policy_file, report_on
from sendwhen.campaigns.json_schema import policy_schema
from sendwhen.campaigns.language_table import POLICY
from sendwhen.domain.sending_rules import Cap, Category, SendingPolicy
from sendwhen.domain.span import Span
from sendwhen.errors import Invalid

DAY_MS = 86_400_000
GOOD = """\
caps: {marketing: {at_most: 3, per: 7d}, all: {at_most: 9, per: 1mo}}
quiet_hours: {from: "21:00", to: "8:00", zone: Europe/Berlin, then: skip}
time_zone: Europe/Paris
holdout: 5%
priority_window: 1h
"""
CAMPAIGN = "campaign: thanks\ntrigger: {match: {event: Order Completed}}\nsteps: [{send: hello}]\n"


def test_a_policy_says_what_it_says() -> None:
    checked = check_policy(GOOD.encode())

    assert checked.problems == ()
    policy = checked.policy
    assert policy is not None
    assert policy == compile_policy(GOOD.encode())
    assert policy.cap == Cap(at_most=9, per=Span(months=1))
    assert policy.category_caps == ((Category.MARKETING, Cap(at_most=3, per=Span(ms=7 * DAY_MS))),)
    assert policy.quiet_hours is not None
    assert (policy.quiet_hours.begin.minute, policy.quiet_hours.end.minute) == (21 * 60, 8 * 60)
    assert policy.quiet_hours.begin.fallback_zone == "Europe/Berlin"
    assert (policy.time_zone, policy.holdout_percent) == ("Europe/Paris", 5)
    assert policy.priority_window == Span(ms=3_600_000)


def test_the_same_text_is_the_same_version_and_another_is_not() -> None:
    assert check_policy(GOOD.encode()).version == check_policy(GOOD.encode()).version
    assert check_policy(GOOD.encode()).version != check_policy(GOOD.encode() + b"\n").version


def test_a_policy_that_says_nothing_but_the_zone_ends_all_rules() -> None:
    assert compile_policy(b"time_zone: UTC") == SendingPolicy()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "1:1: The file is empty. Write a campaign; docs/campaigns.md shows one."),
        ("- caps", "1:1: The sending policy must be a map, not a list. Write it with the words caps, quiet_hours, "),
        ("cap: {at_most: 1, per: 1d}", "1:1: 'cap' is unknown. Write 'caps'."),
        ("caps: 3", "1:7: 'caps' must be a map, not '3'. Write it with the words all, marketing or transactional."),
        ("caps: {newsletter: {at_most: 1, per: 1d}}", "1:8: 'newsletter' is unknown. Leave it out."),
        ("caps: {all: {at_most: 101, per: 1d}}", "1:23: at_most must be a whole number from 1 to 100."),
        ("caps: {all: {at_most: 1}}", "1:13: 'all' needs 'per'. Add 'per: …'."),
        (
            "caps: {transactional: {at_most: 1, per: 1d}}",
            "1:23: Transactional emails pass by all caps. Leave it out; they count for 'all', and are let through.",
        ),
        ("time_zone: customer.time_zone", "1:12: There is no time zone 'customer.time_zone'. Write"),
        ("time_zone: Europe/Berlijn", "1:12: There is no time zone 'Europe/Berlijn'. Write Europe/Berlin."),
        ("holdout: all", "1:10: holdout must be a whole number from 1% to 99%. Write it as in 10%."),
        ("priority_window: soon", "1:18: 'soon' is no duration."),
        ('quiet_hours: {from: "22:00"}', "1:14: 'quiet_hours' needs 'to'. Add 'to: …'."),
        ("quiet_hours: {from: late, to: early}", "1:21: 'late' is no time of the day."),
        ("campaign: thanks", "1:1: 'campaign' is unknown. Leave it out. The sending policy knows caps, quiet_hours, "),
        ("priority_window:", "1:1: 'priority_window' has no value. Write one, or leave the word out."),
    ],
)
def test_a_broken_policy_is_told_what_is_wrong_where_and_what_to_write(text: str, said: str) -> None:
    checked = check_policy(text.encode())

    assert str(checked.problems[0]).startswith(f"sending.yaml:{said}")
    assert checked.policy is None
    with pytest.raises(Invalid):
        compile_policy(text.encode())


def test_the_schema_for_editors_knows_the_words_of_the_reader() -> None:
    schema = policy_schema()
    validator = jsonschema.Draft7Validator(schema)

    assert not list(validator.iter_errors(YAML(typ="safe", pure=True).load(GOOD)))
    assert tuple(schema["properties"]) == POLICY.known
    for broken in ("cap: 1", "caps: {all: {at_most: 1}}", "holdout: all", "quiet_hours: {from: late, to: early}"):
        assert list(validator.iter_errors(YAML(typ="safe", pure=True).load(broken)))


def folder(tmp_path: Path, policy: str) -> Path:
    inner = tmp_path / "thanks"
    inner.mkdir()
    (inner / "campaign.yaml").write_text(CAMPAIGN)
    (inner / "hello.subject.liquid").write_text("Hello")
    (inner / "hello.text.liquid").write_text("Hello")
    (tmp_path / "sending.yaml").write_text(policy)
    return inner


def test_the_check_of_a_folder_of_campaigns_checks_the_policy_too(tmp_path: Path) -> None:
    folder(tmp_path, "caps: 3")

    report = report_on(tmp_path)
    lines, well = report.lines, report.well

    assert not well
    assert lines[0].startswith(f"{tmp_path}/sending.yaml:1:7: 'caps' must be a map")
    (tmp_path / "sending.yaml").write_text(GOOD)
    report = report_on(tmp_path)
    lines, well = report.lines, report.well
    assert well
    assert lines[0].startswith(f"{tmp_path}/sending.yaml: the sending policy is well, version ")


def test_a_policy_stands_beside_the_folders_and_not_in_one(tmp_path: Path) -> None:
    inner = folder(tmp_path, GOOD)
    assert policy_file(tmp_path) == tmp_path / "sending.yaml"
    (inner / "sending.yaml").write_text(GOOD)

    assert policy_file(inner) is None
    report = report_on(inner)
    lines, well = report.lines, report.well
    assert not well
    assert "Put it beside the campaigns' folders; it belongs to all of them." in lines[0]


def test_a_folder_with_a_policy_alone_is_well(tmp_path: Path) -> None:
    (tmp_path / "sending.yaml").write_text(GOOD)

    report = report_on(tmp_path)
    lines, well = report.lines, report.well

    assert well
    assert len(lines) == 1
