"""The real installation as a fixture: `sendwhen up` in a folder of the test, on ports of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]
HEALTHY_WITHIN_S = 90.0
STOPPED_WITHIN_S = 60.0
_OFFSETS = (1, 2, 3, 4, 11, 12, 13, 14, 15, 16, 80)


def free_port_base() -> int:
    """A base from which all ports of an installation are free just now."""
    # Below the range from which the system takes ports for outgoing connections.
    for base in range(20_000 + os.getpid() % 50 * 100, 32_000, 100):
        if all(_free(base + offset) for offset in _OFFSETS):
            return base
    raise AssertionError("no free ports")


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _name(process: psutil.Process) -> str:
    try:
        return str(process.name()) if _lives(process) else ""
    except psutil.NoSuchProcess:
        return ""


class Installation:
    """Start it, stop it, reach it.

    Attributes:
        folder: Its data folder.
        port_base: Ports are counted from here.
        output: Where the supervisor's own output goes.
        left_over: Processes that still ran after the last stop.
    """

    def __init__(
        self,
        folder: Path,
        *options: str,
        port_base: int = 0,
        environ: Mapping[str, str] | None = None,
        prefix: Sequence[str] = (),
    ) -> None:
        self.folder = folder
        self.port_base = port_base or free_port_base()
        self.output = folder.with_name(folder.name + ".out")
        self.options = options
        self._prefix = prefix
        self._environ = dict(environ or {})
        self.process: subprocess.Popen[bytes] | None = None
        self.left_over: list[psutil.Process] = []

    @property
    def env(self) -> dict[str, str]:
        """Environment for commands that are to find it."""
        return {**os.environ, **self._environ, "PYTHONPATH": str(ROOT), "SENDWHEN_DATA": str(self.folder)}

    @property
    def mail(self) -> Path:
        return self.folder / "mail"

    @property
    def secrets(self) -> dict[str, str]:
        """Its keys by name."""
        found: dict[str, str] = json.loads((self.folder / "secrets.json").read_text())
        return found

    def target(self, service: str) -> str:
        """Address of a service: "ingest", "trigger", "profile", "sender", "inbox", "ingest_metrics", …"""
        ports = json.loads((self.folder / "installation.json").read_text())["ports"]
        return f"127.0.0.1:{ports[service]}"

    @property
    def pids(self) -> dict[str, int]:
        """Process id of each part by name, the supervisor among them."""
        running = json.loads((self.folder / "running.json").read_text())
        return {"supervisor": running["pid"], **running["parts"]}

    def shard_pids(self) -> list[int]:
        """Process ids of the shard actors."""
        return [process.pid for process in self.descendants() if _name(process).startswith("ray::ShardActor")]

    def spawn(self) -> None:
        """Start without waiting."""
        command = [
            *self._prefix,
            sys.executable,
            "-m",
            "sendwhen.cli",
            "up",
            "--data",
            str(self.folder),
            "--port-base",
            str(self.port_base),
            *self.options,
        ]
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                command,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                cwd=ROOT,
            )

    def start(self) -> None:
        """Start and wait until it is healthy."""
        begin = self.output.stat().st_size if self.output.exists() else 0
        self.spawn()
        deadline = time.monotonic() + HEALTHY_WITHIN_S
        while "healthy after" not in self.said(begin):
            assert self.process is not None
            assert self.process.poll() is None, self.said(begin)
            assert time.monotonic() < deadline, self.said(begin)
            time.sleep(0.05)

    def stop(self, how: signal.Signals = signal.SIGINT) -> int:
        """Stop as Ctrl-C does and return the exit code. Does nothing where it does not run."""
        if self.process is None:
            return 0
        group = self.descendants()
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            return self.process.wait(STOPPED_WITHIN_S)
        finally:
            self.left_over = [process for process in group if _lives(process)]
            self.kill()

    def kill(self) -> None:
        """Leave nothing running, whatever happened."""
        if self.process is None:
            return
        for process in [*self.descendants(), *self.left_over]:
            if _lives(process):
                process.kill()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process = None

    def descendants(self) -> list[psutil.Process]:
        """All processes of it but the supervisor."""
        try:
            return psutil.Process(self.process.pid).children(recursive=True) if self.process else []
        except psutil.NoSuchProcess:
            return []

    def said(self, begin: int = 0) -> str:
        """What the supervisor printed, from a byte on."""
        if not self.output.exists():
            return ""
        return self.output.read_bytes()[begin:].decode(errors="replace")

    def cli(self, *arguments: str, check: bool = True, within_s: float = 60.0) -> subprocess.CompletedProcess[str]:
        """Run `sendwhen ARGUMENTS` against it."""
        done = subprocess.run(
            [sys.executable, "-m", "sendwhen.cli", *arguments], env=self.env, capture_output=True, text=True,
            timeout=within_s, cwd=ROOT, check=False,
        )  # fmt: skip
        if check:
            assert done.returncode == 0, f"{arguments}: {done.stdout}\n{done.stderr}"
        return done

    def emails(self) -> Sequence[Path]:
        """The .eml files so far."""
        return sorted(self.mail.rglob("*.eml"))

    def wait_for_emails(self, number: int, *, within_s: float = 30.0) -> Sequence[Path]:
        """Wait until there are so many."""
        deadline = time.monotonic() + within_s
        while len(found := self.emails()) < number:
            assert time.monotonic() < deadline, f"{len(found)} emails of {number}"
            time.sleep(0.02)
        return found
