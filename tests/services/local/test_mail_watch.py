"""The demo tells of each email once, in the order in which they went out."""

from __future__ import annotations

import os
from pathlib import Path

from services.local.mail_watch import MailWatch


def an_email(folder: Path, name: str, subject: str, *, at_s: int) -> None:
    path = folder / f"{name}.eml"
    path.write_text(f"To: ada@example.com\r\nSubject: {subject}\r\nX-Sendwhen-Campaign: cart\r\n\r\nHello\r\n")
    os.utime(path, (at_s, at_s))


def test_emails_that_come_are_told_once_and_those_that_were_there_never(tmp_path: Path) -> None:
    told: list[str] = []
    an_email(tmp_path, "old", "Long ago", at_s=1)
    watch = MailWatch(tmp_path, tell=told.append)

    for _ in range(5):
        watch.look()
    an_email(tmp_path, "b", "First", at_s=2)
    an_email(tmp_path, "a", "Second", at_s=3)
    (tmp_path / ".c.1.part").write_text("not yet")
    watch.look()
    watch.look()

    assert [line.split()[-1] for line in told] == ["First", "Second"]
    assert "ada@example.com" in told[0]


def test_a_folder_that_there_is_not_holds_no_emails(tmp_path: Path) -> None:
    told: list[str] = []

    MailWatch(tmp_path / "none", tell=told.append).look()

    assert told == []
