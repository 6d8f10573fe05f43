"""A disk that fills up under the real installation: events are refused by name, nothing acknowledged is lost.

Where this user may mount, the disk is a small file system of its own and is filled to the last byte. Elsewhere it is
the one that holds the tests, and the room that must stay free is set so that a file of ours takes it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.installation import ROOT, Installation

pytestmark = [pytest.mark.integration, pytest.mark.slow]

MIB = 1 << 20
DISK_BYTES = 400 * MIB
FREE_SHARE_MIN = 0.10
FILLED_BYTES = 1_024 * MIB
WITHIN_S = 60.0


@dataclass(frozen=True, kw_only=True)
class Disk:
    """Where the installation lives, and how it runs short of room."""

    folder: Path
    own: bool

    @property
    def environ(self) -> dict[str, str]:
        if self.own:
            return {}
        least = shutil.disk_usage(self.folder).free - FILLED_BYTES // 2
        return {"SENDWHEN_TRIGGER_STORE_DISK_FREE_BYTES_MIN": str(least)}

    def fill(self, *, left_bytes: int) -> None:
        """Take what is free but so much; on a disk that is not our own a file large enough to cross the threshold."""
        size = shutil.disk_usage(self.folder).free - left_bytes if self.own else FILLED_BYTES
        with (self.folder / f"filler-{left_bytes}").open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, size)

    def fill_up(self) -> None:
        """Leave not one byte."""
        with (self.folder / "filler-rest").open("wb", buffering=0) as file:
            for block in (MIB, 4096, 1):
                try:
                    while file.write(b"x" * block):
                        pass
                except OSError:
                    continue

    def free(self) -> None:
        for filler in self.folder.glob("filler-*"):
            filler.unlink()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    options = f"size={DISK_BYTES},mode=0700"
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True, check=False)
    own = mounted.returncode == 0
    try:
        yield Disk(folder=folder, own=own)
    finally:
        if own:
            subprocess.run(["umount", "--lazy", folder], check=True)
        else:
            Disk(folder=folder, own=own).free()


@pytest.mark.timeout(300)
def test_events_are_refused_while_the_disk_is_full_and_nothing_that_was_taken_is_lost(disk: Disk) -> None:
    installation = Installation(disk.folder / "data", "--partitions", "4", environ=disk.environ)
    taken: list[int] = []
    try:
        installation.start()
        installation.cli("campaigns", "put", str(ROOT / "examples" / "demo" / "campaigns" / "thank-you"))
        order_until(installation, 0, taken, refused=False)

        disk.fill(left_bytes=int(DISK_BYTES * FREE_SHARE_MIN / 2))
        said = order_until(installation, 100, taken, refused=True)
        assert "disk" in said
        assert "disk" in json.loads(installation.cli("status", "--json").stdout)["refusing"]
        if disk.own:
            disk.fill_up()
            assert "disk" in order_until(installation, 200, taken, refused=True)
            time.sleep(3)

        disk.free()
        order_until(installation, 300, taken, refused=False)
        installation.wait_for_emails(len(taken), within_s=WITHIN_S)
        partitions = json.loads(installation.cli("status", "--json").stdout)["partitions"]
        assert sum(int(partition["applied"]) for partition in partitions) == len(taken)
        assert sum(int(partition["lag_events"]) for partition in partitions) == 0
        assert len(installation.emails()) == len(taken)
        assert installation.stop() == 0
    finally:
        installation.kill()


def order_until(installation: Installation, first: int, taken: list[int], *, refused: bool) -> str:
    """Send orders, each another, until one is refused, or until one is taken; what was said to the last."""
    deadline = time.monotonic() + WITHIN_S
    number = first
    while True:
        done = installation.cli(
            "track", "Order Completed", "--user", f"u{number}", "--email", f"u{number}@example.com",
            "--event-id", f"e{number}", "-p", json.dumps({"order_id": f"R-{number}", "total": 10}), check=False,
        )  # fmt: skip
        if done.returncode == 0:
            taken.append(number)
        if (done.returncode != 0) is refused:
            return done.stderr
        assert time.monotonic() < deadline, done.stderr
        number += 1
