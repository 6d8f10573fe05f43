"""What `campaigns check` reports, for people and for programs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sendwhen.campaigns import report_on

CAMPAIGN = "campaign: %s\ntrigger: {match: {event: %s}}\nsteps: [{send: hello}]\n"


def a_folder(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True)
    (folder / "campaign.yaml").write_text(text, encoding="utf-8")
    (folder / "hello.subject.liquid").write_text("Hello")
    (folder / "hello.text.liquid").write_text("Hello")
    return folder


def test_a_report_for_programs_names_every_problem_with_its_place(tmp_path: Path) -> None:
    a_folder(tmp_path / "one", CAMPAIGN % ("one", "Café Visited"))
    a_folder(tmp_path / "two", CAMPAIGN % ("two", "B") + "foo: 1\n")

    found = json.loads(report_on(tmp_path).as_json())

    assert not found["well"]
    assert [one["campaign"] for one in found["campaigns"]] == ["one"]
    [problem] = found["problems"]
    assert (problem["file"], problem["line"], problem["column"]) == (f"{tmp_path.as_posix()}/two/campaign.yaml", 4, 1)
    assert problem["severity"] == "error"
    assert problem["remedy"].startswith("Leave it out.")


def test_a_sarif_report_has_places_that_code_hosts_find(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_folder(tmp_path / "ä b", CAMPAIGN % ("one", "A") + "foo: 1\n")
    (tmp_path / "none").mkdir()
    monkeypatch.chdir(tmp_path)

    [run] = json.loads(report_on(Path()).as_sarif())["runs"]

    places = {
        place["artifactLocation"]["uri"]: place.get("region")
        for result in run["results"]
        for place in (one["physicalLocation"] for one in result["locations"])
    }
    assert places == {"none/campaign.yaml": None, "%C3%A4%20b/campaign.yaml": {"startLine": 4, "startColumn": 1}}


def test_two_campaigns_of_one_name_are_not_both_well(tmp_path: Path) -> None:
    for name in ("one", "two"):
        a_folder(tmp_path / name, CAMPAIGN % ("same", "A"))

    report = report_on(tmp_path)

    assert not report.well
    assert report.lines == [
        str(report.findings[0]),
        f"{tmp_path}/two/campaign.yaml:1:1: 'same' is the name of {tmp_path}/one too. Give each campaign its own name.",
    ]
