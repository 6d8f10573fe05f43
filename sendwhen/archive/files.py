"""Where an archive lies: a folder of files that are written whole, and never changed but by being replaced."""

from __future__ import annotations

from collections.abc import Sequence
from typing import BinaryIO, Protocol


class Files(Protocol):
    """Paths are relative, with "/" between their parts. Every method raises Unavailable where the place is away."""

    def children(self, folder: str) -> Sequence[str]:
        """Names of what lies directly in a folder, sorted; none where there is no such folder. "" is the root."""
        ...

    def write(self, path: str, content: bytes) -> None:
        """Put a file in its place, whole or not at all; durable when this returns. Takes the place of a former one."""
        ...

    def read(self, path: str) -> bytes:
        """A file.

        Raises:
            NotFound: There is none.
        """
        ...

    def open(self, path: str) -> BinaryIO:
        """A file, to be read here and there, and closed by the caller.

        Raises:
            NotFound: There is none.
        """
        ...

    def remove(self, path: str) -> None:
        """Remove a file. Idempotent."""
        ...
