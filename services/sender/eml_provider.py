"""The provider of an installation that sends to nobody: one .eml file for each email, in a folder."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from email.utils import formataddr, formatdate, parseaddr
from pathlib import Path

from sendwhen.chassis.clock import Clock
from services.sender.eml_keeper import HEADER, header_value
from services.sender.mime import mail_bytes
from services.sender.ports import Answer, Message, Verdict

_SAME_NAME_MAX = 9
_WRITERS = 8


class _NotSynced(Exception):
    """The file has its name; whether that outlives a power cut, nobody knows."""


class EmlProvider:
    """Writes emails to ``<folder>/<send_id>.eml``; a further attempt at one gets a name of its own and is seen.

    A file is complete when it has its name: it is written under another, synced and linked; then its name is synced. So
    what the ledger calls accepted is on disk. The two syncs cost 0.2 to 0.4 ms of processor time and about 2 ms.

    Attributes:
        on_written: Told the path of each new file.
        sync: Brings what a file descriptor stands for to the disk.
    """

    name = "eml"

    def __init__(
        self,
        *,
        folder: Path,
        sender_address: str,
        clock: Clock,
        on_written: Callable[[Path], None] | None = None,
        sync: Callable[[int], None] = os.fsync,
    ) -> None:
        self._folder = folder
        self._from = formataddr(parseaddr(sender_address))
        self._host = parseaddr(sender_address)[1].rpartition("@")[2] or "localhost"
        self._clock = clock
        self._on_written = on_written
        self._sync = sync
        self._threads = ThreadPoolExecutor(_WRITERS, thread_name_prefix="eml")
        folder.mkdir(parents=True, exist_ok=True)
        for left_over in folder.glob(".*.part"):
            left_over.unlink(missing_ok=True)

    async def send(self, message: Message) -> Answer:
        """See Provider."""
        first_byte_at_us = self._clock.now_us()
        content = mail_bytes(self._headers(message, first_byte_at_us), text=message.text, html=message.html)
        # In a thread: making a file waits for the file system's journal, 2 ms while a store beside it syncs its own.
        try:
            path = await asyncio.get_running_loop().run_in_executor(self._threads, self._write, message, content)
        except _NotSynced as error:
            return Answer(
                verdict=Verdict.UNKNOWN,
                detail=f"The file is there, but may not be on disk: {error}.",
                first_byte_at_us=first_byte_at_us,
            )
        except OSError as error:
            # The name comes last, so without it nothing was sent.
            return Answer(verdict=Verdict.NOT_PROCESSED, detail=f"The folder refused the file: {error.strerror}.")
        if self._on_written is not None:
            self._on_written(path)
        return Answer(verdict=Verdict.ACCEPTED, provider_message_id=path.name, first_byte_at_us=first_byte_at_us)

    def _write(self, message: Message, content: bytes) -> Path:
        part = self._folder / f".{message.send_id}.{message.attempt}.part"
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            self._sync(file.fileno())
        path = self._name(part, message)
        try:
            part.unlink()
            self._sync_folder()
        except OSError as error:
            raise _NotSynced(error.strerror) from error
        return path

    def _sync_folder(self) -> None:
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self._sync(folder)
        finally:
            os.close(folder)

    async def close(self) -> None:
        """See Provider."""
        self._threads.shutdown(wait=False)

    def _name(self, part: Path, message: Message) -> Path:
        stem = message.send_id if message.attempt == 1 else f"{message.send_id}.{message.attempt}"
        path = self._folder / f"{stem}.eml"
        for number in range(2, _SAME_NAME_MAX + 2):
            try:
                # Unlike a rename it never replaces: an email sent twice must show as two files.
                os.link(part, path)
            except FileExistsError:
                path = self._folder / f"{stem}-again-{number}.eml"
            else:
                return path
        raise FileExistsError(17, "the same attempt was made too often")

    def _headers(self, message: Message, now_us: int) -> dict[str, str]:
        headers = {
            "From": self._from,
            "To": message.to_address,
            "Subject": message.subject,
            "Date": formatdate(now_us / 1e6),
            "Message-ID": f"<{message.send_id}@{self._host}>",
            "X-Sendwhen-Send-Id": message.send_id,
            "X-Sendwhen-Campaign": message.campaign_id,
            "X-Sendwhen-Reason": message.reason,
            "X-Sendwhen-Attempt": str(message.attempt),
            "X-Sendwhen-Sent-At-Ms": str(now_us // 1_000),
        }
        if message.customer_uid:
            headers[HEADER] = header_value(message.customer_uid, message.customer_born_seq)
        if message.event_at_us:
            headers["X-Sendwhen-Event-To-Send-Ms"] = f"{max(0, now_us - message.event_at_us) / 1_000:.1f}"
        return headers
