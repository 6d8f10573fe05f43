"""A real store for the services behind the front door."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.valkey_process import ValkeyServer


@pytest.fixture(scope="module")
def valkey() -> Iterator[ValkeyServer]:
    """Without fsync on every write: what is thrown here need not be kept."""
    with tempfile.TemporaryDirectory(prefix="sw-") as folder:
        server = ValkeyServer.in_folder(Path(folder) / "store", appendfsync="no")
        server.start()
        yield server
        server.stop()
