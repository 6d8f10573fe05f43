"""Fixtures around a real store."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.valkey_process import ValkeyServer


@pytest.fixture(scope="session")
def shared_valkey() -> Iterator[ValkeyServer]:
    # Not tmp_path: a Unix socket's path must be short.
    with tempfile.TemporaryDirectory(prefix="sw-") as folder:
        server = ValkeyServer.in_folder(Path(folder) / "store")
        server.start()
        yield server
        server.stop()


@pytest.fixture
def valkey(shared_valkey: ValkeyServer) -> ValkeyServer:
    """A running store with fsync on every write, emptied. Tests must leave it running."""
    with shared_valkey.client() as client:
        client.flushall()
    return shared_valkey


@pytest.fixture
def own_valkey() -> Iterator[ValkeyServer]:
    """A store of this test alone, which it may kill."""
    with tempfile.TemporaryDirectory(prefix="sw-") as folder:
        server = ValkeyServer.in_folder(Path(folder) / "store")
        server.start()
        yield server
        server.stop()
