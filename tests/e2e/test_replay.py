"""`sendwhen replay` stopped halfway and gone on with: nothing is lost, nothing applied twice, the counts are right."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sendwhen.client.event_file import identity_of
from tests.e2e.installation import ROOT, Installation

pytestmark = [pytest.mark.integration, pytest.mark.slow]

ORDERS, REPEATED, WRONG = 12_000, 120, 60
RATE = 2_000
MAILED_EVERY = 400
OUTCOMES = ("accepted", "refused", "duplicate", "dead-lettered")


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    running = Installation(tmp_path_factory.mktemp("replay") / "data", "--partitions", "4")
    running.start()
    running.cli("campaigns", "put", str(ROOT / "examples" / "demo" / "campaigns" / "thank-you"))
    yield running
    running.kill()


def a_file(path: Path, prefix: str) -> Path:
    """Orders of many customers, some twice, some lines rubbish; the first id once more with another payload."""
    now_ms = time.time_ns() // 1_000_000

    def line(number: int, **more: object) -> str:
        name = "Order Completed" if number % MAILED_EVERY == 0 else "Product Viewed"
        row = {"event_id": f"{prefix}-{number}", "name": name, "user_id": f"{prefix}-u{number % 997}"}
        row["email"] = f"{row['user_id']}@example.com"
        properties = {"order_id": str(number), "total": 10, **more}
        return json.dumps({**row, "occurred_at_ms": now_ms, "properties": properties})

    lines = [line(number) for number in range(ORDERS)]
    for number in range(REPEATED):
        lines.insert(number * 90 + 50, line(number * 60))
    for number in range(WRONG):
        lines.insert(number * 180 + 20, "rubbish")
    lines.insert(1, line(0, other=True))
    path.write_text("\n".join(lines) + "\n")
    return path


def totals(installation: Installation) -> tuple[int, int, int]:
    """Applied, duplicates and dead letters of all partitions."""
    partitions = json.loads(installation.cli("status", "--json").stdout)["partitions"]
    applied, duplicates, dead = (
        sum(int(partition[name]) for partition in partitions) for name in ("applied", "duplicates", "dead_letters")
    )
    return applied, duplicates, dead


def begin(installation: Installation, file: Path) -> subprocess.Popen[bytes]:
    """A replay under way, of which a fifth is through as it noted itself, and by far not all."""
    # Whoever runs the tests in the background may have told all its children to ignore Ctrl-C.
    heeding = ["env", "--default-signal=INT"]
    command = [*heeding, sys.executable, "-m", "sendwhen.cli", "replay", "--rate", str(RATE), str(file)]
    with file.with_suffix(".said").open("wb") as said:
        process = subprocess.Popen(command, env=installation.env, cwd=ROOT, stdout=said, stderr=said)
    deadline = time.monotonic() + 60
    while noted_lines(installation, identity_of(file)) < ORDERS // 5:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return process


def noted_lines(installation: Installation, identity: str) -> int:
    state = installation.folder / "replays" / f"{identity}.json"
    return int(json.loads(state.read_text())["lines"]) if state.exists() else 0


def interrupted(installation: Installation, process: subprocess.Popen[bytes]) -> int:
    process.send_signal(signal.SIGINT)
    return process.wait(30)


def killed(installation: Installation, process: subprocess.Popen[bytes]) -> int:
    process.kill()
    return process.wait(30)


def without_ingest(installation: Installation, process: subprocess.Popen[bytes]) -> int:
    os.kill(installation.pids["front"], signal.SIGKILL)
    # Ingest lives there. It waits until the supervisor has brought it back, and goes on by itself.
    return process.wait(120)


@pytest.mark.timeout(240)
@pytest.mark.parametrize(("stopped", "exit_code"), [(interrupted, 130), (killed, -9), (without_ingest, 1)])
def test_a_replay_stopped_halfway_goes_on_and_loses_doubles_and_miscounts_nothing(
    installation: Installation,
    tmp_path: Path,
    stopped: Callable[[Installation, subprocess.Popen[bytes]], int],
    exit_code: int,
) -> None:
    prefix = stopped.__name__
    file = a_file(tmp_path / "events.jsonl", prefix)
    before = totals(installation)

    code = stopped(installation, begin(installation, file))
    done = installation.cli("replay", str(file), check=False, within_s=120)

    assert code == exit_code, file.with_suffix(".said").read_text()
    assert done.returncode == 1, done.stderr  # some lines were refused
    assert "going on after" in done.stdout
    words = done.stdout.split()
    counts = {name: int(words[words.index(name) + 1].replace(",", "")) for name in OUTCOMES}
    assert counts == {"accepted": ORDERS + REPEATED + 1, "refused": WRONG, "duplicate": REPEATED, "dead-lettered": 1}
    after = totals(installation)
    assert after[0] - before[0] == ORDERS
    assert emails_to(prefix, installation, ORDERS // MAILED_EVERY) == ORDERS // MAILED_EVERY


def emails_to(prefix: str, installation: Installation, expected: int) -> int:
    """How many there are when so many are there, or after a while."""
    deadline = time.monotonic() + 30
    while True:
        found = sum(f"To: {prefix}-" in path.read_text() for path in installation.emails())
        if found >= expected or time.monotonic() > deadline:
            return found
        time.sleep(0.1)
