"""What a check of one campaign's folder, or of a folder of them, has to say: for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from sendwhen.campaigns.checker import check
from sendwhen.campaigns.folder import YAML_NAME, campaign_folders, policy_file, read_folder
from sendwhen.campaigns.policy import check_policy
from sendwhen.campaigns.problem import Problem

SARIF_VERSION: Final = "2.1.0"
_SARIF_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_UP: Final = "../"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A problem of a file.

    Attributes:
        file: Where it is, as the folder was named.
    """

    file: Path
    problem: Problem

    def __str__(self) -> str:
        mark = "warning: " if self.problem.warning else ""
        place = f"{self.file}:{self.problem.line}:{self.problem.column}"
        return f"{place}: {mark}{self.problem.problem}. {self.problem.remedy}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Well:
    """A campaign, or (without an id) the sending policy, in which no error was found.

    Attributes:
        place: The campaign's folder, or the policy's file.
    """

    place: Path
    campaign_id: str
    version: str

    def __str__(self) -> str:
        name = self.campaign_id or "the sending policy"
        return f"{self.place}: {name} is well, version {self.version}"


@dataclass(frozen=True, slots=True)
class Report:
    """All of it, in the order of the folders."""

    findings: tuple[Found | Well, ...] = field(default=())

    @property
    def problems(self) -> tuple[Found, ...]:
        """What is wrong, and warnings."""
        return tuple(one for one in self.findings if isinstance(one, Found))

    @property
    def well(self) -> bool:
        """Nothing is wrong but for warnings."""
        return all(one.problem.warning for one in self.problems)

    @property
    def lines(self) -> list[str]:
        """A line for each."""
        return [str(one) for one in self.findings]

    def joined(self, others: Iterable[Found | Well]) -> Report:
        """This and more; what is wrong with a file that belongs to several campaigns is said once."""
        return Report(tuple(dict.fromkeys((*self.findings, *others))))

    def as_json(self) -> str:
        """For programs: {"well", "problems", "campaigns"}."""
        problems = [
            {
                "file": one.file.as_posix(), "line": one.problem.line, "column": one.problem.column,
                "severity": "warning" if one.problem.warning else "error",
                "problem": one.problem.problem, "remedy": one.problem.remedy,
            }
            for one in self.problems
        ]  # fmt: skip
        campaigns = [
            {"place": one.place.as_posix(), "campaign": one.campaign_id, "version": one.version}
            for one in self.findings
            if isinstance(one, Well)
        ]
        return _text({"well": self.well, "problems": problems, "campaigns": campaigns})

    def as_sarif(self) -> str:
        """For code hosts that show problems beside the lines of a pull request."""
        run = {
            "tool": {"driver": {"name": "sendwhen", "rules": [{"id": "campaign"}]}},
            "columnKind": "unicodeCodePoints",
            "results": [_sarif_result(one) for one in self.problems],
        }
        return _text({"$schema": _SARIF_SCHEMA, "version": SARIF_VERSION, "runs": [run]})


def report_on(path: str | Path) -> Report:
    """Check one campaign's folder, or a folder of them with what stands beside them; never raises for their content."""
    return Report().joined(_findings(Path(path)))


def found_in(folder: Path, problems: Iterable[Problem]) -> Iterator[Found]:
    """Problems of a campaign's folder, whichever folder their files are in."""
    for problem in problems:
        beside = problem.file.startswith(_UP)
        file = folder.parent / problem.file.removeprefix(_UP) if beside else folder / problem.file
        yield Found(file=file, problem=problem)


def _findings(path: Path) -> Iterator[Found | Well]:
    if policy := policy_file(path):
        checked_policy = check_policy(policy.read_bytes())
        yield from found_in(policy.parent, checked_policy.problems)
        if checked_policy.policy is not None:
            yield Well(place=policy, campaign_id="", version=checked_policy.version)
    names: dict[str, Path] = {}
    for folder in campaign_folders(path):
        checked = check(read_folder(folder))
        yield from found_in(folder, checked.problems)
        if checked.campaign is None:
            continue
        name = checked.campaign.campaign_id
        if name in names:
            again = f"'{name}' is the name of {names[name]} too"
            problem = Problem(
                file=YAML_NAME, line=1, column=1, problem=again, remedy="Give each campaign its own name."
            )
            yield from found_in(folder, [problem])
        else:
            names[name] = folder
            yield Well(place=folder, campaign_id=name, version=checked.version)


def _sarif_result(found: Found) -> dict[str, Any]:
    place: dict[str, Any] = {"artifactLocation": {"uri": _uri(found.file)}}
    if found.problem.line:
        place["region"] = {"startLine": found.problem.line, "startColumn": max(1, found.problem.column)}
    return {
        "ruleId": "campaign",
        "level": "warning" if found.problem.warning else "error",
        "message": {"text": f"{found.problem.problem}. {found.problem.remedy}"},
        "locations": [{"physicalLocation": place}],
    }


def _uri(file: Path) -> str:
    if file.is_absolute():
        return file.as_uri()
    # Relative to where the command ran, which in a CI is the checkout.
    return Path("/", file).as_uri().removeprefix("file:///")


def _text(value: dict[str, Any]) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
