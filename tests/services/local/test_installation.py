from __future__ import annotations

import json
import os
import stat
from collections import namedtuple
from pathlib import Path

import pytest

from services.local import installation as module
from services.local.installation import InstallationRefused, Wanted, open_installation

NOW_MS = 1_700_000_000_000


def opened(folder: Path, **wanted: object) -> module.Installation:
    return open_installation(folder, Wanted(**wanted), now_ms=NOW_MS)


def test_a_new_folder_is_for_its_owner_alone_and_is_found_again(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "data"

    first = opened(folder)
    first.close()
    second = opened(folder)
    second.close()

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "secrets.json").stat().st_mode) == 0o600
    assert first.identity == second.identity
    assert first.identity.partitions == 16
    assert first.secrets == second.secrets
    assert len(set(json.loads((folder / "secrets.json").read_text()).values())) == 6


def test_a_second_instance_hears_which_process_has_the_folder(tmp_path: Path) -> None:
    first = opened(tmp_path)

    with pytest.raises(InstallationRefused, match=f"process {os.getpid()}"):
        opened(tmp_path)

    first.close()
    opened(tmp_path).close()


@pytest.mark.parametrize(("name", "made", "asked"), [("partitions", 4, 8), ("clock", "events", "wall")])
def test_what_is_fixed_at_creation_cannot_be_changed(tmp_path: Path, name: str, made: object, asked: object) -> None:
    opened(tmp_path, **{name: made}).close()

    with pytest.raises(InstallationRefused, match=f"--{name} {made} and cannot be run with {asked}"):
        opened(tmp_path, **{name: asked})

    opened(tmp_path).close()


@pytest.mark.parametrize("number", [0, 2, "x", None])
def test_a_folder_of_another_format_is_left_alone(tmp_path: Path, number: object) -> None:
    (tmp_path / "installation.json").write_text(json.dumps({"format": number}))

    with pytest.raises(InstallationRefused, match="this version of sendwhen reads format 1"):
        opened(tmp_path)


def test_data_without_its_description_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()

    with pytest.raises(InstallationRefused, match=r"no installation\.json"):
        opened(tmp_path)


def test_another_port_base_is_kept(tmp_path: Path) -> None:
    opened(tmp_path).close()
    moved = opened(tmp_path, port_base=9000)
    moved.close()
    again = opened(tmp_path)
    again.close()

    assert moved.identity.ports.ingest == 9001
    assert again.identity.ports == moved.identity.ports


def test_a_path_that_is_a_file_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")

    with pytest.raises(InstallationRefused, match="--data or SENDWHEN_DATA"):
        opened(tmp_path / "data")


@pytest.mark.parametrize("name", ["installation.json", "secrets.json"])
def test_a_file_that_cannot_be_read_is_named_with_what_to_do(tmp_path: Path, name: str) -> None:
    opened(tmp_path).close()
    (tmp_path / name).unlink()
    (tmp_path / name).mkdir()

    with pytest.raises(InstallationRefused, match=rf"{name} cannot be used: .*--data or SENDWHEN_DATA"):
        opened(tmp_path)

    (tmp_path / name).rmdir()


def test_a_nearly_full_disk_is_refused(tmp_path: Path) -> None:
    Usage = namedtuple("Usage", "total used free")

    for usage in (Usage(10**12, 0, 10**11 - 1), Usage(10**9, 0, 150 * 1024 * 1024)):
        with pytest.raises(InstallationRefused, match="nearly full"):
            open_installation(tmp_path, Wanted(), now_ms=NOW_MS, disk_usage=lambda _, usage=usage: usage)
