"""From the text that names an archive to its files."""

from __future__ import annotations

from pathlib import Path

from sendwhen.archive.files import Files
from sendwhen.archive.local_files import LocalFiles


def open_files(location: str) -> Files:
    """A folder's path, or an address with "://" that fsspec reads.

    Raises:
        Invalid: Nothing here reads such an address.
    """
    if "://" not in location:
        return LocalFiles(Path(location).absolute())
    if location.startswith("file://"):
        return LocalFiles(Path(location.removeprefix("file://")))
    from sendwhen.archive.fsspec_files import FsspecFiles

    return FsspecFiles(location)
