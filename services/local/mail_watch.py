"""Tells of emails as they appear in the mail folder."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from email import policy
from email.parser import BytesHeaderParser
from pathlib import Path

LOOK_EVERY_S = 0.25


class MailWatch:
    """Calls ``tell`` with a line for each email that was not there when the watch began."""

    def __init__(self, folder: Path, *, tell: Callable[[str], None]) -> None:
        self._folder = folder
        self._tell = tell
        self._seen = {path.name for path in folder.rglob("*.eml")}

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(LOOK_EVERY_S)

    def look(self) -> None:
        """Tell of what has come since."""
        fresh = [path for path in self._folder.rglob("*.eml") if path.name not in self._seen]
        for path in sorted(fresh, key=lambda path: path.stat().st_mtime_ns):
            self._seen.add(path.name)
            self._tell(line_of(path))


def line_of(path: Path) -> str:
    """An email in one line: how long after its event it went out, to whom, what."""
    headers = BytesHeaderParser(policy=policy.default).parsebytes(path.read_bytes())
    took = headers.get("X-Sendwhen-Event-To-Send-Ms")
    took_text = f"{float(took):7.1f} ms" if took else "          "
    campaign = headers.get("X-Sendwhen-Campaign", "")
    return (
        f"email  {took_text} after its event  {headers.get('To', ''):<30} {campaign:<15} {headers.get('Subject', '')}"
    )
