"""The real installation under measurement: `sendwhen up` with fsync and two shards, sending to the fake SendGrid."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench import shop
from services.local.valkey_server import ValkeyConfig
from tests.e2e.installation import Installation

PARTITIONS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """An installation and the provider it sends to.

    Attributes:
        installation: As the tests have it.
        provider_log: Lines of "<first byte, us since 1970> <subject>".
        provider: The fake SendGrid's process.
    """

    installation: Installation
    provider_log: Path
    provider: subprocess.Popen[str]

    @property
    def store_url(self) -> str:
        """Address of its store."""
        folder = self.installation.folder / "store"
        password = self.installation.secrets["store_password"]
        return ValkeyConfig(folder=folder, socket=folder / "valkey.sock", password=password).url()

    def first_bytes_us(self) -> dict[str, int]:
        """When the provider saw the first byte about each event, by the event's id."""
        found: dict[str, int] = {}
        for line in self.provider_log.read_text().splitlines():
            at_us, _, event_id = line.partition(" ")
            found.setdefault(event_id, int(at_us))
        return found

    def processor_s(self) -> Mapping[str, float]:
        """Processor time used so far, by part; the measuring process and the fake provider among them."""
        pids = {pid: name for name, pid in self.installation.pids.items()}
        found: dict[str, float] = {"load generator": _used_s(psutil.Process())}
        found["provider"] = _used_s(psutil.Process(self.provider.pid))
        shards = self.shard_pids()
        supervisor = psutil.Process(self.installation.pids["supervisor"])
        for process in (*self.installation.descendants(), supervisor):
            name = pids.get(process.pid) or (f"shard {shards.index(process.pid)}" if process.pid in shards else "ray")
            found[name] = found.get(name, 0.0) + _used_s(process)
        return found

    def shard_pids(self) -> list[int]:
        """Processes of the shard actors."""
        return [one.pid for one in self.installation.descendants() if one.name().startswith("ray::ShardActor")]

    @contextmanager
    def shards_paused(self) -> Iterator[None]:
        """Both shard actors stand still."""
        pids = self.shard_pids()
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)


def _used_s(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)


@contextmanager
def running_installation(write_campaigns: Callable[[Path], None] = shop.write_campaigns) -> Iterator[Running]:
    """Start one in a folder that goes away, with campaigns (these ten) in force; nothing stays behind."""
    # Not the system's folder for temporary files where that is memory: the sync is part of what is measured.
    with tempfile.TemporaryDirectory(prefix="sw-", dir="/var/tmp") as name:
        folder = Path(name)
        log = folder / "provider.log"
        provider = subprocess.Popen(
            [sys.executable, "-m", "bench.provider_log", str(log)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert provider.stdin is not None
        assert provider.stdout is not None
        try:
            environ = {
                "SENDWHEN_SENDER_SENDGRID_KEY": "bench",
                "SENDWHEN_SENDER_SENDGRID_URL": provider.stdout.readline().strip(),
            }
            apart = ["--apart"] if os.environ.get("SENDWHEN_BENCH_APART") else []
            installation = Installation(
                folder / "d", "--provider", "sendgrid", "--partitions", str(PARTITIONS), *apart, environ=environ
            )
            try:
                installation.start()
                write_campaigns(folder / "campaigns")
                installation.cli("campaigns", "put", str(folder / "campaigns"))
                yield Running(installation=installation, provider_log=log, provider=provider)
            finally:
                installation.stop()
        finally:
            provider.stdin.close()
            provider.wait(10)
