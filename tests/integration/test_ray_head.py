"""A local Ray head under our own supervision: only this machine reaches it, and nothing of it stays."""

from __future__ import annotations

import os
import time
from pathlib import Path

import psutil
import pytest

from services.local.ray_head import RayHead, RayHeadSettings

pytestmark = [pytest.mark.integration, pytest.mark.slow]


def _of_session(sid: int) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) == sid and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except ProcessLookupError:
            continue
    return found


def _outlives_seconds_without_processor_time(head: RayHead) -> bool:
    (raylet,) = (process for process in _of_session(head.pid) if process.name() == "raylet")
    time.sleep(1.0)
    raylet.suspend()
    time.sleep(4.0)
    raylet.resume()
    # One that was declared dead ends when it hears of it.
    time.sleep(2.0)
    return head.alive()


def test_a_head_listens_on_this_machine_only_outlives_a_pause_and_leaves_no_process_though_its_folder_has_a_long_path(
    tmp_path: Path,
) -> None:
    folder = tmp_path / ("a-folder-with-a-long-name-" * 4)
    head = RayHead(RayHeadSettings(folder=folder))

    head.start()
    sid = head.pid
    alive, listeners = head.alive(), [c for p in _of_session(sid) for c in p.net_connections("inet")]
    head.check_listeners()
    outlived = _outlives_seconds_without_processor_time(head)
    head.stop()

    assert alive
    assert outlived
    assert listeners
    assert not head.alive()
    assert _of_session(sid) == []
    assert (folder / "token").stat().st_mode & 0o077 == 0


def test_a_head_left_over_by_a_killed_supervisor_is_ended_by_the_next_start(tmp_path: Path) -> None:
    forgotten = RayHead(RayHeadSettings(folder=tmp_path))
    forgotten.start()
    sid = forgotten.pid

    head = RayHead(RayHeadSettings(folder=tmp_path))
    head.start()
    left_over = _of_session(sid)
    head.stop()

    assert left_over == []
