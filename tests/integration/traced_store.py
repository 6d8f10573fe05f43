"""The store under strace: in which order it wrote its append-only file, synced it, and answered."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from services.local.valkey_server import valkey_binary
from tests.integration.valkey_process import ValkeyServer

READY_WITHIN_S = 60.0
"""Each call of a traced process is many times slower, and more so on a busy machine."""
_CALLS = "trace=write,writev,sendto,sendmsg,fdatasync,fsync"
_SHOWN_BYTES = 200

_LINE = re.compile(r"^(?P<thread>\d+) +(?:<\.\.\. )?(?P<call>writev|write|sendto|sendmsg|fdatasync|fsync)(?P<rest>.*)$")
_FILE = re.compile(r"\(\d+<(?P<name>[^>]*)>")
_RESULT = re.compile(r"\) += (?P<result>-?\d+)")
_SYNCS = ("fdatasync", "fsync")


@dataclass(frozen=True, slots=True)
class Answered:
    """A reply to a client, and how much of the append-only file was certainly on disk before its first byte."""

    text: str
    synced_bytes: int


def skip_without_strace() -> None:
    """Skip by name where the store cannot be traced."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed (make test installs it, as root on Debian)")
    if subprocess.run(["strace", "-o", "/dev/null", "true"], capture_output=True, check=False).returncode:
        pytest.skip("strace may not trace here (ptrace is not permitted)")


class TracedStore(ValkeyServer):
    """The production binary and configuration, started by strace."""

    @property
    def trace(self) -> Path:
        return self.config.folder / "trace"

    @property
    def append_only_file(self) -> Path:
        """The increment that this run writes; a fresh store has one."""
        (found,) = (self.config.folder / "appendonlydir").glob("*.incr.aof")
        return found

    @contextmanager
    def running(self) -> Iterator[None]:
        self.config.folder.mkdir()
        command = ["strace", "-f", "-y", "-s", str(_SHOWN_BYTES), "-e", _CALLS, "-o", str(self.trace)]
        with subprocess.Popen(
            [*command, str(valkey_binary()), "-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
        ) as strace:
            assert strace.stdin is not None
            strace.stdin.write(self.config.lines())
            strace.stdin.close()
            try:
                _wait(self._answers, strace)
                yield
            finally:
                # strace that is killed lets its child live; so the store ends first, and takes strace along.
                for store in psutil.Process(strace.pid).children():
                    store.kill()
                strace.wait(READY_WITHIN_S)

    def answers(self) -> list[Answered]:
        """All replies, in their order, once it has ended."""
        return list(replies(self.trace.read_text(errors="replace"), self.append_only_file.name))

    def cut(self, synced_bytes: int, folder: Path) -> ValkeyServer:
        """A store on a copy of the files as a power cut would have left them at worst."""
        shutil.copytree(self.config.folder / "appendonlydir", folder / "appendonlydir")
        with (folder / "appendonlydir" / self.append_only_file.name).open("rb+") as file:
            file.truncate(synced_bytes)
        return ValkeyServer.in_folder(folder)


def replies(trace: str, append_only_file: str) -> Iterator[Answered]:
    """Reads a trace: what was written when a sync of the file began is on disk when that sync has returned 0."""
    written = synced = 0
    begun: dict[str, tuple[str, int, str]] = {}
    for line in trace.splitlines():
        match = _LINE.match(line)
        if match is None:
            continue
        thread, call, rest = match["thread"], match["call"], match["rest"]
        if rest.startswith(" resumed>"):
            name, written_at_begin, _ = begun.pop(thread)
        else:
            named = _FILE.match(rest)
            name, written_at_begin = named["name"] if named else "", written
            if name.startswith(("socket:", "UNIX")):
                # Its first byte may be out from here on.
                yield Answered(rest, synced)
            if rest.endswith("<unfinished ...>"):
                begun[thread] = name, written_at_begin, call
                continue
        result = _RESULT.search(rest)
        if not name.endswith("/" + append_only_file) or result is None:
            continue
        if call not in _SYNCS:
            written += max(0, int(result["result"]))
        elif result["result"] == "0":
            synced = max(synced, written_at_begin)


def _wait(ready: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while not ready():
        assert process.poll() is None, "the traced store ended"
        assert time.monotonic() < deadline, "the traced store does not answer"
        time.sleep(0.02)
