"""``python -m tests.semantics FILE``: plays neutral cases, prints differences, last ``N passed, N failed``."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.semantics.cases import Malformed
from tests.semantics.judging import judge_all


def main(arguments: list[str]) -> int:
    """Exit status: 0 where no case failed."""
    if len(arguments) != 1 or not Path(arguments[0]).is_file():
        print("Give one file of cases: make semantics CASES=path/to/cases.yaml")
        return 2
    try:
        verdicts = list(judge_all(Path(arguments[0])))
    except Malformed as reason:
        print(reason)
        return 2
    played = [verdict for verdict in verdicts if not verdict.unsupported]
    failed = [verdict for verdict in played if verdict.differences]
    for verdict in verdicts:
        if verdict.unsupported:
            print(f"not supported  {verdict.case_id}  {verdict.unsupported}")
        for skipped in verdict.skipped_variants:
            print(f"variant skipped  {skipped}")
    for verdict in played:
        if verdict not in failed:
            print(f"passed  {verdict.case_id}  {verdict.title}")
    for verdict in failed:
        print(f"FAILED  {verdict.case_id}  {verdict.title}")
        for difference in verdict.differences:
            print(difference)
    skipped_count = sum(len(verdict.skipped_variants) for verdict in verdicts)
    print(f"{len(verdicts) - len(played)} cases and {skipped_count} variants not supported")
    print(f"{len(played) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
