"""How long `sendwhen up` takes to be healthy, and what its processes hold in memory when idle; Ray alone beside it."""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import psutil

from bench.figures import Figure
from services.local.ray_head import RayHead, RayHeadSettings
from tests.e2e.installation import Installation

SETTLE_S = 3.0


def measure() -> list[Figure]:
    """Start a fresh installation and look at it; then start it again on its folder."""
    with tempfile.TemporaryDirectory(prefix="sw-", dir="/var/tmp") as name:
        installation = Installation(Path(name) / "d")
        try:
            installation.start()
            fresh_s = _healthy_after_s(installation.said())
            time.sleep(SETTLE_S)
            assert installation.process is not None
            whole = pss_bytes([psutil.Process(installation.process.pid), *installation.descendants()])
            installation.stop()
            begin = len(installation.said().encode())
            installation.start()
            again_s = _healthy_after_s(installation.said(begin))
        finally:
            installation.stop()
        ray_s, ray = _ray_alone(Path(name) / "r")
    return [
        Figure(
            name="up to healthy, fresh folder", value=fresh_s, unit="s", must="at most", bound=10,
            reference="Ray alone", reference_value=ray_s,
        ),
        Figure(
            name="up to healthy, again", value=again_s, unit="s", must="at most", bound=10,
            reference="Ray alone", reference_value=ray_s,
        ),
        Figure(
            name="memory of all processes, idle (PSS)", value=whole / 1e6, unit="MB", must="at most", bound=1_200,
            reference="Ray alone", reference_value=ray / 1e6,
        ),
    ]  # fmt: skip


def _healthy_after_s(said: str) -> float:
    found = re.search(r"healthy after ([0-9.]+) s", said)
    assert found is not None, said
    return float(found[1])


def _ray_alone(folder: Path) -> tuple[float, int]:
    head = RayHead(RayHeadSettings(folder=folder))
    started_s = time.perf_counter()
    head.start()
    taken_s = time.perf_counter() - started_s
    try:
        time.sleep(SETTLE_S)
        leader = psutil.Process(head.pid)
        return taken_s, pss_bytes([leader, *leader.children(recursive=True)])
    finally:
        head.stop()


def pss_bytes(processes: Iterable[psutil.Process]) -> int:
    """Memory of the processes, with what they share counted once."""
    total = 0
    for process in processes:
        try:
            total += int(process.memory_full_info().pss)
        except psutil.NoSuchProcess:
            continue
    return total
