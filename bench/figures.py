"""What a measurement says: a value, what it must reach, and the reference measured in the same run."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

HISTORY = Path(__file__).with_name("history.jsonl")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured figure.

    Attributes:
        name: What was measured, such as "track.p50".
        value: In ``unit``.
        must: "at least" or "at most", with ``bound``; "" where there is no bound.
        reference: What stood beside it, such as "empty unary rpc", with its value in the same unit.
    """

    name: str
    value: float
    unit: str
    must: str = ""
    bound: float = 0.0
    reference: str = ""
    reference_value: float = 0.0

    @property
    def reached(self) -> bool | None:
        """Whether the bound was reached; None where there is none."""
        if not self.must:
            return None
        return self.value >= self.bound if self.must == "at least" else self.value <= self.bound

    def line(self) -> str:
        """One line for a person."""
        verdict = {True: "reached", False: "MISSED", None: ""}[self.reached]
        bound = f"{self.must} {self.bound:g}" if self.must else ""
        beside = ""
        if self.reference:
            ratio = self.value / self.reference_value if self.reference_value else float("nan")
            beside = f"{self.reference}: {self.reference_value:.4g} (ratio {ratio:.2f})"
        return f"{self.name:48} {self.value:12.4g} {self.unit:10} {bound:18} {verdict:8} {beside}"


def machine() -> dict[str, object]:
    """What the figures were measured on."""
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.processor(),
    )
    return {
        "cores": os.cpu_count(),
        "processor": model,
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "python": platform.python_version(),
        "kernel": platform.release(),
    }


def record(figures: Sequence[Figure]) -> None:
    """Append the figures, with commit and machine, as one line to the history."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    line = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit.stdout.strip(),
        "machine": machine(),
        "figures": [asdict(figure) for figure in figures],
    }
    with HISTORY.open("a", encoding="utf-8") as history:
        history.write(json.dumps(line) + "\n")
