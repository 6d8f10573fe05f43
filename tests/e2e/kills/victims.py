"""Victims: processes found among the supervisor's descendants, killed, paused, found again."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence

import psutil

from services.local.valkey_server import valkey_binary
from tests.e2e.installation import Installation

TOGETHER = ("store", "shard", "front", "sender", "profile")
"""Ingest and trigger are one process there."""
APART = ("trigger", "ingest", "store", "shard", "sender", "profile")
"""The same in processes of their own; what only this form has comes first."""
RAY = "ray"
"""The launcher of shards: with it they all end, and trigger starts anew; that takes longest of all."""
BACK_WITHIN_S = 180.0
_LOOK_EVERY_S = 0.1
_MODULES = {RAY: "services.local.ray_part", "front": "services.local.front"}


def processes(installation: Installation, victim: str) -> Sequence[int]:
    """Process ids of a victim: one, for shards one for each actor; none while it is away."""
    assert installation.process is not None
    if victim == "shard":
        return [process.pid for process in installation.descendants() if _name(process).startswith("ray::ShardActor")]
    children = psutil.Process(installation.process.pid).children()
    return [process.pid for process in children if _is(process, victim)]


def _is(process: psutil.Process, victim: str) -> bool:
    try:
        command = process.cmdline()
    except psutil.Error:
        return False
    if victim == "store":
        return command[:1] == [str(valkey_binary())]
    module = _MODULES.get(victim, f"services.{victim}")
    return command[1:3] == ["-m", module]


def _name(process: psutil.Process) -> str:
    try:
        return "" if process.status() == psutil.STATUS_ZOMBIE else process.name()
    except psutil.Error:
        return ""


def wait_until_there(
    installation: Installation, victim: str, *, other_than: int = 0, at_least: int = 1
) -> Sequence[int]:
    """Wait until a victim runs, as another process than before."""
    deadline = time.monotonic() + BACK_WITHIN_S
    while True:
        found = processes(installation, victim)
        if len(found) >= at_least and other_than not in found:
            return found
        assert time.monotonic() < deadline, f"{victim} did not come back: {found}, killed was {other_than}"
        time.sleep(_LOOK_EVERY_S)


def kill(pid: int) -> None:
    _send(pid, signal.SIGKILL)


def pause(pid: int, seconds: float) -> None:
    """Stop a process for a while, as a long collection, a migration or a starved machine does."""
    _send(pid, signal.SIGSTOP)
    try:
        time.sleep(seconds)
    finally:
        _send(pid, signal.SIGCONT)


def _send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        # It died by itself meanwhile, or whoever watches over it had enough of its silence: both are allowed.
        return
