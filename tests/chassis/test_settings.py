from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from sendwhen.chassis.settings import InvalidSettings, read_settings


@dataclass(frozen=True, kw_only=True)
class Settings:
    listen: str
    batch_limit: int = 5
    loud: bool = False
    folder: Path = Path("here")
    keys: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.batch_limit > 10:
            raise ValueError("X_BATCH_LIMIT must be at most 10.")


def test_what_is_set_is_read_and_the_rest_keeps_its_default() -> None:
    environ = {"X_LISTEN": "here:1", "X_BATCH_LIMIT": "7", "X_LOUD": "true", "X_KEYS": "a, b,,c", "OTHER": "1"}
    assert read_settings(Settings, environ, prefix="X_") == Settings(
        listen="here:1", batch_limit=7, loud=True, keys=("a", "b", "c")
    )


def test_all_complaints_come_at_once() -> None:
    environ = {"X_BATCH_LIMIT": "-1", "X_LOUD": "maybe", "X_FOLDER_FILE": "/not/there"}
    with pytest.raises(InvalidSettings) as caught:
        read_settings(Settings, environ, prefix="X_")
    for word in ("X_LISTEN is not set", "X_BATCH_LIMIT='-1'", "X_LOUD='maybe'", "X_FOLDER_FILE"):
        assert word in str(caught.value)


def test_a_secret_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "listen").write_text("there:2\n")
    assert read_settings(Settings, {"X_LISTEN_FILE": str(tmp_path / "listen")}, prefix="X_").listen == "there:2"


def test_a_rule_of_the_settings_themselves_is_a_complaint_too() -> None:
    with pytest.raises(InvalidSettings, match="at most 10"):
        read_settings(Settings, {"X_LISTEN": "a:1", "X_BATCH_LIMIT": "11"}, prefix="X_")
