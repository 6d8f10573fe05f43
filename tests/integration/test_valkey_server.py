from __future__ import annotations

from pathlib import Path

import pytest

from sendwhen.errors import Precondition
from tests.integration.valkey_process import ValkeyServer

pytestmark = pytest.mark.integration


def test_what_was_written_is_there_after_a_kill_and_a_restart(own_valkey: ValkeyServer) -> None:
    with own_valkey.client() as client:
        client.set("a", "1")

    own_valkey.restart(by_kill=True)

    with own_valkey.client() as client:
        assert client.get("a") == b"1"
        assert client.config_get("appendfsync") == {"appendfsync": "always"}


def test_a_second_supervisor_finds_the_live_server_and_can_stop_it(own_valkey: ValkeyServer) -> None:
    second = ValkeyServer(own_valkey.config)

    assert second.start() is False
    assert second.is_owned()
    second.stop()
    assert own_valkey.wait() == 0
    assert not second.is_owned()


def test_a_folder_whose_owner_does_not_answer_is_refused(own_valkey: ValkeyServer) -> None:
    own_valkey.freeze()

    with pytest.raises(Precondition, match="Another process uses"):
        ValkeyServer(own_valkey.config).start(within_s=0.2)

    own_valkey.thaw()


def test_a_configuration_that_the_server_refuses_is_told_in_its_words(tmp_path: Path) -> None:
    server = ValkeyServer.in_folder(tmp_path / "x", more=("no-such-setting 1",))

    with pytest.raises(Precondition, match="no-such-setting"):
        server.start()


def test_a_socket_path_too_long_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(Precondition, match="107 bytes"):
        ValkeyServer.in_folder(tmp_path / ("x" * 120)).start()
