"""The parts' log files: kept below a size by copying them aside and cutting them, while the parts go on writing.

A line written between the copy and the cut is lost; in return no part ever waits for its log.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

SIZE_BYTES_MAX = 20 * 1024 * 1024
KEPT = 2


def open_log(path: Path) -> int:
    """A file descriptor that appends to ``path``."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)


def rotate(path: Path, *, size_bytes_max: int = SIZE_BYTES_MAX) -> bool:
    """Set a log aside when it is over its size, keeping two older ones; True if that was done."""
    if not path.exists() or path.stat().st_size <= size_bytes_max:
        return False
    for number in range(KEPT, 1, -1):
        older = path.with_name(f"{path.name}.{number - 1}")
        if older.exists():
            older.replace(path.with_name(f"{path.name}.{number}"))
    aside = path.with_name(f"{path.name}.1")
    shutil.copyfile(path, aside)
    aside.chmod(0o600)
    os.truncate(path, 0)
    return True


def last_lines(path: Path, *, lines: int = 8, within_bytes: int = 8_192) -> str:
    """The end of a log, for a message about why a part did not start."""
    if not path.exists():
        return ""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - within_bytes))
        return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])
