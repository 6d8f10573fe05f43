"""Places of an archive: a folder, and fsspec's."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from sendwhen.archive.files import Files
from sendwhen.archive.fsspec_files import FsspecFiles
from sendwhen.archive.local_files import LocalFiles
from sendwhen.archive.location import open_files
from sendwhen.errors import Invalid, Unavailable
from tests.contract.archive_files_contract import ArchiveFilesContract


class TestAFolder(ArchiveFilesContract):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self._root = tmp_path / "archive"

    def files(self) -> Files:
        return LocalFiles(self._root)


class TestFsspecInMemory(ArchiveFilesContract):
    def files(self) -> Files:
        return FsspecFiles(f"memory://{uuid.uuid4().hex}")


class TestFsspecOnDisk(ArchiveFilesContract):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self._root = tmp_path / "archive"

    def files(self) -> Files:
        return FsspecFiles(f"local://{self._root}")


def test_what_a_crash_left_half_written_is_not_listed(tmp_path: Path) -> None:
    files = LocalFiles(tmp_path)
    files.write("a/1.parquet", b"whole")
    (tmp_path / "a" / "2.parquet.new").write_bytes(b"ha")

    assert files.children("a") == ["1.parquet"]


def test_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    LocalFiles(tmp_path).write("a/1.parquet", b"whole")

    assert (tmp_path / "a" / "1.parquet").stat().st_mode & 0o077 == 0
    assert (tmp_path / "a").stat().st_mode & 0o077 == 0


def test_a_place_that_cannot_be_written_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "archive").write_text("a file in the place of the folder")

    with pytest.raises(Unavailable, match="let this user"):
        LocalFiles(tmp_path / "archive").write("a/1.parquet", b"")


def test_a_location_is_a_folder_or_an_address(tmp_path: Path) -> None:
    assert isinstance(open_files(str(tmp_path)), LocalFiles)
    assert isinstance(open_files(f"file://{tmp_path}"), LocalFiles)
    assert isinstance(open_files("memory://somewhere"), FsspecFiles)
    with pytest.raises(Invalid, match="nosuch"):
        open_files("nosuch://somewhere")


def test_a_place_that_is_away_is_told_without_the_password_in_its_address() -> None:
    with pytest.raises(Unavailable) as caught:
        FsspecFiles("ftp://ada:secret@127.0.0.1:1/folder?token=key")

    assert "ftp://127.0.0.1:1/folder cannot be reached" in str(caught.value)
