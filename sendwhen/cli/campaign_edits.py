"""`sendwhen campaigns plan, archive, history`: what an edit would do, ending a campaign, and what was changed."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Final

import typer
from rich.markup import escape

from sendwhen.campaigns import campaign_folders, policy_file, read_folder
from sendwhen.campaigns.folder import CASES_NAME, YAML_NAME
from sendwhen.cli.context import targets_of
from sendwhen.cli.targets import Targets
from sendwhen.cli.terminal import EXIT_REFUSED, AsJson, ask_trigger, err, instant, out, print_json, run
from sendwhen.domain.sending_rules import SENDING_ID
from sendwhen.errors import Invalid
from sendwhen.v1 import campaign_pb2
from sendwhen.v1.campaign_pb2 import CampaignSource, CampaignSummary, WaitingPlace
from sendwhen.v1.trigger_service_pb2 import (
    ArchiveCampaignRequest,
    GetCampaignHistoryRequest,
    ListCampaignsRequest,
    PlanCampaignRequest,
    PlanCampaignResponse,
)

Id = Annotated[str, typer.Argument(help="The campaign's id.")]
COUNT_S: Final = 120.0
"""How long counting who waits may take."""


class Policy(StrEnum):
    """What becomes of people who wait in earlier versions."""

    finish = "finish"
    move = "move"
    cancel = "cancel"


MIGRATIONS: Final = MappingProxyType(
    {
        Policy.finish: campaign_pb2.MIGRATION_FINISH,
        Policy.move: campaign_pb2.MIGRATION_MOVE,
        Policy.cancel: campaign_pb2.MIGRATION_CANCEL,
    }
)
_POLICY_OF: Final = MappingProxyType({number: policy.value for policy, number in MIGRATIONS.items()})


def plan(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="As for put.")],
    as_json: AsJson = False,
) -> None:
    """Show what putting campaigns would change, and what would become of the people who wait. Changes nothing.

    Of a folder of campaigns, people are counted for those that would change. The exit status is 1 where a campaign has
    an error. With --json there is a list, one answer for each campaign.
    """
    targets = targets_of(context)
    refused = False
    policy = policy_file(folder)
    campaigns = [*([policy] if policy else []), *campaign_folders(folder)]
    answers = []
    places: dict[str, Path] = {}
    for campaign in campaigns:
        try:
            answer = run(_plan(targets, campaign, changes_only=len(campaigns) > 1), expected=Invalid)
        except Invalid as error:
            refused = True
            err.print(f"{campaign}: {error}", markup=False)
            continue
        for problem in answer.problems:
            mark = "warning: " if problem.warning else ""
            place = campaign.parent if campaign is policy else campaign
            at = f"{place}/{problem.file}:{problem.line}:{problem.column}"
            err.print(f"{at}: {mark}{problem.problem}. {problem.remedy}", markup=False)
        answers.append(answer)
        if answer.campaign_id and places.setdefault(answer.campaign_id, campaign) != campaign:
            refused = True
            again = f"'{answer.campaign_id}' is the name of {places[answer.campaign_id]} too"
            err.print(f"{campaign}/{YAML_NAME}:1:1: {again}. Give each campaign its own name.", markup=False)
            continue
        if any(not problem.warning for problem in answer.problems):
            refused = True
        elif not as_json:
            _show(answer, counted=len(campaigns) == 1)
    if as_json:
        print_json(answers)
    elif not (folder / YAML_NAME).exists():
        _tell_of_others(targets, {answer.campaign_id for answer in answers}, sound=not refused)
    if refused:
        raise typer.Exit(EXIT_REFUSED)


def _tell_of_others(targets: Targets, here: Collection[str], *, sound: bool) -> None:
    """What goes on beside a folder of campaigns: one that was given another name, say, acts under its former too."""
    known = run(ask_trigger(targets, lambda trigger: trigger.ListCampaigns(ListCampaignsRequest()))).campaigns
    others = [one.campaign_id for one in known if not one.archived and one.campaign_id not in {*here, SENDING_ID}]
    if sound and others:
        out.print(f"In force, and not in this folder: {', '.join(others)}", markup=False)
        out.print("  They go on; `sendwhen campaigns archive ID` ends one that is over, or has another name now.")


def archive(context: typer.Context, campaign: Id) -> None:
    """End a campaign: nothing starts, and who waits leaves with the reason "archived". Putting it again revives it."""
    targets = targets_of(context)
    request = ArchiveCampaignRequest(campaign_id=campaign)
    answer = run(ask_trigger(targets, lambda trigger: trigger.ArchiveCampaign(request)))
    out.print(campaign_line(answer.campaign))


def history(context: typer.Context, campaign: Id, as_json: AsJson = False) -> None:
    """Show what was changed of a campaign: versions put, paused, resumed, archived."""
    targets = targets_of(context)
    request = GetCampaignHistoryRequest(campaign_id=campaign)
    answer = run(ask_trigger(targets, lambda trigger: trigger.GetCampaignHistory(request)))
    if as_json:
        print_json(answer)
        return
    for edit in answer.edits:
        policy = f"  people who waited: {_POLICY_OF[edit.migrate]}" if edit.migrate in _POLICY_OF else ""
        out.print(f"{instant(edit.at_ms)}  {edit.what:<8}  version {edit.version}{policy}")
    out.print(f"now: {campaign_line(answer.campaign)}")


def campaign_line(campaign: CampaignSummary) -> str:
    """A campaign in a line."""
    state = "archived" if campaign.archived else "paused" if campaign.paused else "active"
    reached = f"{campaign.partitions_reached}/{campaign.partitions} partitions"
    if campaign.campaign_id == SENDING_ID:
        return f"sending policy  version {campaign.version}  {reached}"
    return f"{escape(campaign.campaign_id)}  {state}  version {campaign.version}  {reached}"


def source_of(campaign: Path) -> CampaignSource:
    """A campaign's files, but for its cases; or the file of the sending policy.

    Raises:
        Invalid: They cannot be read.
    """
    if campaign.is_file():
        return CampaignSource(files={campaign.name: campaign.read_bytes()})
    found = read_folder(campaign)
    errors = [str(problem) for problem in found.problems if not problem.warning]
    if errors:
        raise Invalid("\n".join(errors))
    if YAML_NAME not in found.files:
        raise Invalid("There is no campaign.yaml in the folder.", remedy="Write one; docs/campaigns.md shows how.")
    return CampaignSource(files={name: content for name, content in found.together().items() if name != CASES_NAME})


async def _plan(targets: Targets, campaign: Path, *, changes_only: bool) -> PlanCampaignResponse:
    request = PlanCampaignRequest(source=source_of(campaign), changes_only=changes_only)
    return await ask_trigger(targets, lambda trigger: trigger.PlanCampaign(request, timeout=COUNT_S))


def _show(answer: PlanCampaignResponse, *, counted: bool) -> None:
    of_policy = answer.campaign_id == SENDING_ID
    name = "sending policy" if of_policy else escape(answer.campaign_id)
    if not answer.version_in_force:
        out.print(f"[bold]{name}[/]  none is in force; version {answer.version} would be new")
    elif answer.version_in_force == answer.version:
        out.print(f"[bold]{name}[/]  version {answer.version} is in force already")
    else:
        out.print(f"[bold]{name}[/]  version {answer.version_in_force} becomes {answer.version}")
    for change in answer.changes:
        out.print(f"  {change}", markup=False)
    if answer.version_in_force not in ("", answer.version) and not answer.changes:
        out.print("  Only layout or comments differ.")
    if answer.version_in_force == answer.version and not counted:
        return
    if of_policy:
        return  # it counts for everybody from then on: nobody waits in a version of it
    if not answer.waiting:
        out.print("  Nobody waits.")
        return
    out.print(f"  {sum(one.runs for one in answer.waiting):,} waiting{' (estimated)' if answer.estimated else ''}:")
    for line in _waiting_lines(answer.waiting):
        out.print(f"  {line}", markup=False)


def _waiting_lines(waiting: Iterable[WaitingPlace]) -> list[str]:
    """A table that no terminal folds, so that it can be read from a file too."""
    rows = [("runs", "wait in", "of version", "finish", "move", "cancel")]
    for one in waiting:
        fates = ("goes on as it is", "goes on in the new version", "leaves")
        if one.decided:
            fates = (f"decided already: {one.decided}", "", "")
        elif not one.place_in_new_version:
            fates = (fates[0], "refused: no such place", fates[2])
        rows.append((f"{one.runs:,}", one.place, one.version, *fates))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for runs, *cells in rows:
        padded = [f"{cell:<{width}}" for cell, width in zip(cells, widths[1:], strict=True)]
        lines.append("  ".join([f"{runs:>{widths[0]}}", *padded]).rstrip())
    return lines
