"""What commands say to input that cannot be, before and without a running sendwhen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from sendwhen.cli.__main__ import app
from sendwhen.cli.targets import VARIABLES


def said(*arguments: str) -> Result:
    # Port 1 of this machine: nobody answers there.
    nowhere = dict.fromkeys(VARIABLES.values(), "127.0.0.1:1")
    return CliRunner().invoke(app, arguments, env=nowhere, catch_exceptions=False)


@pytest.mark.parametrize(
    ("option", "value", "answer"),
    [
        ("--properties", "{bad", "--properties is not JSON"),
        ("--properties", '{"a": NaN}', "--properties is not JSON: NaN"),
        ("--attributes", "[1]", "--attributes must be a JSON object"),
        ("--properties", r'{"a": "\ud800"}', "use text in UTF-8"),
        ("--user", "\udcff", "use text in UTF-8"),
        ("--occurred-at-ms", str(2**70), "times in 64 bits"),
    ],
)
def test_an_event_that_cannot_be_written_is_wrong_usage(option: str, value: str, answer: str) -> None:
    result = said("track", "Trial Started", option, value)

    assert result.exit_code == 2
    assert answer in result.output


def test_a_folder_without_a_campaign_is_named_when_it_is_put(tmp_path: Path) -> None:
    result = said("campaigns", "put", str(tmp_path))

    assert result.exit_code == 1
    assert f"{tmp_path}/campaign.yaml:0:0: There is no campaign.yaml in the folder. Write one" in result.output


def two_campaigns(folder: Path, *, second: str) -> None:
    for name, text in (
        ("good", "campaign: good\ntrigger: {match: {event: A}}\nsteps: [{send: it}]\n"),
        ("second", second),
    ):
        (folder / name).mkdir()
        (folder / name / "campaign.yaml").write_text(text)
        (folder / name / "it.subject.liquid").write_text("Hello")
        (folder / name / "it.text.liquid").write_text("Hello")


@pytest.mark.parametrize(
    ("second", "answer"),
    [
        ("campaign: bad\ntrigger: {mach: {event: A}}\nsteps: [{send: it}]\n", "second/campaign.yaml:2:"),
        ("campaign: good\ntrigger: {match: {event: B}}\nsteps: [{send: it}]\n", "'good' is the name of"),
    ],
)
def test_a_folder_with_something_wrong_is_not_put_by_half(tmp_path: Path, second: str, answer: str) -> None:
    two_campaigns(tmp_path, second=second)

    result = said("campaigns", "put", str(tmp_path))

    assert result.exit_code == 1, "and not 3: nobody was asked"
    assert answer in result.output
    assert "Nothing was put." in result.output
    assert said("campaigns", "put", str(tmp_path / "good")).exit_code == 3


def test_a_check_reports_to_programs_too(tmp_path: Path) -> None:
    two_campaigns(tmp_path, second="campaign: bad\n")
    (tmp_path / "good" / "cases.yaml").write_text("cases: 5\n")
    report = tmp_path / "report.sarif"

    result = said("campaigns", "check", str(tmp_path), "--json", "--sarif", str(report))

    assert result.exit_code == 1
    files = {Path(one["file"]).name for one in json.loads(result.stdout)["problems"]}
    assert files == {"campaign.yaml", "cases.yaml"}
    assert len(json.loads(report.read_text())["runs"][0]["results"]) == len(json.loads(result.stdout)["problems"])
    assert said("campaigns", "check", str(tmp_path / "good"), "--sarif", str(tmp_path / "no" / "where")).exit_code == 1


def test_who_does_not_answer_is_named(tmp_path: Path) -> None:
    result = said("track", "Trial Started", "--user", "ada")

    assert result.exit_code == 3
    assert "ingest cannot be reached at 127.0.0.1:1" in result.output
