"""A Valkey of the measurement's own: fsync on every write, a Unix socket, a folder that goes away."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from services.local.valkey_server import ValkeyConfig
from tests.integration.valkey_process import ValkeyServer


@contextmanager
def own_store(*, appendfsync: str = "always") -> Iterator[str]:
    """Its address, while it runs."""
    # Not the system's folder for temporary files where that is memory: the sync is what is measured.
    with tempfile.TemporaryDirectory(prefix="sw-", dir="/var/tmp") as folder:
        server = ValkeyServer(
            ValkeyConfig(
                folder=Path(folder) / "store",
                socket=Path(folder) / "s.sock",
                password="bench",
                appendfsync=appendfsync,
            )
        )
        server.start()
        try:
            yield server.url
        finally:
            server.stop()
