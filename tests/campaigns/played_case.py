"""Plays a case as a document writes it through ``sendwhen.cases``, and draws it.

A case is as in ``cases.yaml``, and may say what else is in force: ``beside: {policy: …, campaigns: […]}``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sendwhen.campaigns import CampaignFiles, Checked, CheckedPolicy, check, check_policy
from sendwhen.campaigns.durations import duration_ms, duration_text
from sendwhen.cases import Case, Player, read_cases
from sendwhen.domain.decision import Kind
from sendwhen.domain.steps import SendStep


@dataclass(frozen=True, order=True)
class Outcome:
    """An email, or why there was none."""

    at_ms: int
    who: str
    what: str
    skipped: bool = False


def checked(files: Mapping[str, bytes] | CampaignFiles) -> Checked:
    found = check(files)
    assert not found.problems, "\n".join(map(str, found.problems))
    return found


def files_of(campaign: str) -> dict[str, bytes]:
    """A campaign's text with some template for each email."""
    found = {"campaign.yaml": campaign.encode()}
    for name in re.findall(r"send: ([a-z-]+)\b", campaign):
        found |= {f"{name}.subject.liquid": b"Hello", f"{name}.text.liquid": b"Hello"}
    return found


def played(campaign: Checked, case: Mapping[str, Any]) -> list[Outcome]:
    """What campaigns do on a timeline, in the order of the instants for which it is due."""
    beside = _beside(case)
    found: list[Outcome] = []
    for one in Player(campaign, beside=beside).play(_case(case, (*beside, campaign))):
        if one.kind is Kind.SEND:
            found.append(Outcome(one.at_ms, one.who, one.template))
        elif one.kind is Kind.SKIPPED:
            found.append(Outcome(one.at_ms, one.who, one.reason, skipped=True))
    return sorted(found)


def expected(case: Mapping[str, Any]) -> list[Outcome]:
    return sorted(
        Outcome(ms(line["at"]), str(line["who"]), str(line.get("send") or line["skip"]), "skip" in line)
        for line in case.get("expect", [])
    )


def ms(text: str) -> int:
    found = 0 if text in ("0", "0s") else duration_ms(text)
    assert found is not None, text
    return found


def _case(case: Mapping[str, Any], in_force: Sequence[Checked | CheckedPolicy]) -> Case:
    compiled = [one.campaign for one in in_force if isinstance(one, Checked) and one.campaign]
    templates = {step.template for one in compiled for step in one.steps if isinstance(step, SendStep)}
    written = {"name": "a case", **{word: value for word, value in case.items() if word != "beside"}}
    cases = read_cases(json.dumps({"cases": [written]}, default=str).encode(), templates=templates)
    assert not cases.problems, "\n".join(map(str, cases.problems))
    return cases.cases[0]


def _beside(case: Mapping[str, Any]) -> tuple[Checked | CheckedPolicy, ...]:
    beside = case.get("beside") or {}
    policies = [check_policy(str(beside["policy"]).encode())] if "policy" in beside else []
    return (*policies, *(checked(files_of(text)) for text in beside.get("campaigns", ())))


def drawn(case: Mapping[str, Any]) -> str:
    """A case as a drawing: a lane for each customer, in no scale."""
    marks = [(ms(x["at"]), 0, n, str(x["who"]), "●", _label(x)) for n, x in enumerate(case["timeline"])]
    for n, outcome in enumerate(expected(case)):
        sign, label = ("○", f"({outcome.what})") if outcome.skipped else ("✉", outcome.what)
        marks.append((outcome.at_ms, 1, n, outcome.who, sign, [label]))
    marks.sort()
    instants = list(dict.fromkeys((at_ms, part, n) for at_ms, part, n, *_ in marks))
    columns = [next(m for m in marks if m[:3] == instant) for instant in instants]
    widths = [max(len(duration_text(m[0])), *map(len, m[5])) + 2 for m in columns]
    names = list(dict.fromkeys(m[3] for m in marks if m[1] == 0))
    margin = max(map(len, names)) + 1
    head, previous = " " * margin + "  ", None
    for column, width in zip(columns, widths, strict=True):
        head += (duration_text(column[0]) if column[0] != previous else "").ljust(width)
        previous = column[0]
    lines = [head.rstrip()]
    for name in names:
        mine = [i for i, m in enumerate(columns) if m[3] == name]
        lane = "".join(
            (m[4] if i in mine else "─").ljust(w, "─") for i, (m, w) in enumerate(zip(columns, widths, strict=True))
        )
        lines.append(f"{name.ljust(margin)}──{lane}▶")
        for row in range(max(len(columns[i][5]) for i in mine)):
            cells = (m[5][row] if i in mine and row < len(m[5]) else "" for i, m in enumerate(columns))
            text = "".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
            lines.append((" " * margin + "  " + text).rstrip())
    return "\n".join(lines)


def _label(line: Mapping[str, Any]) -> list[str]:
    rows = str(line["event"]).split(" ")
    rows += [f"at {line['happened_at']}"] if "happened_at" in line else []
    rows += [f"{name} {_short(value)}" for name, value in (line.get("properties") or {}).items()]
    return rows + [f"{name} := {_short(value)}" for name, value in (line.get("attributes") or {}).items()]


def _short(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) if not isinstance(value, str) else value
