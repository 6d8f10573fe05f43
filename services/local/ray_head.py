"""A local Ray head in processes of our own: started, checked for listeners, and ended without a remainder.

Ray itself is never imported here: the head is ``python -m ray.scripts.scripts start --head --block`` in a session of
its own, so that everything it starts, actors included, can be found and ended by that session. Every process that
imports ray to drive this head must run with ``RayHead.environment``.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil
import structlog

from sendwhen.errors import Precondition, Unavailable

log = structlog.get_logger()

REPOSITORY = Path(__file__).resolve().parents[2]
OBJECT_STORE_BYTES = 80 * 1024 * 1024
"""Ray's minimum is 75 MB. Data goes through the log, never through Ray."""
TEMP_DIR_CHARACTERS_MAX = 40
"""A Unix socket's path holds 107 bytes, and Ray appends up to 66 to its folder's."""
SESSIONS_KEPT = 2
"""Folders of logs of former heads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RayHeadSettings:
    """How to run it.

    Attributes:
        folder: Of our own in the data folder, for sessions, logs, token.
        cpus: As Ray counts them; shard actors ask for none.
        start_deadline_s: How long it may take until it is ready.
        stop_grace_s: How long it may take to end by itself.
        other_nodes: Nodes join that may die with their machine, which is then noticed within two seconds. A head alone
            is watched by its process; such haste would only declare it dead when the machine is busy for a second.
    """

    folder: Path
    cpus: int = 2
    start_deadline_s: float = 40.0
    stop_grace_s: float = 5.0
    other_nodes: bool = False


class RayHead:
    """One head. Blocking; not for use by several threads at once."""

    def __init__(self, settings: RayHeadSettings) -> None:
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self._pid_path = settings.folder / "head.pid"
        self._log_path = settings.folder / "head.log"
        self._token_path = settings.folder / "token"
        self._temp_dir = settings.folder
        self.address = ""

    @property
    def environment(self) -> Mapping[str, str]:
        """Variables for every process that drives this head; to be laid over its own environment."""
        path = os.environ.get("PYTHONPATH")
        return {
            # The name is not meant for Linux, but it is what keeps every listener on 127.0.0.1.
            "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(self._token_path),
            # Ray's workers are nice to all others by default: shards would come last of all processes of the way.
            "RAY_worker_niceness": "0",
            # Ray takes the driver's proxy settings for its own connections otherwise.
            "RAY_grpc_enable_http_proxy": "0",
            "PYTHONPATH": f"{REPOSITORY}:{path}" if path else str(REPOSITORY),
        }

    @property
    def pid(self) -> int:
        """Of the leader of its session; 0 when it does not run."""
        return self._process.pid if self._process is not None else 0

    def start(self) -> None:
        """Start a head and return when actors can be created. A head left over by a killed supervisor is ended first.

        Raises:
            Unavailable: It did not get ready in time; the message quotes its log.
            Precondition: It listens on other interfaces than this machine's own, or its folder cannot be used.
        """
        self._settings.folder.mkdir(parents=True, exist_ok=True)
        self._end_left_over()
        self._make_token()
        self._temp_dir = _short_path_of(self._settings.folder)
        self._forget_old_sessions()
        health_checks = _HEALTH_CHECKS if self._settings.other_nodes else {}
        environment = {**os.environ, **health_checks, **self.environment}
        with self._log_path.open("wb") as output:
            self._process = subprocess.Popen(
                self._command(), env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                cwd=self._settings.folder, start_new_session=True,
            )  # fmt: skip
        self._pid_path.write_text(f"{self.pid} {psutil.Process(self.pid).create_time()}", encoding="ascii")
        try:
            self._wait_until_ready()
            self.check_listeners()
        except BaseException:
            self.stop()
            raise
        log.info("ray.started", address=self.address, pid=self.pid)

    def alive(self) -> bool:
        """Whether head, GCS and raylet run."""
        if self._process is None or self._process.poll() is not None:
            return False
        names = {process.name() for process in _session(self.pid)}
        return any(name.startswith("gcs_server") for name in names) and any(name.startswith("raylet") for name in names)

    def check_listeners(self) -> None:
        """Make sure that nothing of Ray can be reached from outside this machine.

        Raises:
            Precondition: Something can; the message says which port.
        """
        for process in _session(self.pid):
            with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                for connection in process.net_connections("inet"):
                    if connection.status == psutil.CONN_LISTEN and not _is_local(connection.laddr.ip):
                        raise Precondition(
                            f"Ray ({process.name()}) listens on {connection.laddr.ip}:{connection.laddr.port}, "
                            "open to other machines.",
                            remedy="Unset the RAY_* variables of your environment; sendwhen sets those that it needs.",
                        )

    def stop(self) -> None:
        """End it and everything in its session. Idempotent."""
        if self._process is None:
            return
        _end_session(self.pid, self._settings.stop_grace_s)
        self._process.wait()
        self._process = None
        self._pid_path.unlink(missing_ok=True)
        if self._temp_dir != self._settings.folder:
            self._temp_dir.unlink(missing_ok=True)
        log.info("ray.stopped")

    def _command(self) -> list[str]:
        arguments = {
            "node-ip-address": "127.0.0.1",
            "port": 0,
            "min-worker-port": 0,
            "max-worker-port": 0,
            # Ray Client cannot be switched off; its default port may be another installation's.
            "ray-client-server-port": _free_port(),
            "include-dashboard": "false",
            "include-log-monitor": "false",
            "temp-dir": self._temp_dir,
            "object-store-memory": OBJECT_STORE_BYTES,
            "num-cpus": self._settings.cpus,
        }
        flags = ["--head", "--block", "--disable-usage-stats", "--no-monitor"]
        return [
            *(sys.executable, "-m", "ray.scripts.scripts", "start", *flags),
            *(f"--{name}={value}" for name, value in arguments.items()),
        ]

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + self._settings.start_deadline_s
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                break
            if b"Ray runtime started" in self._log_path.read_bytes() and self.alive():
                self.address = (self._settings.folder / "ray_current_cluster").read_text(encoding="ascii").strip()
                return
            time.sleep(0.05)
        tail = self._log_path.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-3:]
        raise Unavailable(f"Ray did not start: {' '.join(tail)}", remedy=f"See {self._log_path}.")

    def _make_token(self) -> None:
        if not self._token_path.exists() or not self._token_path.stat().st_size:
            self._token_path.touch(mode=0o600)
            self._token_path.write_text(secrets.token_hex(32), encoding="ascii")

    def _end_left_over(self) -> None:
        with contextlib.suppress(OSError, ValueError, psutil.NoSuchProcess):
            pid_text, created = self._pid_path.read_text(encoding="ascii").split()
            # A pid alone may be a stranger's by now; the time of its creation tells.
            if psutil.Process(int(pid_text)).create_time() == float(created):
                log.warning("ray.left_over_ended", pid=int(pid_text))
                _end_session(int(pid_text), self._settings.stop_grace_s)
        self._pid_path.unlink(missing_ok=True)
        (self._settings.folder / "ray_current_cluster").unlink(missing_ok=True)

    def _forget_old_sessions(self) -> None:
        for session in sorted(self._settings.folder.glob("session_2*"))[:-SESSIONS_KEPT]:
            shutil.rmtree(session, ignore_errors=True)


_HEALTH_CHECKS = {
    # A node that died is noticed in 1-2 s instead of 15.
    "RAY_health_check_initial_delay_ms": "500",
    "RAY_health_check_period_ms": "300",
    "RAY_health_check_timeout_ms": "500",
    "RAY_health_check_failure_threshold": "2",
}


def _session(sid: int) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        with contextlib.suppress(ProcessLookupError, PermissionError, psutil.NoSuchProcess):
            if os.getsid(process.pid) == sid and process.status() != psutil.STATUS_ZOMBIE:
                yield process


def _end_session(sid: int, grace_s: float) -> None:
    # Children first noted, then asked: once the leader is gone, those that left the session could not be found.
    processes = {process.pid: process for process in _session(sid)}
    with contextlib.suppress(psutil.NoSuchProcess):
        processes |= {child.pid: child for child in psutil.Process(sid).children(recursive=True)}
    with contextlib.suppress(ProcessLookupError):
        os.kill(sid, signal.SIGTERM)
    _, alive = psutil.wait_procs(processes.values(), timeout=grace_s)
    remaining = {process.pid: process for process in (*alive, *_session(sid))}
    for process in remaining.values():
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(remaining.values(), timeout=grace_s)


def _is_local(ip: str) -> bool:
    return ip.startswith(("127.", "::ffff:127.")) or ip == "::1"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _short_path_of(folder: Path) -> Path:
    if len(str(folder)) <= TEMP_DIR_CHARACTERS_MAX:
        return folder
    name = hashlib.blake2b(str(folder).encode(), digest_size=6).hexdigest()
    link = Path(f"/tmp/sw-{os.getuid()}-{name}")  # noqa: S108  a link of our own; anyone else's is refused below
    if link.is_symlink() and link.lstat().st_uid == os.getuid():
        link.unlink()
    try:
        link.symlink_to(folder)
    except FileExistsError:
        raise Precondition(
            f"{link} is there and is not ours; Ray needs it as a short name of {folder}.",
            remedy="Remove it, or choose a data folder with a shorter path.",
        ) from None
    return link
