"""A campaign's folder as files in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sendwhen.campaigns.problem import Problem

YAML_NAME = "campaign.yaml"
CASES_NAME = "cases.yaml"
"""Tests of the campaign, beside it: no part of what is put."""
POLICY_NAME = "sending.yaml"
"""The sending policy, beside the campaigns' folders: put by itself, and the same for all of them."""
FILES_LIMIT = 64
"""Files of a campaign."""
BYTES_LIMIT = 1_000_000
"""Size of all files of a campaign."""
BESIDE_NAMES = ("events.yaml", "segments.yaml")
"""Files that stand beside the campaigns' folders and belong to all of them."""
BESIDE_BYTES_LIMIT = 512 * 1024
"""Size of each of them."""
_NOTES = (".md",)
_UP = "../"


@dataclass(frozen=True, slots=True)
class CampaignFiles:
    """The files of one campaign by name.

    Attributes:
        files: Name within the folder to content.
        problems: What was found wrong while reading; ``check`` reports it.
        beside: The files of BESIDE_NAMES that there are, by name.
    """

    files: Mapping[str, bytes]
    problems: tuple[Problem, ...] = field(default=())
    beside: Mapping[str, bytes] = field(default_factory=dict)

    @classmethod
    def of(cls, files: Mapping[str, bytes]) -> CampaignFiles:
        """From one map, as it travels: the names of files beside the folder begin with "../"."""
        own = {name: content for name, content in files.items() if not name.startswith(_UP)}
        beside = {
            name.removeprefix(_UP): content
            for name, content in files.items()
            if name.startswith(_UP) and name.removeprefix(_UP) in BESIDE_NAMES
        }
        strangers = tuple(
            _problem(
                name, "This file does not belong to a campaign", f"Only {', '.join(BESIDE_NAMES)} may stand there."
            )
            for name in files
            if name.startswith(_UP) and name.removeprefix(_UP) not in BESIDE_NAMES
        )
        return cls(own, strangers, beside)

    def together(self) -> Mapping[str, bytes]:
        """All in one map; see ``of``."""
        return {**self.files, **{_UP + name: content for name, content in self.beside.items()}}


def read_folder(path: str | Path) -> CampaignFiles:
    """The files of a folder, but for hidden ones and notes (*.md); never more than the limits."""
    folder = Path(path)
    files: dict[str, bytes] = {}
    problems: list[Problem] = []
    size = 0
    try:
        names = sorted(
            entry for entry in folder.iterdir() if not entry.name.startswith(".") and entry.suffix not in _NOTES
        )
    except OSError as error:
        return CampaignFiles(
            {},
            (
                Problem(
                    file=folder.name,
                    problem=f"The folder cannot be read ({error.strerror})",
                    remedy="Name a campaign's folder.",
                ),
            ),
        )
    for entry in names:
        if not entry.is_file() or entry.is_symlink():
            problems.append(
                _problem(
                    entry.name,
                    "This is no plain file",
                    "Keep campaign.yaml and its templates side by side, without folders or links.",
                )
            )
            continue
        try:
            size += entry.stat().st_size
            if size > BYTES_LIMIT or len(files) == FILES_LIMIT:
                break
            files[entry.name] = entry.read_bytes()
        except OSError as error:
            problems.append(_problem(entry.name, f"The file cannot be read ({error.strerror})", "Allow reading it."))
    if size > BYTES_LIMIT or len(names) > FILES_LIMIT:
        problems.append(too_large())
    beside = _beside(folder, problems)
    return CampaignFiles(files, tuple(problems), beside)


def _beside(folder: Path, problems: list[Problem]) -> Mapping[str, bytes]:
    found: dict[str, bytes] = {}
    for name in BESIDE_NAMES:
        path = folder.resolve().parent / name
        try:
            if path.is_file():
                found[name] = path.read_bytes()[: BESIDE_BYTES_LIMIT + 1]
        except OSError as error:
            problems.append(_problem(_UP + name, f"The file cannot be read ({error.strerror})", "Allow reading it."))
    return found


def too_large() -> Problem:
    """A folder beyond the limits."""
    return _problem(
        YAML_NAME,
        f"The folder holds more than {FILES_LIMIT} files or {BYTES_LIMIT // 1_000_000} MB",
        "Keep only the campaign's own files in it.",
    )


def campaign_folders(path: str | Path) -> Iterator[Path]:
    """The folder itself if it is a campaign's, else the campaigns' folders in it."""
    folder = Path(path)
    inner = sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith(".")) if folder.is_dir() else []
    with_campaign = [p for p in inner if (p / YAML_NAME).exists()]
    if (folder / YAML_NAME).exists() or not (with_campaign or policy_file(folder)):
        yield folder
    else:
        yield from inner


def policy_file(path: str | Path) -> Path | None:
    """The sending policy in a folder of campaigns' folders."""
    file = Path(path) / POLICY_NAME
    return file if file.is_file() and not (Path(path) / YAML_NAME).exists() else None


def policy_for(path: str | Path) -> Path | None:
    """The sending policy that counts for a campaign's folder, or for a folder of such folders."""
    folder = Path(path)
    return policy_file(folder.resolve().parent if (folder / YAML_NAME).exists() else folder)


def _problem(file: str, problem: str, remedy: str) -> Problem:
    return Problem(file=file, problem=problem, remedy=remedy)
