"""A real Valkey that tests start, stop, kill, freeze and start again."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from redis import Redis

from sendwhen.chassis.store_pool import open_store
from services.local.valkey_server import ValkeyConfig
from services.local.valkey_server import ValkeyServer as Production


class ValkeyServer(Production):
    """The production server with the faults that tests need. DEBUG is enabled on it."""

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

    def freeze(self) -> None:
        """SIGSTOP: it takes connections and answers nothing."""
        assert self.pid is not None
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        assert self.pid is not None
        os.kill(self.pid, signal.SIGCONT)

    def restart(self, *, by_kill: bool = False) -> None:
        if by_kill:
            self.kill()
        else:
            self.stop()
        self.start()

    def wait(self) -> int:
        """The exit code, once the process started here has ended."""
        assert self._process is not None
        return self._process.wait(10)

    def client(self) -> Redis:
        return open_store(self.url)
