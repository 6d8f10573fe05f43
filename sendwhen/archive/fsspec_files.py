"""Files wherever fsspec reaches: object stores, other machines, memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO, cast
from urllib.parse import urlsplit

import fsspec

from sendwhen.errors import Invalid, NotFound, Unavailable


class FsspecFiles:
    """See the port Files. Objects are put whole, which object stores do in one step."""

    def __init__(self, url: str) -> None:
        """``url`` such as "s3://bucket/folder"; what else the place needs is told as fsspec wants it told.

        Raises:
            Invalid: Nothing here reads such an address.
            Unavailable: The place is away.
        """
        try:
            filesystem, root = fsspec.core.url_to_fs(url)
        except (ImportError, ValueError) as error:
            scheme = url.split("://", 1)[0]
            raise Invalid(
                f"No archive can be kept at {scheme}://: {error}", remedy=f"Install fsspec's support for {scheme}."
            ) from error
        except OSError as error:
            raise Unavailable(
                f"The archive at {without_secrets(url)} cannot be reached: {type(error).__name__}.",
                remedy="Check its address, and whether it is there.",
            ) from error
        self._url = url
        self._filesystem: Any = filesystem
        self._root = str(root).rstrip("/")

    def children(self, folder: str) -> Sequence[str]:
        """See the port."""
        with self._away(folder):
            self._filesystem.invalidate_cache()
            place = self._place(folder)
            if not self._filesystem.isdir(place):
                return []
            found = self._filesystem.ls(place, detail=False)
        names = {str(name).rstrip("/").rsplit("/", 1)[-1] for name in found if str(name).strip("/") != place.strip("/")}
        return sorted(names)

    def write(self, path: str, content: bytes) -> None:
        """See the port."""
        with self._away(path):
            place = self._place(path)
            self._filesystem.makedirs(place.rsplit("/", 1)[0], exist_ok=True)
            self._filesystem.pipe_file(place, content)

    def read(self, path: str) -> bytes:
        """See the port."""
        with self._away(path):
            return cast("bytes", self._filesystem.cat_file(self._place(path)))

    def open(self, path: str) -> BinaryIO:
        """See the port."""
        with self._away(path):
            return cast("BinaryIO", self._filesystem.open(self._place(path), "rb"))

    def remove(self, path: str) -> None:
        """See the port."""
        with self._away(path):
            place = self._place(path)
            if self._filesystem.exists(place):
                self._filesystem.rm_file(place)

    def _place(self, path: str) -> str:
        return f"{self._root}/{path}" if path else self._root

    @contextmanager
    def _away(self, path: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            raise NotFound(f"The archive has no file {path}.") from error
        except OSError as error:
            raise Unavailable(
                f"The archive at {without_secrets(self._url)} cannot be used: {type(error).__name__}.",
                remedy="Check its address and what may be done there.",
            ) from error


def without_secrets(url: str) -> str:
    """An address for a message, which goes to logs: some places take names and keys in theirs."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
