"""What every place of an archive must do."""

from __future__ import annotations

from abc import ABC, abstractmethod

import pytest

from sendwhen.archive.files import Files
from sendwhen.errors import NotFound


class ArchiveFilesContract(ABC):
    """Subclass once for each place."""

    @abstractmethod
    def files(self) -> Files: ...

    def test_what_was_written_is_read(self) -> None:
        files = self.files()

        files.write("a/b/c.parquet", b"content")

        assert files.read("a/b/c.parquet") == b"content"
        with files.open("a/b/c.parquet") as file:
            file.seek(3)
            assert file.read() == b"tent"

    def test_a_file_takes_the_place_of_a_former_one(self) -> None:
        files = self.files()
        files.write("a/m.json", b"the former, which was longer")

        files.write("a/m.json", b"new")

        assert files.read("a/m.json") == b"new"

    def test_children_are_the_names_directly_below_in_order(self) -> None:
        files = self.files()
        for path in ("b/2.json", "b/1.json", "a/x/y.json", "top.json"):
            files.write(path, b"")

        assert files.children("") == ["a", "b", "top.json"]
        assert files.children("b") == ["1.json", "2.json"]
        assert files.children("nowhere") == []

    def test_what_is_not_there_is_not_found(self) -> None:
        files = self.files()

        with pytest.raises(NotFound):
            files.read("nowhere.json")
        with pytest.raises(NotFound):
            files.open("nowhere.json")

    def test_removing_again_changes_nothing(self) -> None:
        files = self.files()
        files.write("a/x", b"1")

        files.remove("a/x")
        files.remove("a/x")

        assert files.children("a") == []
