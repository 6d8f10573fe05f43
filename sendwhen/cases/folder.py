"""Plays the cases beside one campaign."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from sendwhen.campaigns import CampaignFiles, CheckedPolicy, check, check_policy, found_in, policy_for, read_folder
from sendwhen.campaigns.catalogue import CATALOGUE_NAME, Catalogue
from sendwhen.campaigns.catalogue_reader import read_catalogue
from sendwhen.campaigns.folder import CASES_NAME
from sendwhen.campaigns.problem import Problem
from sendwhen.cases.case import Case
from sendwhen.cases.case_reader import read_cases
from sendwhen.cases.player import Player
from sendwhen.cases.verdict import Verdict, judge
from sendwhen.domain.campaign import Campaign
from sendwhen.domain.steps import SendStep


class FolderResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a folder's cases.

    Attributes:
        name: The campaign's id, or the folder's name where it has none.
        has_cases: There is a cases.yaml.
        problems: Why no case could be played: ``folder/file:line:column: …``.
    """

    folder: Path
    name: str
    has_cases: bool
    verdicts: tuple[Verdict, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Nothing is wrong."""
        return not self.problems and all(verdict.passed for verdict in self.verdicts)


def play_folder(folder: Path, *, clock_s: Callable[[], float], only: str = "") -> FolderResult:
    """Play a campaign's cases, or those whose name contains ``only``, under the sending policy beside its folder.

    Args:
        folder: The campaign's.
        clock_s: Tells how long each takes.
        only: A part of a name; "" for all.
    """
    found = read_folder(folder)
    checked = check(found)
    content = found.files.get(CASES_NAME)
    if checked.campaign is None:
        errors = [problem for problem in checked.problems if not problem.warning]
        problems = tuple(map(str, found_in(folder, errors)))
        return FolderResult(folder=folder, name=folder.name, has_cases=content is not None, problems=problems)
    campaign = checked.campaign
    if content is None:
        return FolderResult(folder=folder, name=campaign.campaign_id, has_cases=False)
    policy, of_policy = _policy(folder)
    if of_policy:
        return FolderResult(folder=folder, name=campaign.campaign_id, has_cases=True, problems=of_policy)
    cases = read_cases(content, templates=_templates(campaign), catalogue=_catalogue(found))
    player = Player(checked, beside=policy)
    verdicts = [_played(player, case, clock_s) for case in cases.cases if only in case.name]
    return FolderResult(
        folder=folder,
        name=campaign.campaign_id,
        has_cases=True,
        verdicts=tuple(verdicts),
        problems=tuple(f"{folder}/{problem}" for problem in cases.problems),
    )


def case_problems(folder: Path) -> tuple[Problem, ...]:
    """What is wrong with the cases beside a campaign that is well itself, without playing them."""
    found = read_folder(folder)
    content = found.files.get(CASES_NAME)
    campaign = None if content is None else check(found).campaign
    if content is None or campaign is None:
        return ()
    return read_cases(content, templates=_templates(campaign), catalogue=_catalogue(found)).problems


def _catalogue(found: CampaignFiles) -> Catalogue | None:
    content = found.beside.get(CATALOGUE_NAME)
    return None if content is None else read_catalogue(content).catalogue


def _policy(folder: Path) -> tuple[tuple[CheckedPolicy, ...], tuple[str, ...]]:
    """The policy that counts for a campaign, if there is one, and what is wrong with it."""
    file = policy_for(folder)
    if file is None:
        return (), ()
    checked = check_policy(file.read_bytes())
    if checked.policy is None:
        return (), tuple(f"{file.parent}/{problem}" for problem in checked.problems if not problem.warning)
    return (checked,), ()


def _templates(campaign: Campaign) -> set[str]:
    return {step.template for step in campaign.steps if isinstance(step, SendStep)}


def _played(player: Player, case: Case, clock_s: Callable[[], float]) -> Verdict:
    begun_s = clock_s()
    verdict = judge(case, player.play(case))
    return msgspec.structs.replace(verdict, duration_s=max(0.0, clock_s() - begun_s))
