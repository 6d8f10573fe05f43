"""Tells of emails as they appear in the mail folder."""

from __future__ import annotations

import asyncio
import os
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
        self._changed_ns, self._same = 0, 0
        self._seen = set(self._names())

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(LOOK_EVERY_S)

    def look(self) -> None:
        """Tell of what has come since."""
        fresh = [self._folder / name for name in self._names() if name not in self._seen]
        for path in sorted(fresh, key=lambda path: path.stat().st_mtime_ns):
            self._seen.add(path.name)
            self._tell(line_of(path))

    def _names(self) -> list[str]:
        """All emails, or none where the folder is as it was: it may hold hundreds of thousands."""
        try:
            changed_ns = self._folder.stat().st_mtime_ns
        except FileNotFoundError:
            return []  # another provider fills no folder
        # Once more when nothing has changed: two emails may come within a tick of the file system's clock.
        self._same = self._same + 1 if changed_ns == self._changed_ns else 0
        self._changed_ns = changed_ns
        if self._same > 1:
            return []
        return [entry.name for entry in os.scandir(self._folder) if entry.name.endswith(".eml")]


def line_of(path: Path) -> str:
    """An email in one line: how long after its event it went out, to whom, what."""
    headers = BytesHeaderParser(policy=policy.default).parsebytes(path.read_bytes())
    took = headers.get("X-Sendwhen-Event-To-Send-Ms")
    took_text = f"{float(took):7.1f} ms" if took else "          "
    campaign = headers.get("X-Sendwhen-Campaign", "")
    return (
        f"email  {took_text} after its event  {headers.get('To', ''):<30} {campaign:<15} {headers.get('Subject', '')}"
    )
