from __future__ import annotations

import pytest

from tests.integration.valkey_process import ValkeyServer

pytestmark = pytest.mark.integration


def test_what_was_written_is_there_after_a_kill_and_a_restart(own_valkey: ValkeyServer) -> None:
    with own_valkey.client() as client:
        client.set("a", "1")

    own_valkey.restart(by_kill=True)

    with own_valkey.client() as client:
        assert client.get("a") == b"1"
        assert client.config_get("appendfsync") == {"appendfsync": "always"}
