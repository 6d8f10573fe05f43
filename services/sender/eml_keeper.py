"""Removes the .eml files of deleted customers: the folder is the one provider whose emails are still ours to forget."""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path

HEADER = "X-Sendwhen-Customer"
"""Of whom an email is: uid, and the entry that created the customer."""
_HEAD_BYTES_MAX = 8 * 1024
_LINE = f"\r\n{HEADER}: ".encode()


def header_value(uid: str, born_seq: int) -> str:
    """What the header says."""
    return f"{uid} {born_seq}"


class EmlKeeper:
    """Knows whose email each file of a folder is; the first question reads the heads of all, later ones of new files.

    Files of a former release do not say whose they are, and stay.
    """

    def __init__(self, folder: Path, *, on_removed: Callable[[Path], None] | None = None) -> None:
        """``on_removed`` is told the path of each file that went."""
        self._folder = folder
        self._on_removed = on_removed
        self._read: set[str] = set()
        self._of: dict[str, list[tuple[int, str]]] = {}
        self._asking = asyncio.Lock()

    async def forget(self, customers: Sequence[tuple[str, int]]) -> None:
        """Remove the files of these lives, and of those before them. Idempotent."""
        async with self._asking:
            removed = await asyncio.to_thread(self._remove, customers)
        for path in removed:
            if self._on_removed is not None:
                self._on_removed(path)

    async def let_go(self, before_ms: int) -> int:
        """Remove the files that were written before; how many."""
        async with self._asking:
            removed = await asyncio.to_thread(self._older_than, before_ms)
        for path in removed:
            if self._on_removed is not None:
                self._on_removed(path)
        return len(removed)

    def _older_than(self, before_ms: int) -> list[Path]:
        with os.scandir(self._folder) as found:
            old = [one.name for one in found if one.name.endswith(".eml") and _written_ms(one) < before_ms]
        for name in old:
            (self._folder / name).unlink(missing_ok=True)
        gone = set(old) & self._read
        self._read -= gone
        if gone:
            kept = {uid: [file for file in files if file[1] not in gone] for uid, files in self._of.items()}
            self._of = {uid: files for uid, files in kept.items() if files}
        return [self._folder / name for name in old]

    def _remove(self, customers: Sequence[tuple[str, int]]) -> list[Path]:
        self._look()
        removed = []
        for uid, born_seq in customers:
            files = self._of.pop(uid, [])
            later = [(born, name) for born, name in files if born > born_seq]
            if later:
                self._of[uid] = later
            for born, name in files:
                if born <= born_seq:
                    path = self._folder / name
                    path.unlink(missing_ok=True)
                    removed.append(path)
        return removed

    def _look(self) -> None:
        with os.scandir(self._folder) as found:
            new = [one.name for one in found if one.name.endswith(".eml") and one.name not in self._read]
        for name in new:
            self._read.add(name)
            uid, born_seq = _customer_of(self._folder / name)
            if uid:
                self._of.setdefault(uid, []).append((born_seq, name))


def _written_ms(file: os.DirEntry[str]) -> float:
    try:
        return file.stat().st_mtime * 1_000
    except FileNotFoundError:
        return math.inf  # somebody tidied up


def _customer_of(path: Path) -> tuple[str, int]:
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES_MAX).partition(b"\r\n\r\n")[0]
    except FileNotFoundError:
        return "", 0  # somebody tidied up
    uid, _, born = head.partition(_LINE)[2].partition(b"\r\n")[0].decode("ascii", "replace").partition(" ")
    return (uid, int(born)) if born.isdigit() else ("", 0)
