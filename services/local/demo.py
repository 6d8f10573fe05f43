"""The demo of ``make run``: puts the demo campaigns, sends simulated shoppers in, prints emails as they go out."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from sendwhen.errors import Unavailable
from services.local.installation import Installation
from services.local.log_files import last_lines
from services.local.mail_watch import MailWatch
from services.local.ports import HOST
from services.local.spawner import Spawner

ROOT = Path(__file__).resolve().parents[2]
CAMPAIGNS = ROOT / "examples" / "demo" / "campaigns"
STOP_WITHIN_S = 5.0


class Demo:
    """A shop on a running installation."""

    def __init__(self, installation: Installation, *, spawner: Spawner, tell: Callable[[str], None]) -> None:
        self._installation = installation
        self._spawner = spawner
        self._tell = tell
        self._log = installation.logs / "shop.log"
        self._shop: asyncio.subprocess.Process | None = None
        self._watching: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Open the shop.

        Raises:
            Unavailable: Its campaigns cannot be put.
        """
        self._watching.append(asyncio.create_task(MailWatch(self._installation.mail, tell=self._tell).run()))
        putting = await self._python("-m", "sendwhen.cli", "campaigns", "put", str(CAMPAIGNS))
        if await putting.wait():
            raise Unavailable(
                f"The demo's campaigns cannot be put: {last_lines(self._log)}", remedy=f"See {self._log}."
            )
        state = self._installation.folder / "shop.json"
        self._shop = await self._python("-m", "examples.demo.shop", "--state", str(state))
        self._watching.append(asyncio.create_task(self._tell_of_closing(self._shop)))
        self._tell("the demo shop is open: orders are thanked for at once, carts left alone for 20 s earn a reminder")
        self._tell("try: sendwhen why shopper-1 abandoned-cart | sendwhen campaigns list | sendwhen inbox --open")

    async def stop(self) -> None:
        """Close the shop."""
        for task in self._watching:
            task.cancel()
        if self._shop is None or self._shop.returncode is not None:
            return
        self._shop.terminate()
        try:
            await asyncio.wait_for(self._shop.wait(), STOP_WITHIN_S)
        except TimeoutError:
            self._shop.send_signal(signal.SIGKILL)
            await self._shop.wait()

    async def _tell_of_closing(self, shop: asyncio.subprocess.Process) -> None:
        await shop.wait()
        self._tell(f"the demo shop has closed ({last_lines(self._log, lines=1)}); everything else goes on")

    async def _python(self, *arguments: str) -> asyncio.subprocess.Process:
        return await self._spawner.start((sys.executable, *arguments), environ=self._environ(), log=self._log)

    def _environ(self) -> Mapping[str, str]:
        ports, keys = self._installation.identity.ports, self._installation.secrets
        path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        return {
            **os.environ,
            "PYTHONPATH": path,
            "SENDWHEN_DATA": str(self._installation.folder),
            "SENDWHEN_INGEST": f"{HOST}:{ports.ingest}",
            "SENDWHEN_TRIGGER": f"{HOST}:{ports.trigger}",
            "SENDWHEN_SENDER": f"{HOST}:{ports.sender}",
            "SENDWHEN_WRITE_KEY": keys.write_key,
            "SENDWHEN_ADMIN_KEY": keys.admin_key,
        }
