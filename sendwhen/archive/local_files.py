"""Files in a folder of this machine: written aside, synced, renamed, and the folder synced."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from sendwhen.errors import NotFound, Unavailable

ASIDE = ".new"
"""Ends the name of a file that is being written; what a crash left of it is not listed, and written over."""


class LocalFiles:
    """See the port Files. What is made is for the owner alone."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def children(self, folder: str) -> Sequence[str]:
        """See the port."""
        with _away(self._root):
            place = self._root / folder
            names = [child.name for child in place.iterdir()] if place.is_dir() else []
        return sorted(name for name in names if not name.endswith(ASIDE))

    def write(self, path: str, content: bytes) -> None:
        """See the port."""
        place = self._root / path
        with _away(self._root):
            self._make(place.parent)
            aside = place.with_name(place.name + ASIDE)
            with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            aside.replace(place)
            _sync_folder(place.parent)

    def read(self, path: str) -> bytes:
        """See the port."""
        with _away(self._root):
            return (self._root / path).read_bytes()

    def open(self, path: str) -> BinaryIO:
        """See the port."""
        with _away(self._root):
            return (self._root / path).open("rb")

    def remove(self, path: str) -> None:
        """See the port."""
        with _away(self._root):
            (self._root / path).unlink(missing_ok=True)

    def _make(self, folder: Path) -> None:
        missing = []
        while not folder.is_dir():
            missing.append(folder)
            folder = folder.parent
        for one in reversed(missing):
            one.mkdir(mode=0o700, exist_ok=True)
            _sync_folder(one.parent)


def _sync_folder(folder: Path) -> None:
    # A rename is durable once the folder that holds the name is.
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _away(root: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise NotFound(f"The archive in {root} has no file {Path(error.filename).name}.") from error
    except OSError as error:
        raise Unavailable(
            f"The archive in {root} cannot be used: {error.strerror}.",
            remedy="Make room there, or let this user read and write it.",
        ) from error
