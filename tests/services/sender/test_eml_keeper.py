"""Emails of deleted customers go from the folder of .eml files, and from the inbox page."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from services.sender.eml_keeper import EmlKeeper
from services.sender.eml_provider import EmlProvider
from services.sender.eml_retention import EmlRetention
from services.sender.inbox import Inbox
from tests.contract.provider import a_message
from tests.fakes.fixed_clock import FixedClock

ADA, BOB = "a" * 24, "b" * 24


class Folder:
    """A provider, its keeper and the inbox over one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.inbox = Inbox(folder)
        self.keeper = EmlKeeper(folder, on_removed=self.inbox.remove)
        self.provider = EmlProvider(
            folder=folder, sender_address="shop@example.invalid", clock=FixedClock(), on_written=self.inbox.add
        )

    async def send(self, name: str, uid: str, born_seq: int, *, attempt: int = 1) -> None:
        message = a_message(name, attempt=attempt, customer_uid=uid, customer_born_seq=born_seq)
        await self.provider.send(message)

    def names(self) -> list[str]:
        return sorted(path.stem for path in self.folder.glob("*.eml"))

    def listed(self) -> list[str]:
        return sorted(line.name for line in self.inbox.after(0))


async def test_all_files_of_that_life_go_and_those_of_others_stay(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    await folder.send("first", ADA, 7)
    await folder.send("again", ADA, 7, attempt=2)
    await folder.send("earlier", ADA, 3)
    await folder.send("next", ADA, 9)
    await folder.send("bobs", BOB, 5)
    (tmp_path / "former.eml").write_bytes(b"To: ada@example.invalid\r\n\r\nno header says whose\r\n")
    (tmp_path / "odd.eml").write_bytes(b"To: x\r\nX-Sendwhen-Customer: nobody\r\n\r\n")
    assert "first" in folder.listed()

    await asyncio.gather(folder.keeper.forget([(ADA, 7)]), folder.keeper.forget([(ADA, 7)]))

    assert folder.names() == ["bobs", "former", "next", "odd"]
    assert folder.listed() == ["bobs", "next"]
    assert folder.inbox.read("first") is None


async def test_what_is_written_after_the_first_question_is_found_by_the_next(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    await folder.keeper.forget([(ADA, 7)])
    await folder.send("late", ADA, 7)
    (tmp_path / "bobs.eml").write_bytes(b"X: y\r\nX-Sendwhen-Customer: " + BOB.encode() + b" 5\r\n\r\n")
    await folder.keeper.forget([(BOB, 5)])
    assert folder.names() == ["late"]

    (tmp_path / "late.eml").unlink()  # somebody tidied up meanwhile
    await folder.keeper.forget([(ADA, 7)])
    assert folder.names() == []


def test_the_body_of_an_email_names_nobody(tmp_path: Path) -> None:
    text = f"To: x\r\n\r\nX-Sendwhen-Customer: {ADA} 1\r\n"
    (tmp_path / "bobs.eml").write_bytes(text.encode())
    asyncio.run(EmlKeeper(tmp_path).forget([(ADA, 7)]))

    assert [path.name for path in tmp_path.glob("*.eml")] == ["bobs.eml"]


async def test_files_older_than_wanted_go_from_folder_and_page_and_others_stay(tmp_path: Path) -> None:
    folder, clock = Folder(tmp_path), FixedClock()
    for name in ("old", "young"):
        await folder.send(name, ADA, 7)
    await folder.keeper.forget([(BOB, 1)])
    old_s = clock.now_ms() / 1_000 - 8 * 86_400
    for name, written_s in (("old", old_s), ("young", old_s + 2 * 86_400)):
        os.utime(tmp_path / f"{name}.eml", (written_s, written_s))
    (tmp_path / "notes.txt").write_text("mine")
    os.utime(tmp_path / "notes.txt", (0, 0))

    await EmlRetention(folder.keeper, clock, days=7).tidy()

    assert folder.names() == folder.listed() == ["young"]
    assert (tmp_path / "notes.txt").exists()
    await folder.keeper.forget([(ADA, 7)])
    assert folder.names() == []
