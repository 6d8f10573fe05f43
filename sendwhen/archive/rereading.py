"""Reading while somebody compacts: the files that a manifest named may be gone before they are opened."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from sendwhen.errors import NotFound

COMPACTIONS_MAX: Final = 3
"""So often files may be rewritten during one reading."""

T = TypeVar("T")


def reread(read: Callable[[], T]) -> T:
    """What ``read`` finds, which looks at the manifests anew each time that it is called.

    Raises:
        NotFound: A file is missing that no compaction replaced.
    """
    for _ in range(COMPACTIONS_MAX):
        try:
            return read()
        except NotFound:
            continue
    return read()
