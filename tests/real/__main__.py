"""`make real DATA=folder`: replay real data sets and compare the number of emails with what is known."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.real.replay import Disagreement, emails_of
from tests.real.sets import SETS, DataSet

PARTITIONS = (1, 16)


def run(folder: Path, names: list[str]) -> Iterator[tuple[str, bool | None]]:
    """A line for each answer, and whether it is right (None: the set is absent)."""
    for data in SETS:
        if names and data.name not in names:
            continue
        if not (folder / data.source).exists():
            yield f"{data.name} skipped: {folder / data.source} is absent", None
            continue
        with tempfile.TemporaryDirectory(prefix="sw-real-") as work:
            yield from _set(data, folder, Path(work))


def _set(data: DataSet, folder: Path, work: Path) -> Iterator[tuple[str, bool]]:
    events = work / f"{data.name}.jsonl"
    last_ms = data.write(folder, events)
    found: dict[int, dict[str, int]] = {}
    for partitions in PARTITIONS:
        try:
            found[partitions] = emails_of(data, events=events, last_ms=last_ms, partitions=partitions, work=work)
        except Disagreement as problem:
            yield f"{data.name} with {partitions} partitions: {problem}", False
    for answer in data.answers:
        counts = {partitions: emails.get(answer.name, -1) for partitions, emails in found.items()}
        right = len(counts) == len(PARTITIONS) and set(counts.values()) == {answer.emails}
        if len(set(counts.values())) == 1:
            line = f"{data.name} {answer.name} {next(iter(counts.values()))}"
        else:
            line = f"{data.name} {answer.name} differs by partitions: {counts}"
        yield line if right else f"{line} instead of {answer.emails}", right


def main() -> int:
    """Replay all sets of a folder; 1 where an answer is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", action="append", default=[], help="name of a set; may be repeated")
    given = parser.parse_args()
    passed = failed = 0
    for line, right in run(given.folder, given.only):
        print(line, flush=True)
        passed += right is True
        failed += right is False
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
