"""A process that cannot start says so in one sentence that names what to change, and ends with 2."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
REQUIRED = {
    "ingest": {"SERVICE_TOKEN": "a", "WRITE_KEYS": "b"},
    "trigger": {"STORE_URL": "unix:///not/there", "SERVICE_TOKEN": "a", "ADMIN_KEY": "b", "SEND_KEY": "c"},
    "profile": {"STORE_URL": "unix:///not/there", "SERVICE_TOKEN": "a", "START_WITHIN_S": "0"},
    "sender": {"STORE_URL": "unix:///not/there", "SERVICE_TOKEN": "a", "ADMIN_KEY": "b", "ADDRESS_KEY": "c" * 16},
}


def variables_of(service: str, settings: dict[str, str]) -> dict[str, str]:
    return {f"SENDWHEN_{service.upper()}_{name}": value for name, value in settings.items()}


def refusal(service: str, settings: dict[str, str]) -> str:
    return refusal_of(f"services.{service}", variables_of(service, settings))


def refusal_of(module: str, variables: dict[str, str]) -> str:
    ended = subprocess.run(
        [sys.executable, "-m", module],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 2, ended.stderr
    assert "Traceback" not in ended.stderr
    return ended.stderr


@pytest.mark.parametrize("service", REQUIRED)
def test_without_settings_every_one_that_is_missing_is_named_at_once(service: str) -> None:
    said = refusal(service, {})

    for name in REQUIRED[service]:
        if name != "START_WITHIN_S":
            assert f"SENDWHEN_{service.upper()}_{name} is not set" in said


@pytest.mark.parametrize("service", ["trigger", "profile", "sender"])
def test_without_a_store_the_last_line_says_so(service: str) -> None:
    listen = {"LISTEN": "127.0.0.1:0", "METRICS_LISTEN": "127.0.0.1:0"}

    last = json.loads(refusal(service, {**REQUIRED[service], **listen}).splitlines()[-1])

    assert last["event"] == "process.refused"
    assert "store" in last["problem"]


@pytest.mark.parametrize("missing", ["ingest", "trigger"])
def test_ingest_and_trigger_in_one_process_want_the_settings_of_both(missing: str) -> None:
    given = "trigger" if missing == "ingest" else "ingest"

    said = refusal_of("services.local.front", variables_of(given, REQUIRED[given]))

    assert f"SENDWHEN_{missing.upper()}_SERVICE_TOKEN is not set" in said


@pytest.mark.parametrize("level", ["loud", "debug"])
def test_ingest_and_trigger_in_one_process_log_as_much_as_either_is_told(level: str) -> None:
    ingest, trigger = variables_of("ingest", REQUIRED["ingest"]), variables_of("trigger", REQUIRED["trigger"])
    listen = {"SENDWHEN_TRIGGER_LISTEN": "127.0.0.1:0", "SENDWHEN_TRIGGER_METRICS_LISTEN": "127.0.0.1:0"}

    said = refusal_of("services.local.front", {**ingest, **trigger, **listen, "SENDWHEN_INGEST_LOG_LEVEL": level})

    # A word that is no level is refused before the store is missed.
    assert ("'loud'" in said) == (level == "loud")
    assert json.loads(said.splitlines()[-1])["event"] == "process.refused"


@pytest.mark.parametrize(("name", "value"), [("METRICS_LISTEN", "nowhere"), ("LOG_LEVEL", "loud")])
def test_a_setting_that_makes_no_sense_is_refused_by_its_value(name: str, value: str) -> None:
    assert value in refusal("ingest", {**REQUIRED["ingest"], "LISTEN": "127.0.0.1:0", name: value})
