"""Starts processes that die with this one, and reaps the orphans that come to it."""

from __future__ import annotations

import asyncio
import ctypes
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from services.local.log_files import open_log

REAP_EVERY_S = 0.2
_PR_SET_CHILD_SUBREAPER = 36
_TETHER = Path(__file__).with_name("tether.py")


class Spawner:
    """Starts processes in sessions of their own, tied to the life of this one.

    Grandchildren whose parent died come to this process instead of to init, so that none can stay behind unseen.
    """

    def __init__(self, *, cwd: Path) -> None:
        self._cwd = cwd
        self._started: set[int] = set()

    def adopt_orphans(self) -> None:
        """Have orphaned descendants come to this process."""
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    async def start(
        self,
        command: Sequence[str],
        *,
        environ: Mapping[str, str],
        log: Path,
        stdin: bytes = b"",
        held: int | None = None,
    ) -> asyncio.subprocess.Process:
        """Start a program. What it prints goes to ``log``; it inherits the file descriptor ``held``."""
        output = open_log(log)
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-I", "-S", str(_TETHER), str(os.getpid()), *command,
                stdin=asyncio.subprocess.PIPE, stdout=output, stderr=output, env=dict(environ),
                cwd=self._cwd, start_new_session=True, pass_fds=() if held is None else (held,),
            )  # fmt: skip
        finally:
            os.close(output)
        self._started.add(process.pid)
        assert process.stdin is not None
        process.stdin.write(stdin)
        process.stdin.close()
        return process

    async def reap(self) -> None:
        """Reap orphans that ended, until cancelled: who waits for their end must not see them linger."""
        while True:
            await asyncio.sleep(REAP_EVERY_S)
            self._reap_ended()

    def _reap_ended(self) -> None:
        while True:
            try:
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
                if ended is None or ended.si_pid in self._started:
                    # Those started here are waited for by asyncio.
                    return
                os.waitpid(ended.si_pid, os.WNOHANG)
            except ChildProcessError:
                return
