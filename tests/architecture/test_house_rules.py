"""What the code's shape promises: module size, import contracts, no clock in the domain, stubs that pins can load."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINES_MAX = 300
TEST_LINES_MAX = 500
FUNCTION_LINES_MAX = 60


def _modules(*folders: str) -> list[Path]:
    return sorted(
        path
        for folder in folders
        for path in (ROOT / folder).rglob("*.py")
        if not path.name.endswith(("_pb2.py", "_pb2_grpc.py"))
    )


def test_every_module_fits_in_one_reading() -> None:
    too_long = {}
    for path in _modules("sendwhen", "services", "tests", "bench", "tools", "examples"):
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines > (TEST_LINES_MAX if path.is_relative_to(ROOT / "tests") else LINES_MAX):
            too_long[str(path.relative_to(ROOT))] = lines

    assert too_long == {}, "split these by what they are about"


def test_every_function_fits_on_a_screen() -> None:
    too_long = {
        f"{path.relative_to(ROOT)}:{found.lineno} {found.name}": lines
        for path in _modules("sendwhen", "services", "tools", "examples")
        for found in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(found, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (found.end_lineno or 0) - found.lineno + 1) > FUNCTION_LINES_MAX
    }

    assert too_long == {}


@pytest.mark.parametrize("word", ["now", "today", "utcnow"])
def test_no_clock_is_asked_in_the_domain(word: str) -> None:
    asked = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in _modules("sendwhen/domain")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if re.search(rf"\.{word}\(", line)
    ]

    assert asked == [], "time is an argument of the domain"


def test_no_module_has_a_name_that_says_nothing() -> None:
    vague = re.compile(r"(^|_)(utils?|helpers?|common|manager|misc|base)(_|$)")

    named = [str(path.relative_to(ROOT)) for path in _modules("sendwhen", "services") if vague.search(path.stem)]

    assert named == []


def test_pages_name_what_there_is() -> None:
    """Links lead somewhere, and the tests that are said to keep an invariant exist."""
    tests = "".join(path.read_text(encoding="utf-8") for path in _modules("tests"))
    wrong = []
    for page in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")):
        text = page.read_text(encoding="utf-8")
        named = [page.parent / target for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text)]
        named += [
            ROOT / path
            for path in re.findall(
                r"`((?:sendwhen|services|tests|tools|docs|deploy|bench|protos|examples)/[\w./-]+)`", text
            )
        ]
        wrong += [f"{page.name}: {path}" for path in named if not path.exists()]
        wrong += [f"{page.name}: {name}" for name in re.findall(r"`(test_\w+)`", text) if f"def {name}(" not in tests]

    assert wrong == []


def test_ray_is_imported_by_its_adapters_alone() -> None:
    importing = [
        str(path.relative_to(ROOT))
        for path in _modules("sendwhen", "services")
        if re.search(r"^\s*(import|from) ray\b", path.read_text(encoding="utf-8"), re.MULTILINE)
    ]

    assert importing == ["services/trigger/ray_shards.py", "services/trigger/ray_workers.py"]


def test_import_contracts_are_kept() -> None:
    linted = subprocess.run(
        [Path(sys.executable).parent / "lint-imports"],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert linted.returncode == 0, linted.stdout[-3_000:]


def test_generated_code_can_be_loaded_by_the_oldest_versions_allowed() -> None:
    """Generated code refuses older runtimes than its generator's; pyproject's floors must not promise less."""
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    floors = {name: _parts(floor) for name, floor in re.findall(r'"(grpcio|protobuf)>=([0-9.]+)"', project)}
    needs_protobuf, needs_grpcio = set(), set()
    for path in (ROOT / "sendwhen" / "v1").glob("*_pb2*.py"):
        text = path.read_text(encoding="utf-8")
        needs_protobuf |= {
            _parts(found) for found in re.findall(r"^# Protobuf Python Version: ([0-9.]+)", text, re.MULTILINE)
        }
        needs_grpcio |= {_parts(found) for found in re.findall(r"GRPC_GENERATED_VERSION = '([0-9.]+)'", text)}

    assert needs_protobuf
    assert needs_grpcio
    assert floors["protobuf"] >= max(needs_protobuf)
    assert floors["grpcio"] >= max(needs_grpcio)
    assert _parts(version("protobuf")) >= max(needs_protobuf)


def _parts(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))
