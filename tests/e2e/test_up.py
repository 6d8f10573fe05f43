"""The real installation: an event in, an email out; started, stopped, resumed; refusals with clear messages."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from email import message_from_bytes
from pathlib import Path

import pytest

from tests.e2e.installation import ROOT, Installation

pytestmark = [pytest.mark.integration, pytest.mark.slow]

CAMPAIGNS = ROOT / "examples" / "demo" / "campaigns"


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    running = Installation(tmp_path_factory.mktemp("up") / "data")
    running.start()
    yield running
    running.kill()


def order(installation: Installation, number: int) -> None:
    installation.cli(
        "track", "Order Completed", "--user", f"ada-{number}", "--email", f"ada{number}@example.com",
        "--event-id", f"order-{number}", "-p", json.dumps({"order_id": f"R-{number}", "total": 10}),
    )  # fmt: skip


def test_one_event_becomes_one_email_and_explains_itself(installation: Installation) -> None:
    installation.cli("campaigns", "put", str(CAMPAIGNS))

    order(installation, 1)
    order(installation, 1)
    (path,) = installation.wait_for_emails(1)
    time.sleep(0.5)

    email = message_from_bytes(path.read_bytes())
    assert email["To"] == "ada1@example.com"
    assert email["Subject"] == "Thank you for order R-1"
    assert len(installation.emails()) == 1
    why = installation.cli("why", "ada-1", "thank-you").stdout
    assert "accepted" in why


def test_commands_answer(installation: Installation) -> None:
    campaigns = installation.cli("campaigns", "list").stdout
    assert "thank-you" in campaigns
    assert "16/16" in campaigns
    status = json.loads(installation.cli("status", "--json").stdout)
    assert status["durability"] == "fsync"
    assert len(status["partitions"]) == 16
    assert all(partition["owner"] for partition in status["partitions"])
    assert installation.cli("inbox").stdout.startswith("http://127.0.0.1:")
    assert "0 in all" in installation.cli("deadletters").stdout
    assert installation.cli("suppress", "bob@example.com").stdout == "suppressed\n"
    assert installation.cli("suppress", "bob@example.com").stdout == "was suppressed already\n"
    assert installation.cli("unsuppress", "Bob@Example.com ").stdout == "no longer suppressed\n"
    assert "paused" in installation.cli("campaigns", "pause", "welcome").stdout
    assert "active" in installation.cli("campaigns", "resume", "welcome").stdout


def test_what_is_refused_says_what_to_do(installation: Installation, tmp_path: Path) -> None:
    nobody = installation.cli("track", "Order Completed", check=False)
    assert nobody.returncode == 1
    assert "user_id" in nobody.stderr
    unknown = installation.cli("campaigns", "pause", "no-such", check=False)
    assert unknown.returncode == 1
    held = installation.cli("campaigns", "release", "no-such", check=False)
    assert (held.returncode, "There is no campaign 'no-such'" in held.stderr) == (1, True)
    (tmp_path / "campaign.yaml").write_text("campaign: x\ntrigger: {mach: {event: A}}\n")
    bad = installation.cli("campaigns", "put", str(tmp_path), check=False)
    assert bad.returncode == 1
    assert "campaign.yaml:2:" in bad.stderr


def test_a_file_replayed_again_has_nothing_left_to_send(installation: Installation, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    rows = [
        {"event_id": f"r{i}", "name": "Product Viewed", "user_id": f"u{i % 7}", "occurred_at_ms": 0}
        for i in range(1000)
    ]
    now_ms = time.time_ns() // 1_000_000
    lines = [json.dumps({**row, "occurred_at_ms": now_ms}) for row in rows]
    file.write_text("\n".join([*lines, lines[0], "rubbish"]) + "\n")

    first = installation.cli("replay", str(file), check=False)
    second = installation.cli("replay", str(file), check=False)

    for done in (first, second):
        assert done.returncode == 1
        words = done.stdout.split()
        assert words[words.index("accepted") + 1] == "1,001"
        assert words[words.index("refused") + 1] == "1"
    words = first.stdout.split()
    assert words[words.index("duplicate") + 1] == "1"
    assert "going on after 1,002 of 1,002" in second.stdout


def test_consent_withdrawn_behind_the_decision_counts_and_nothing_is_sent_while_nobody_can_say(
    installation: Installation, tmp_path: Path
) -> None:
    (tmp_path / "campaign.yaml").write_text(
        "campaign: offer\ntrigger: {match: {event: Offered}}\nsteps: [{send: it}]\n"
    )
    (tmp_path / "it.subject.liquid").write_text("An offer")
    (tmp_path / "it.text.liquid").write_text("For you")
    installation.cli("campaigns", "put", str(tmp_path))
    pids = installation.pids

    def offer(user: str) -> None:
        installation.cli("track", "Offered", "--user", user, "--email", f"{user}@example.com", "-a", '{"consent":true}')

    def emails_to(user: str) -> int:
        return sum(f"To: {user}@" in path.read_text() for path in installation.emails())

    with paused(pids["sender"]):
        offer("eve")
        # Decided, because `track` returns after the event was applied; and now withdrawn.
        installation.cli("track", "Settings", "--user", "eve", "-a", '{"consent":false}')
    wait_for(lambda: "suppressed" in installation.cli("why", "eve", "offer").stdout)
    with paused(pids["profile"]):
        offer("fay")
        time.sleep(2)
        assert emails_to("fay") == 0
    wait_for(lambda: emails_to("fay") == 1)
    assert emails_to("eve") == 0


def test_a_second_instance_on_the_folder_is_refused(installation: Installation) -> None:
    second = Installation(installation.folder, port_base=installation.port_base + 100)

    assert refused(second, f"Another sendwhen (process {installation.pids['supervisor']}) is running")


def _with_a_port_taken_by(taken: socket.socket, folder: Path) -> Installation:
    """An installation yet to be started whose trigger's port this socket has."""
    for _ in range(20):
        other = Installation(folder)
        # A connection of some other program may have had it in between: then another one.
        with suppress(OSError):
            taken.bind(("127.0.0.1", other.port_base + 2))
            taken.listen()
            return other
    raise AssertionError("no port could be taken")


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        other = _with_a_port_taken_by(taken, tmp_path / "data")

        assert refused(other, f"127.0.0.1:{other.port_base + 2} (trigger)", "--port-base")


def test_a_folder_without_permission_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir(mode=0o500)
    prefix: tuple[str, ...] = ()
    if os.geteuid() == 0:
        # Root may write everywhere, until it has given its capabilities and the folder away.
        os.chown(folder, 65_534, 65_534)
        prefix = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")

    assert refused(Installation(folder, prefix=prefix), "cannot be written", "--data or SENDWHEN_DATA")


def test_a_folder_of_a_newer_format_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "installation.json").write_text('{"format": 99}')

    assert refused(Installation(tmp_path / "data"), "format 99")


def test_the_command_line_says_to_start_what_does_not_run(tmp_path: Path) -> None:
    nowhere = Installation(tmp_path / "none").cli("status", check=False)

    assert nowhere.returncode == 1
    assert "sendwhen up" in nowhere.stderr


@pytest.mark.timeout(240)
def test_ctrl_c_leaves_no_process_and_the_next_start_goes_on(installation: Installation) -> None:
    before = len(installation.emails())

    code = installation.stop(signal.SIGINT)

    assert code == 0, installation.said()
    assert installation.left_over == []
    unreachable = installation.cli("status", check=False)
    assert unreachable.returncode == 3
    assert "sendwhen up" in unreachable.stderr

    installation.start()
    order(installation, 1)
    order(installation, 2)
    installation.wait_for_emails(before + 1)
    time.sleep(0.5)

    assert len(installation.emails()) == before + 1
    os.kill(installation.pids["supervisor"], signal.SIGKILL)
    assert installation.process is not None
    installation.process.wait(10)
    installation.start()
    order(installation, 3)
    installation.wait_for_emails(before + 2)
    assert installation.stop(signal.SIGTERM) == 0
    assert installation.left_over == []


@pytest.mark.timeout(240)
def test_a_second_ctrl_c_ends_a_stop_that_hangs_at_once_and_leaves_no_process(installation: Installation) -> None:
    installation.stop()
    installation.start()
    process, begin = installation.process, installation.output.stat().st_size
    assert process is not None
    everything = installation.descendants()
    for shard in installation.shard_pids():
        os.kill(shard, signal.SIGSTOP)  # trigger would wait for them
    process.send_signal(signal.SIGINT)
    while "stopping" not in installation.said(begin):
        time.sleep(0.01)
    time.sleep(1)
    assert process.poll() is None

    began_s = time.monotonic()
    process.send_signal(signal.SIGINT)
    code = process.wait(30)
    took_s = time.monotonic() - began_s

    left_over = [child for child in everything if child.is_running()]
    installation.kill()
    assert left_over == []
    assert code == 0, installation.said(begin)
    assert "killing everything" in installation.said(begin)
    assert "Traceback" not in installation.said(begin)
    assert took_s < 5
    installation.start()
    order(installation, 4)
    assert installation.stop() == 0


@contextmanager
def paused(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def wait_for(seen: Callable[[], bool], *, within_s: float = 30.0) -> None:
    deadline = time.monotonic() + within_s
    while not seen():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def refused(installation: Installation, *says: str) -> bool:
    installation.spawn()
    process = installation.process
    assert process is not None
    try:
        code = process.wait(30)
    except subprocess.TimeoutExpired:
        installation.kill()
        raise
    said = installation.said()
    assert code == 1, said
    assert all(words in said for words in says), said
    return True
