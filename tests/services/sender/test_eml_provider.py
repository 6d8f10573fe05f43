"""The provider that writes files."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import stat
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path

import pytest

from sendwhen.chassis.clock import SystemClock
from services.sender.eml_provider import EmlProvider
from services.sender.inbox import Inbox
from services.sender.mime import mail_bytes
from services.sender.ports import Verdict
from tests.contract.provider import Outlet, ProviderContract, a_message


def read(path: Path) -> EmailMessage:
    message = BytesParser(policy=policy.default).parsebytes(path.read_bytes())
    assert isinstance(message, EmailMessage)
    assert not message.defects
    return message


def part(message: EmailMessage, kind: str) -> str:
    body = message.get_body(preferencelist=(kind,))
    return "" if body is None else str(body.get_content()).replace("\r\n", "\n")


class Folder:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.provider = EmlProvider(folder=folder, sender_address="Shop <shop@example.com>", clock=SystemClock())

    def texts(self) -> Sequence[tuple[str, str, str, str]]:
        messages = [read(path) for path in self.folder.glob("*.eml")] if self.folder.is_dir() else []
        return [
            (str(m["To"]), str(m["Subject"]), part(m, "plain"), part(m, "html").rstrip("\n") + _end(m))
            for m in messages
        ]

    async def away(self) -> None:
        shutil.rmtree(self.folder)
        self.folder.write_text("no folder")


def _end(message: EmailMessage) -> str:
    return "\n" if part(message, "html").endswith("\n") and "Hello" in part(message, "html") else ""


class TestEmlProvider(ProviderContract):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path / "mail"

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Outlet]:
        yield Folder(self.folder)


def test_headers_name_the_email_and_cannot_be_added_by_values(tmp_path: Path) -> None:
    outlet = Folder(tmp_path)
    asyncio.run(outlet.provider.send(a_message(subject="x\r\nBcc: all@example.com", reason="a\nb")))

    message = read(tmp_path / f"{'ab' * 16}.eml")

    assert message["Bcc"] is None
    assert message["Message-ID"] == f"<{'ab' * 16}@example.com>"
    assert message["X-Sendwhen-Campaign"] == "abandoned-cart"
    assert message["X-Sendwhen-Reason"] == "a b"
    assert message["From"] == "Shop <shop@example.com>"


def test_what_is_called_accepted_is_on_disk_the_file_before_its_name_and_its_name_before_the_answer(
    tmp_path: Path,
) -> None:
    """Kills the mutants that sync the file after it has its name, an empty file, or no folder."""
    seen: list[tuple[bool, int, list[str]]] = []

    def sync(descriptor: int) -> None:
        found = os.fstat(descriptor)
        names = sorted(path.name for path in tmp_path.iterdir())
        seen.append((stat.S_ISDIR(found.st_mode), found.st_size, names))

    provider = EmlProvider(folder=tmp_path, sender_address="a@example.com", clock=SystemClock(), sync=sync)
    answer = asyncio.run(provider.send(a_message("aa")))

    assert answer.verdict is Verdict.ACCEPTED
    (file_is_folder, file_bytes, before), (is_folder, _, after) = seen
    assert (file_is_folder, is_folder) == (False, True)
    assert file_bytes == (tmp_path / "aa.eml").stat().st_size
    assert before == [".aa.1.part"]
    assert after == ["aa.eml"]


@pytest.mark.parametrize(("fails_at", "verdict"), [(1, Verdict.NOT_PROCESSED), (2, Verdict.UNKNOWN)])
def test_a_disk_that_fails_before_the_name_proves_that_nothing_was_sent_and_behind_it_leaves_a_doubt(
    tmp_path: Path, fails_at: int, verdict: Verdict
) -> None:
    calls: list[int] = []

    def sync(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == fails_at:
            raise OSError(errno.EIO, "Input/output error")

    provider = EmlProvider(folder=tmp_path, sender_address="a@example.com", clock=SystemClock(), sync=sync)

    answer = asyncio.run(provider.send(a_message("aa")))

    assert answer.verdict is verdict
    assert "Input/output error" in answer.detail
    assert (tmp_path / "aa.eml").exists() == (verdict is Verdict.UNKNOWN)


def test_a_second_attempt_and_a_repeated_one_show_as_files_of_their_own(tmp_path: Path) -> None:
    outlet = Folder(tmp_path)

    for attempt in (1, 1, 2):
        asyncio.run(outlet.provider.send(a_message(attempt=attempt)))

    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        f"{'ab' * 16}{suffix}.eml" for suffix in ("", "-again-2", ".2")
    )


def test_an_inbox_lists_a_folder_latest_first_and_reads_what_is_on_it(tmp_path: Path) -> None:
    outlet = Folder(tmp_path)
    asyncio.run(outlet.provider.send(a_message("aa", subject="Größe")))
    inbox = Inbox(tmp_path)
    asyncio.run(outlet.provider.send(a_message("bb", subject="second")))
    inbox.add(tmp_path / "bb.eml")

    lines = inbox.after(0)

    assert [(line.name, line.subject, line.reason) for line in lines] == [
        ("bb", "second", "the cart was left for 1 h"),
        ("aa", "Größe", "the cart was left for 1 h"),
    ]
    assert inbox.after(lines[0].number) == []
    email = inbox.read("bb")
    assert email is not None
    assert email.text.replace("\r\n", "\n") == "Hello Ada\n"
    assert inbox.read("../bb") is None


@pytest.mark.parametrize("text", ["a" * 2_000, "a\n\n\nb\n", "\u2028 odd \x0c breaks\r\n", ""])
def test_any_text_survives_the_way_through_a_file(text: str) -> None:
    message = BytesParser(policy=policy.default).parsebytes(mail_bytes({"Subject": "s"}, text=text, html="<p>x</p>"))

    assert isinstance(message, EmailMessage)
    assert part(message, "plain").rstrip("\n") == text.replace("\r\n", "\n").rstrip("\n")
