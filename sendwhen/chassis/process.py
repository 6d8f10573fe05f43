"""Runs a process's main coroutine on uvloop until it ends or the process is asked to stop."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable

import structlog
import uvloop

from sendwhen.chassis.logs import configure_logs
from sendwhen.errors import SendwhenError

log = structlog.get_logger()

Main = Callable[[asyncio.Event], Awaitable[None]]


def run(service: str, main: Main) -> None:
    """Run ``main(stop)``; SIGTERM and SIGINT set ``stop``. A SendwhenError or OSError exits with 2 and a sentence."""
    # Until main has read how much it shall log: what is wrong with its settings is logged too.
    configure_logs(service)

    async def until_asked() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, stop.set)
        await main(stop)

    try:
        uvloop.run(until_asked())
    except (SendwhenError, OSError) as error:
        log.error("process.refused", problem=str(error))
        sys.exit(2)
