"""`python -m bench [NAME …]`: measure, print, and append to the history."""

from __future__ import annotations

import importlib
import sys

from bench.figures import Figure, record

MODULES = (
    "domain",
    "conditions",
    "campaigns",
    "append",
    "shard_host",
    "ingest",
    "profile",
    "sender",
    "size",
    "pipeline",
    "backtest",
    "million",
)


def main(names: list[str]) -> int:
    """Measure what is named, or everything; 1 where a bound was missed."""
    unknown = [name for name in names if name not in MODULES]
    if unknown:
        print(f"Unknown: {', '.join(unknown)}. There are: {', '.join(MODULES)}.", file=sys.stderr)
        return 2
    figures: list[Figure] = []
    for name in names or MODULES:
        print(f"— {name} …", flush=True)
        measured = importlib.import_module(f"bench.{name}").measure()
        for figure in measured:
            print(figure.line(), flush=True)
        figures += measured
    record(figures)
    missed = [figure.name for figure in figures if figure.reached is False]
    print(f"Missed: {', '.join(missed)}; docs/performance.md says why." if missed else "Every bound was reached.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
