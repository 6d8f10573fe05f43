"""The README's examples do what it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.installation import ROOT, Installation
from tools.readme_settings import written

README = ROOT / "README.md"


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    running = Installation(tmp_path_factory.mktemp("readme") / "data")
    running.start()
    yield running
    running.stop()


def test_the_table_of_settings_is_what_the_services_read() -> None:
    text = README.read_text()

    assert written(text) == text, "run `python -m tools.readme_settings` and commit"


@pytest.mark.integration
@pytest.mark.slow
def test_the_examples_run_as_they_stand(installation: Installation, tmp_path: Path) -> None:
    (tmp_path / "protos").symlink_to(ROOT / "protos")
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "sendwhen").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m sendwhen.cli "$@"\n')
    (tools / "sendwhen").chmod(0o755)
    path = os.pathsep.join([str(tools), str(Path(sys.executable).parent), installation.env["PATH"]])

    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(_blocks(README.read_text()))],
        cwd=tmp_path, env={**installation.env, "PATH": path}, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    assert "on disk in partition" in done.stdout
    assert '"position"' in done.stdout
    addressees = [
        line for mail in installation.emails() for line in mail.read_text().splitlines() if line.startswith("To:")
    ]
    assert "To: ada@example.com" in addressees
    assert "To: bela@example.com" not in addressees


def _blocks(text: str) -> Iterator[str]:
    found = re.findall(r"^```(sh|python)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert len(found) >= 8
    for language, code in found:
        yield code if language == "sh" else f"python - <<'END_OF_PYTHON'\n{code}END_OF_PYTHON"
