"""Starts the parts in the order of their needs, brings back what dies, stops all in the reverse order."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import psutil

from services.local.child import Child, Part
from services.local.installation import write_json
from services.local.log_files import rotate
from services.local.spawner import Spawner

LOOK_EVERY_S = 2.0
LEFTOVERS_WITHIN_S = 10.0


class Supervisor:
    """The parts of one installation, running.

    Args:
        parts: In the order of their start; needs name earlier ones.
        spawner: Starts their processes.
        folder: Data folder; running.json there names the processes while they run.
        tell: Takes lines for the person at the terminal.
        look_every_s: How often logs are cut and the processes noted.
    """

    def __init__(
        self,
        *,
        parts: Sequence[Part],
        spawner: Spawner,
        folder: Path,
        tell: Callable[[str], None],
        look_every_s: float = LOOK_EVERY_S,
    ) -> None:
        self._folder = folder
        self._look_every_s = look_every_s
        self._spawner = spawner
        self._tell = tell
        self._children = {
            part.name: Child(part, spawner=spawner, log=folder / "logs" / f"{part.name}.log", tell=tell)
            for part in parts
        }
        self._kept: list[asyncio.Task[None]] = []
        self._reaping: asyncio.Task[None] | None = None
        self._noted = True
        # Whoever runs us may have children of its own, which are not ours to end.
        self._others = frozenset(psutil.Process().children(recursive=True))

    async def clear(self) -> None:
        """End what a supervisor that was killed left running on this folder."""
        self._spawner.adopt_orphans()
        self._reaping = asyncio.create_task(self._spawner.reap())
        await end_leftovers(self._folder, self._tell)

    async def start(self) -> None:
        """Return when all parts are ready.

        Raises:
            PartFailed: One cannot be brought to run.
        """
        for child in self._children.values():
            self._kept.append(asyncio.create_task(self._keep(child), name=child.part.name))
        waiting = {asyncio.create_task(self._announce(child)) for child in self._children.values()}
        try:
            while waiting:
                done, _ = await asyncio.wait([*waiting, *self._kept], return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
                waiting -= done
        finally:
            for task in waiting:
                task.cancel()
        self._keep_files()

    async def watch(self, stop: asyncio.Event) -> None:
        """Look after the running parts until ``stop``.

        Raises:
            PartFailed: One cannot be brought to run.
        """
        stopping = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                done, _ = await asyncio.wait(
                    [stopping, *self._kept], timeout=self._look_every_s, return_when=asyncio.FIRST_COMPLETED
                )
                for task in done - {stopping}:
                    task.result()
                self._keep_files()
        finally:
            stopping.cancel()

    async def stop(self) -> None:
        """Stop all parts, the last started first, and whatever they left behind."""
        for child in reversed(self._children.values()):
            await child.stop()
        for task in self._kept:
            task.cancel()
        await asyncio.gather(*self._kept, return_exceptions=True)
        _kill(self.processes())
        if self._reaping is not None:
            self._reaping.cancel()
        (self._folder / "running.json").unlink(missing_ok=True)

    def pids(self) -> dict[str, int]:
        """Process id of each part by name; 0 while it does not run."""
        return {name: child.pid for name, child in self._children.items()}

    def processes(self) -> list[psutil.Process]:
        """All that run on its account: the parts, what these started, and the orphans that it took in."""
        return [child for child in psutil.Process().children(recursive=True) if child not in self._others]

    def kill(self) -> None:
        """Kill everything at once; for the impatient."""
        _kill(self.processes())

    async def _keep(self, child: Child) -> None:
        async def needs() -> None:
            for name in child.part.needs:
                await self._children[name].ready.wait()

        def ended() -> None:
            for other in self._children.values():
                # Not only what is ready: what was just started, with the old one's address, would wait in vain.
                if child.part.name in other.part.falls_with and other.pid:
                    self._tell(f"{other.part.name} starts anew, because {child.part.name} ended")
                    other.start_anew()

        await child.keep(needs, ended)

    async def _announce(self, child: Child) -> None:
        began_s = asyncio.get_running_loop().time()
        await child.ready.wait()
        self._tell(f"{child.part.name:<8} ready after {asyncio.get_running_loop().time() - began_s:.1f} s")

    def _keep_files(self) -> None:
        try:
            for name in self._children:
                rotate(self._folder / "logs" / f"{name}.log")
            self._note_running()
        except OSError as error:
            # A full disk must not end parts that can live with it; the store's front refuses events meanwhile.
            if self._noted:
                self._tell(f"{self._folder} cannot be written: {error.strerror}; everything else goes on")
            self._noted = False
        else:
            self._noted = True

    def _note_running(self) -> None:
        found = {"pid": os.getpid(), "parts": self.pids()}
        # With all descendants, so that the next start can end what a killed supervisor left.
        found["processes"] = [[process.pid, process.create_time()] for process in self.processes()]
        write_json(self._folder / "running.json", found)


async def end_leftovers(folder: Path, tell: Callable[[str], None]) -> None:
    """End what a supervisor that was killed left running on this folder."""
    path = folder / "running.json"
    if not path.exists():
        return
    try:
        noted = msgspec.json.decode(path.read_bytes(), type=dict[str, object]).get("processes")
    except msgspec.DecodeError:
        noted = None
    left = [process for process in map(_alive, noted if isinstance(noted, list) else []) if process is not None]
    if left:
        tell(f"ending {len(left)} processes that a former run left behind")
        gone_by_s = asyncio.get_running_loop().time() + LEFTOVERS_WITHIN_S
        # They are tied to their former supervisor and on their way out; the store writes its last bytes meanwhile.
        while any(process.is_running() for process in left):
            if asyncio.get_running_loop().time() > gone_by_s:
                break
            await asyncio.sleep(0.1)
        _kill([process for process in left if process.is_running()])
    path.unlink(missing_ok=True)


def _alive(noted: object) -> psutil.Process | None:
    match noted:
        case [int(pid), float(created_at_s)]:
            try:
                process = psutil.Process(pid)
                return process if abs(process.create_time() - created_at_s) < 0.05 else None
            except psutil.NoSuchProcess:
                return None
        case _:
            return None


def _kill(processes: Sequence[psutil.Process]) -> None:
    for process in processes:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(processes, timeout=5)
