"""Broken campaigns and what is said of them: ``tests/golden/campaign_errors/*.case``.

A case holds files, each after a line ``--- file NAME`` (``--- escaped NAME`` for bytes that are no text), and what the
check must say after ``--- problems``. A case without templates of its own gets one called "reminder".

``python -m tests.campaigns.golden_cases`` writes today's messages into the cases; look at the difference before
committing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sendwhen.campaigns import check

FOLDER = Path(__file__).parents[1] / "golden" / "campaign_errors"
TEMPLATES = {"reminder.subject.liquid": b"You left something", "reminder.text.liquid": b"It is still there."}


@dataclass(frozen=True)
class Case:
    name: str
    source: str
    files: dict[str, bytes]
    problems: list[str]


def read_case(path: Path) -> Case:
    source, _, problems = path.read_text(encoding="utf-8").partition("--- problems\n")
    files: dict[str, bytes] = {}
    for part in source.split("--- ")[1:]:
        head, _, body = part.partition("\n")
        kind, _, name = head.partition(" ")
        files[name] = (
            body.encode()
            if kind == "file"
            else body.rstrip("\n").encode("latin-1").decode("unicode_escape").encode("latin-1")
        )
    if not any(name.endswith(".liquid") for name in files):
        files |= TEMPLATES
    return Case(path.stem, source, files, problems.splitlines())


def said_of(case: Case) -> list[str]:
    return [str(problem) for problem in check(case.files).problems]


def cases() -> list[Case]:
    return [read_case(path) for path in sorted(FOLDER.glob("*.case"))]


if __name__ == "__main__":
    for each in cases():
        text = each.source + "--- problems\n" + "".join(f"{line}\n" for line in said_of(each))
        (FOLDER / f"{each.name}.case").write_text(text, encoding="utf-8")
