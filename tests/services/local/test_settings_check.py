"""What is said of settings before anything is started."""

from __future__ import annotations

from pathlib import Path

import pytest

from sendwhen.errors import Precondition
from services.local.installation import Wanted, open_installation
from services.local.parts import How, settings_of
from services.local.settings_check import check_settings, strangers
from tests.builders import T0_MS


def said(folder: Path, how: How | None = None, **environ: str) -> str:
    installation = open_installation(folder, Wanted(partitions=None, clock=None, port_base=None), now_ms=T0_MS)
    try:
        check_settings(settings_of(installation, how or How(), environ))
    except Precondition as error:
        return str(error)
    finally:
        installation.close()
    return ""


def test_what_an_installation_chooses_by_itself_is_well(tmp_path: Path) -> None:
    assert said(tmp_path / "data") == ""
    assert said(tmp_path / "data", SENDWHEN_SENDER_AT_ONCE="8") == ""


def test_all_that_is_wrong_is_said_at_once_whichever_service_it_belongs_to(tmp_path: Path) -> None:
    answer = said(
        tmp_path / "data",
        SENDWHEN_SENDER_AT_ONCE="many",
        SENDWHEN_TRIGGER_LIVE_BYTES="1.5 GB",
        SENDWHEN_PROFILE_CACHE_BYTES="-1",
        SENDWHEN_TRIGGER_LOG_LEVEL="loud",
        SENDWHEN_INGEST_LISTEN="7401",
    )

    assert "SENDWHEN_SENDER_AT_ONCE='many' is not a whole number." in answer
    assert "SENDWHEN_TRIGGER_LIVE_BYTES='1.5 GB' is not a whole number." in answer
    assert "SENDWHEN_TRIGGER_LOG_LEVEL='loud' is not debug, info, warning or error." in answer
    assert "SENDWHEN_INGEST_LISTEN='7401' is not an address such as 127.0.0.1:7401." in answer
    assert "SENDWHEN_PROFILE_CACHE_BYTES='-1' is not a whole number of at least 0." in answer
    assert answer.endswith("Set these variables, or unset them to use the defaults.")


def test_a_provider_that_needs_a_key_asks_for_it(tmp_path: Path) -> None:
    assert "SENDWHEN_SENDER_SENDGRID_KEY is not set" in said(tmp_path / "data", How(provider="sendgrid"))


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("SENDWHEN_SENDER_ATONCE", "does nothing. Write SENDWHEN_SENDER_AT_ONCE if that is meant."),
        ("SENDWHEN_DATTA", "does nothing. Write SENDWHEN_DATA if that is meant."),
        ("SENDWHEN_COLOUR", "does nothing."),
    ],
)
def test_a_variable_that_looks_like_a_setting_and_is_none_is_named(name: str, answer: str) -> None:
    known = {"SENDWHEN_DATA": "x", "SENDWHEN_INGEST": "x", "SENDWHEN_SENDER_SENDGRID_KEY_FILE": "x", "PATH": "x"}

    assert list(strangers({**known, name: "1"})) == [f"{name} is no setting and {answer}"]
