"""One part of the installation as a child process: started, watched, started again when it ends, stopped."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sendwhen.errors import Unavailable
from services.local.log_files import last_lines
from services.local.spawner import Spawner

BACK_OFF_FIRST_S = 0.1
BACK_OFF_MAX_S = 5.0
STEADY_AFTER_S = 30.0
"""A part that lived this long is restarted as if it had never ended before."""
FIRST_STARTS_MAX = 3
"""So often a part may end before it was ever ready; then the whole start is given up."""
READY_WITHIN_S = 60.0
FALL_WITHIN_S = 3.0
"""So long may a part take to end when one ended that it falls with; it may hang on just that one."""
POLL_S = 0.05


class PartFailed(Unavailable):
    """A part cannot be brought to run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What a part is.

    Attributes:
        name: Such as "ingest"; also names its log.
        command: Program and arguments.
        environ: Gives its whole environment, asked anew at each start.
        ready: Asks it whether it works; must not raise.
        before: Done before each start.
        needs: Parts that must be ready before it is started.
        falls_with: When one of these ends, this one is started anew as well.
        grace_s: How long it may take to stop.
        ready_within_s: How long it may take to be ready before it is killed and started anew.
        stdin: What it is given to read; a way to hand over secrets that neither a file nor the process list shows.
        holds: A file it keeps locked for as long as it lives.
    """

    name: str
    command: Sequence[str]
    environ: Callable[[], Mapping[str, str]]
    ready: Callable[[], Awaitable[bool]]
    before: Callable[[], None] = lambda: None
    needs: tuple[str, ...] = ()
    falls_with: tuple[str, ...] = ()
    grace_s: float = 15.0
    ready_within_s: float = READY_WITHIN_S
    stdin: bytes = field(default=b"", repr=False)
    holds: Path | None = None


class Child:
    """Keeps a part running.

    Attributes:
        ready: Set while the part answers that it works.
        pid: Of the running process; 0 while there is none.
    """

    def __init__(self, part: Part, *, spawner: Spawner, log: Path, tell: Callable[[str], None]) -> None:
        self.part = part
        self.ready = asyncio.Event()
        self.pid = 0
        self._log = log
        self._spawner = spawner
        self._tell = tell
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = asyncio.Event()
        self._was_ready = False

    async def keep(self, wait_for_needs: Callable[[], Awaitable[None]], ended: Callable[[], None]) -> None:
        """Run the part until ``stop``; call ``ended`` each time it ends by itself.

        Raises:
            PartFailed: It ended again and again before it was ever ready.
        """
        loop = asyncio.get_running_loop()
        falls = 0
        while not self._stopping.is_set():
            await wait_for_needs()
            if self._stopping.is_set():
                return
            started_s = loop.time()
            code = await self._run_once()
            self.ready.clear()
            self.pid = 0
            if self._stopping.is_set():
                return
            ended()
            falls = 1 if loop.time() - started_s > STEADY_AFTER_S else falls + 1
            if not self._was_ready and falls >= FIRST_STARTS_MAX:
                raise PartFailed(
                    f"{self.part.name} does not start. The end of its log:\n{last_lines(self._log)}\n",
                    remedy=f"The whole log is {self._log}.",
                )
            delay_s = min(BACK_OFF_MAX_S, BACK_OFF_FIRST_S * 2 ** (falls - 1))
            self._tell(f"{self.part.name} ended ({_how(code)}); starting it again in {delay_s:.1f} s")
            await asyncio.sleep(delay_s)

    async def _run_once(self) -> int:
        self.part.before()
        self._process = process = await self._spawn()
        self.pid = process.pid
        watching = asyncio.create_task(self._watch_readiness())
        try:
            return await process.wait()
        finally:
            watching.cancel()
            # What it started must not outlive it: the next one would find its ports and files taken.
            self._kill_group(process.pid)

    async def _spawn(self) -> asyncio.subprocess.Process:
        held = _locked(self.part.holds) if self.part.holds else None
        try:
            return await self._spawner.start(
                self.part.command, environ=self.part.environ(), log=self._log, stdin=self.part.stdin, held=held
            )
        finally:
            if held is not None:
                os.close(held)

    async def _watch_readiness(self) -> None:
        loop = asyncio.get_running_loop()
        give_up_s = loop.time() + self.part.ready_within_s
        while not await self.part.ready():
            if loop.time() > give_up_s:
                self._tell(f"{self.part.name} was not ready within {self.part.ready_within_s:.0f} s; starting it anew")
                self.signal(signal.SIGKILL)
                return
            await asyncio.sleep(POLL_S)
        if self._was_ready:
            self._tell(f"{self.part.name} works again")
        self._was_ready = True
        self.ready.set()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the part and to what it started in its own process group."""
        if self._process is None or self._process.returncode is not None:
            return
        try:
            os.killpg(self._process.pid, number)
        except ProcessLookupError:
            # It ended in this moment; keep() notices.
            return

    def start_anew(self) -> None:
        """Have the running process end, by force if it takes long; ``keep`` starts the next one."""
        self.ready.clear()
        process = self._process
        if process is None or process.returncode is not None:
            return
        self.signal(signal.SIGTERM)
        asyncio.get_running_loop().call_later(FALL_WITHIN_S, self._end_if_there, process)

    def _end_if_there(self, process: asyncio.subprocess.Process) -> None:
        if process.returncode is None:
            self._tell(f"{self.part.name} did not end within {FALL_WITHIN_S:.0f} s; killing it")
            self._kill_group(process.pid)

    async def stop(self) -> None:
        """End the part: ask it, and make it after its grace."""
        self._stopping.set()
        process = self._process
        if process is None or process.returncode is not None:
            return
        # Only the part itself is asked; it knows in which order its own children end.
        process.terminate()
        # A part that was paused from outside hears nothing until it goes on.
        process.send_signal(signal.SIGCONT)
        try:
            await asyncio.wait_for(process.wait(), self.part.grace_s)
        except TimeoutError:
            self._tell(f"{self.part.name} did not stop within {self.part.grace_s:.0f} s; killing it")
            self._kill_group(process.pid)
        await process.wait()

    @staticmethod
    def _kill_group(pid: int) -> None:
        try:
            os.killpg(pid, signal.SIGKILL)
        except ProcessLookupError:
            # Nobody is left in it, as it should be.
            return


def _locked(path: Path) -> int:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise PartFailed(f"Another process holds {path}.", remedy="End it, or use another data folder.") from None
    return handle


def _how(code: int) -> str:
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
