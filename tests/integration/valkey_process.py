"""A real Valkey, configured as in production, that tests and measurements start, stop, kill, freeze and start again."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import redis

from sendwhen.chassis.store_pool import open_store
from services.local.valkey_server import ALLOCATOR, ValkeyConfig, valkey_binary

ANSWERS_WITHIN_S = 20.0
_POLL_S = 0.01


class ValkeyServer:
    """One server on one folder."""

    def __init__(self, config: ValkeyConfig) -> None:
        self.config = config
        self._process: subprocess.Popen[str] | None = None

    @classmethod
    def in_folder(cls, folder: Path, *, appendfsync: str = "always", more: tuple[str, ...] = ()) -> ValkeyServer:
        config = ValkeyConfig(
            folder=folder,
            socket=folder / "s.sock",
            password="pass word?&",
            appendfsync=appendfsync,
            more=("enable-debug-command local", *more),
        )
        return cls(config)

    @property
    def url(self) -> str:
        """Its address for clients, password included."""
        return self.config.url()

    def start(self) -> None:
        """Return when it answers."""
        self.config.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._process = subprocess.Popen(
            [str(valkey_binary()), "-"],
            stdin=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={**ALLOCATOR, **os.environ},
        )
        assert self._process.stdin is not None
        self._process.stdin.write(self.config.lines())
        self._process.stdin.close()
        give_up_s = time.monotonic() + ANSWERS_WITHIN_S
        while not self._answers():
            log = self.config.folder / "valkey.log"
            assert self._process.poll() is None, log.read_text()
            assert time.monotonic() < give_up_s, f"no answer; see {log}"
            time.sleep(_POLL_S)

    def stop(self) -> None:
        """Let it write out everything and end."""
        if self._process is not None:
            self.thaw()
            self._process.terminate()
            self._process.wait(ANSWERS_WITHIN_S)
            self._process = None

    def kill(self) -> None:
        """End it without warning."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """SIGSTOP: it takes connections and answers nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def restart(self, *, by_kill: bool = False) -> None:
        if by_kill:
            self.kill()
        else:
            self.stop()
        self.start()

    def client(self) -> redis.Redis:
        return open_store(self.url)

    def _answers(self) -> bool:
        with open_store(self.url, timeout_s=1.0) as client:
            try:
                return bool(client.ping())
            except (redis.ConnectionError, redis.TimeoutError, OSError):
                # Also while it reads its files: BusyLoadingError is a ConnectionError.
                return False
