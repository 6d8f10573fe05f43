from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
import typer

from sendwhen.cli.saved_state import read_state, write_state


class Far(msgspec.Struct):
    lines: int


def test_what_was_kept_is_read_again_and_only_its_owner_can(tmp_path: Path) -> None:
    path = tmp_path / "replays" / "a.json"
    assert read_state(path, Far) is None

    write_state(path, Far(lines=5))
    write_state(path, Far(lines=6))

    assert read_state(path, Far) == Far(lines=6)
    assert [one.name for one in path.parent.iterdir()] == ["a.json"]
    assert path.parent.stat().st_mode & 0o077 == 0


def test_what_cannot_be_understood_ends_the_command_with_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.json").write_text('{"lines": "five"}')

    with pytest.raises(typer.Exit):
        read_state(tmp_path / "a.json", Far)

    assert "Begin anew with --restart" in capsys.readouterr().err
