"""What commands say to input that cannot be, before and without a running sendwhen."""

from __future__ import annotations

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
    assert f"{tmp_path}: There is no campaign.yaml in the folder. Write one" in result.output


def test_who_does_not_answer_is_named(tmp_path: Path) -> None:
    result = said("track", "Trial Started", "--user", "ada")

    assert result.exit_code == 3
    assert "ingest cannot be reached at 127.0.0.1:1" in result.output
