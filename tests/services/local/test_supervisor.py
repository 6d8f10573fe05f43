from __future__ import annotations

import asyncio
import dataclasses
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from services.local.child import Part, PartFailed
from services.local.log_files import last_lines, rotate
from services.local.ports import Ports, PortTaken, check_ports
from services.local.spawner import Spawner
from services.local.supervisor import Supervisor

pytestmark = pytest.mark.integration

SLEEPS = "import time\nwhile True: time.sleep(1)"
# A part whose own child outlives it unless someone cares.
FORKS = (
    f"import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', {SLEEPS!r}], start_new_session=True)\n{SLEEPS}"
)


async def is_ready() -> bool:
    return True


def a_part(name: str, program: str = SLEEPS, **more: object) -> Part:
    return Part(
        name=name, command=(sys.executable, "-c", program), environ=lambda: dict(os.environ), ready=is_ready, **more
    )


class Told(list[str]):
    def __call__(self, line: str) -> None:
        self.append(line)


def a_supervisor(folder: Path, *parts: Part, **more: float) -> tuple[Supervisor, Told]:
    (folder / "logs").mkdir(exist_ok=True)
    told = Told()
    return Supervisor(parts=parts, spawner=Spawner(cwd=folder), folder=folder, tell=told, **more), told


async def until(condition: object, within_s: float = 10.0) -> None:
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110  nothing tells when
            await asyncio.sleep(0.02)


def test_parts_start_by_their_needs_and_stop_with_all_that_they_started(tmp_path: Path) -> None:
    async def scene() -> None:
        supervisor, told = a_supervisor(tmp_path, a_part("store"), a_part("service", FORKS, needs=("store",)))
        await supervisor.clear()
        await supervisor.start()
        await until(lambda: len(supervisor.processes()) == 3)

        await supervisor.stop()

        assert [line.split()[0] for line in told] == ["store", "service"]
        assert supervisor.processes() == []
        assert not (tmp_path / "running.json").exists()

    asyncio.run(scene())


def test_what_its_own_process_had_started_before_is_not_ended(tmp_path: Path) -> None:
    async def scene() -> None:
        other = subprocess.Popen([sys.executable, "-c", SLEEPS])  # noqa: ASYNC220  it is started, not awaited
        try:
            supervisor, _ = a_supervisor(tmp_path, a_part("store"))
            await supervisor.clear()
            await supervisor.start()

            await supervisor.stop()
            supervisor.kill()

            assert other.poll() is None
        finally:
            other.kill()
            other.wait()

    asyncio.run(scene())


def test_a_part_that_is_killed_comes_back_and_takes_those_with_it_that_fall_with_it(tmp_path: Path) -> None:
    async def scene() -> None:
        supervisor, told = a_supervisor(tmp_path, a_part("ray"), a_part("trigger", needs=("ray",), falls_with=("ray",)))
        await supervisor.clear()
        await supervisor.start()
        before = supervisor.pids()

        os.kill(before["ray"], signal.SIGKILL)
        await until(lambda: all(pid and pid != before[name] for name, pid in supervisor.pids().items()))
        await supervisor.stop()

        assert any("ray ended (killed by SIGKILL); starting it again" in line for line in told)
        assert any("trigger starts anew, because ray ended" in line for line in told)

    asyncio.run(scene())


def test_what_falls_with_another_is_ended_by_force_where_it_hangs_even_before_it_is_ready(tmp_path: Path) -> None:
    async def scene() -> None:
        async def never() -> bool:
            return False

        deaf = f"import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n{SLEEPS}"
        trigger = a_part("trigger", deaf, needs=("ray",), falls_with=("ray",))
        starting = dataclasses.replace(trigger, name="starting", ready=never)
        supervisor, told = a_supervisor(tmp_path, a_part("ray"), trigger, starting)
        await supervisor.clear()
        start = asyncio.create_task(supervisor.start())
        await until(lambda: all(supervisor.pids().values()))
        await asyncio.sleep(0.3)  # until they hear no SIGTERM any more
        before = supervisor.pids()

        os.kill(before["ray"], signal.SIGKILL)
        await until(lambda: all(pid and pid != before[name] for name, pid in supervisor.pids().items()))
        start.cancel()
        supervisor.kill()
        await supervisor.stop()

        assert "trigger did not end within 3 s; killing it" in told
        assert "starting did not end within 3 s; killing it" in told

    asyncio.run(scene())


def test_a_part_that_never_starts_ends_the_start_with_the_end_of_its_log(tmp_path: Path) -> None:
    async def scene() -> None:
        async def never() -> bool:
            return False

        part = Part(
            name="service", command=(sys.executable, "-c", "raise SystemExit('the cellar is locked')"),
            environ=lambda: dict(os.environ), ready=never,
        )  # fmt: skip
        supervisor, _ = a_supervisor(tmp_path, part)
        await supervisor.clear()
        try:
            with pytest.raises(PartFailed, match="the cellar is locked"):
                await supervisor.start()
        finally:
            await supervisor.stop()

    asyncio.run(scene())


def test_a_folder_that_can_no_longer_be_written_is_told_once_and_ends_nothing(tmp_path: Path) -> None:
    async def scene() -> None:
        supervisor, told = a_supervisor(tmp_path, a_part("service"), look_every_s=0.02)
        await supervisor.clear()
        await supervisor.start()
        # Stands where the file would be written, as a full disk would; it works on root's processes too.
        (tmp_path / "running.new").mkdir()
        stop = asyncio.Event()
        watching = asyncio.create_task(supervisor.watch(stop))
        await asyncio.sleep(0.2)
        (tmp_path / "running.new").rmdir()
        (tmp_path / "running.json").unlink()
        await until((tmp_path / "running.json").exists)
        pid = supervisor.pids()["service"]
        stop.set()
        await watching
        await supervisor.stop()

        assert [line for line in told if "cannot be written" in line] == [
            f"{tmp_path} cannot be written: Is a directory; everything else goes on"
        ]
        assert pid

    asyncio.run(scene())


def test_a_log_is_kept_below_its_size_while_its_part_goes_on_writing(tmp_path: Path) -> None:
    path = tmp_path / "part.log"
    with path.open("ab", buffering=0) as log:
        for number in range(1, 4):
            log.write(b"x" * 100 + b"\n%d\n" % number)
            assert rotate(path, size_bytes_max=50)
        log.write(b"4\n")

    assert path.read_bytes() == b"4\n"
    assert last_lines(tmp_path / "part.log.1", lines=1) == "3"
    assert last_lines(tmp_path / "part.log.2", lines=1) == "2"
    assert not (tmp_path / "part.log.3").exists()


@pytest.mark.parametrize(("name", "offset"), [("ingest", 1), ("metrics of shard 1", 16)])
def test_a_taken_port_is_named_with_what_to_set(name: str, offset: int) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]

        with pytest.raises(PortTaken, match=rf"127\.0\.0\.1:{port} \({name}\).*--port-base"):
            check_ports(Ports.at(port - offset), shards=2)
