"""The emails that were written to the folder, latest first, as far as a page shows them.

Only headers are kept in memory; what an email says is read from its file when somebody looks at it.
"""

from __future__ import annotations

import heapq
import re
from collections import OrderedDict
from dataclasses import dataclass
from email import policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path

KEPT_MAX = 500
"""Emails on the page; older ones stay in the folder."""

_WHOLE = BytesParser(policy=policy.default)
_REMOTE_IMAGE = re.compile(r"""<img\b[^>]*\ssrc\s*=\s*["']?\s*https?:|url\(\s*["']?\s*https?:""", re.IGNORECASE)
_HEAD_BYTES_MAX = 16 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxLine:
    """One email in the list.

    Attributes:
        number: Ascending in the order of arrival on this page.
        name: Its file's name without ".eml".
        event_to_send_ms: None where it is not known.
    """

    number: int
    name: str
    to: str
    subject: str
    campaign: str
    reason: str
    sent_at_ms: int
    event_to_send_ms: float | None
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxEmail:
    """What one email says. ``html`` is empty where it has none."""

    html: str
    text: str

    def has_remote_images(self) -> bool:
        """It shows pictures from the network, which the page does not load."""
        return _REMOTE_IMAGE.search(self.html) is not None


class Inbox:
    """Lists a folder. Not thread-safe; lives on the event loop of the provider that fills the folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._paths: OrderedDict[str, Path] = OrderedDict()
        self._lines: dict[str, InboxLine] = {}
        self._number = 0
        folder.mkdir(parents=True, exist_ok=True)
        # By the time of the file: reading the headers of a large folder would hold up the start.
        latest = heapq.nlargest(KEPT_MAX, folder.glob("*.eml"), key=lambda path: path.stat().st_mtime_ns)
        for path in reversed(latest):
            self.add(path)

    def add(self, path: Path) -> None:
        """Put a new file on the list; the oldest goes when there are more than 500."""
        self._paths[path.stem] = path
        if len(self._paths) > KEPT_MAX:
            name, _ = self._paths.popitem(last=False)
            self._lines.pop(name, None)

    def remove(self, path: Path) -> None:
        """Take a file off the list that is gone."""
        if self._paths.get(path.stem) == path:
            del self._paths[path.stem]
            self._lines.pop(path.stem, None)

    def after(self, number: int) -> list[InboxLine]:
        """Emails with a higher number than this, latest first."""
        for name, path in self._paths.items():
            if name not in self._lines:
                self._number += 1
                self._lines[name] = _line(path, self._number)
        fresh = [line for line in self._lines.values() if line.number > number]
        return sorted(fresh, key=lambda line: -line.number)

    def read(self, name: str) -> InboxEmail | None:
        """What an email on the list says; None where it is not on the list, or its file is gone."""
        path = self._paths.get(name)
        if path is None:
            return None
        try:
            message = _WHOLE.parsebytes(path.read_bytes())
        except OSError:
            return None
        return InboxEmail(html=_part(message, "html"), text=_part(message, "plain"))


def _part(message: EmailMessage, kind: str) -> str:
    body = message.get_body(preferencelist=(kind,))
    return str(body.get_content()) if isinstance(body, EmailMessage) else ""


def _headers(path: Path) -> dict[str, str]:
    # By hand, 20 times as fast as the library: a replay puts a thousand emails a second into the folder.
    headers: dict[str, str] = {}
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES_MAX).partition(b"\r\n\r\n")[0].decode("utf-8", "replace")
    except OSError as error:
        return {"Subject": f"(cannot be read: {error.strerror})"}
    for line in head.replace("\r\n ", " ").split("\r\n"):
        name, _, value = line.partition(": ")
        headers[name] = str(make_header(decode_header(value))) if "=?" in value else value
    return headers


def _line(path: Path, number: int) -> InboxLine:
    headers = _headers(path)
    waited = _number(headers.get("X-Sendwhen-Event-To-Send-Ms"))
    return InboxLine(
        number=number,
        name=path.stem,
        to=headers.get("To", ""),
        subject=headers.get("Subject", ""),
        campaign=headers.get("X-Sendwhen-Campaign", ""),
        reason=headers.get("X-Sendwhen-Reason", ""),
        sent_at_ms=int(_number(headers.get("X-Sendwhen-Sent-At-Ms")) or 0),
        event_to_send_ms=waited,
        attempt=int(_number(headers.get("X-Sendwhen-Attempt")) or 1),
    )


def _number(text: object) -> float | None:
    try:
        return float(str(text))
    except ValueError:
        return None
