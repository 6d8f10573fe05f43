"""What the processes wrote down while they were broken: nothing of a customer, and no surprise."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

PERSONAL = re.compile(r"@example\.com|customer-\d")
UNEXPECTED = (
    # An exception that nobody foresaw.
    "Traceback (most recent call last)",
    '"level": "error"',
    # With fsync the store never goes back, so profile has no reason to think so.
    '"event": "changes.missed"',
)
EXPECTED = re.compile(
    # A service that was started before its store was back says why it ends; the supervisor starts it again.
    r'"event": "process.refused"'
)
HUNG_UP = re.compile(r"ExecuteBatchError: .*SendStatusFromServerOperation")
"""So the library says that who asked was gone when the answer was written; no code of ours can see that before.

``tests/integration/test_answers_to_nobody.py`` shows when it does, and that it does not where somebody waits.
"""
_NUMBER = re.compile(r"\d+")


def complaints(data: Path) -> list[str]:
    """Complaints about the logs of an installation that has ended."""
    personal: Counter[str] = Counter()
    surprises: Counter[str] = Counter()
    for path in _logs(data):
        lines = path.read_text(errors="replace").splitlines()
        for number, line in enumerate(lines):
            if PERSONAL.search(line):
                personal[path.name] += 1
            if any(words in line for words in UNEXPECTED) and not EXPECTED.search(line):
                told = line[:300]
                if "Traceback" in line:
                    raised = _raised(lines[number + 1 : number + 100])
                    if HUNG_UP.search(raised):
                        continue
                    told = f"{told} {raised}".rstrip()
                surprises[f"{path.name}: {_NUMBER.sub('#', told)}"] += 1
    found = [f"{path} has {number} lines with a customer's data" for path, number in personal.items()]
    return found + [f"{line} ({number} times)" for line, number in surprises.most_common(5)]


def _raised(after: Sequence[str]) -> str:
    """What a traceback is about: its first line that is not indented."""
    return next((line[:300] for line in after if line and not line[0].isspace() and line[0] != "{"), "")


def _logs(data: Path) -> Iterator[Path]:
    yield from (data / "logs").glob("*.log")
    # Ray keeps what shards print, in files of its own.
    yield from (data / "ray").glob("session_2*/logs/worker-*")
