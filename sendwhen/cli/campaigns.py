"""`sendwhen campaigns …`: check, test, put, list, pause and resume campaigns."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from sendwhen.campaigns import Report, campaign_folders, found_in, policy_file, report_on
from sendwhen.campaigns.json_schema import schema_text, schemas
from sendwhen.cases import case_problems
from sendwhen.cli import campaign_edits, campaign_tests
from sendwhen.cli.campaign_edits import MIGRATIONS, Policy, campaign_line, source_of
from sendwhen.cli.context import targets_of
from sendwhen.cli.table import table_lines
from sendwhen.cli.targets import Targets
from sendwhen.cli.terminal import (
    EXIT_REFUSED,
    AsJson,
    ask_sender,
    ask_trigger,
    err,
    fail,
    instant,
    out,
    print_json,
    run,
)
from sendwhen.domain.sending_rules import SENDING_ID
from sendwhen.errors import Invalid
from sendwhen.v1.sender_service_pb2 import ReleaseHeldRequest
from sendwhen.v1.trigger_service_pb2 import (
    ListCampaignsRequest,
    PutCampaignRequest,
    PutCampaignResponse,
    SetCampaignPausedRequest,
)

app = typer.Typer(help="Check, test, plan, put, list, pause, resume and archive campaigns.", no_args_is_help=True)
app.command("test")(campaign_tests.play)
app.command("plan")(campaign_edits.plan)
app.command("archive")(campaign_edits.archive)
app.command("history")(campaign_edits.history)

LIST_COLUMNS = ("campaign", "state", "trigger", "version", "partitions", "since")
STATE_STYLES = {"active": "green", "paused": "yellow", "archived": "dim"}
Folder = Annotated[
    Path,
    typer.Argument(
        exists=True, file_okay=False, help="A folder with campaign.yaml and its templates, or a folder of such folders."
    ),
]


@app.command()
def check(
    folder: Folder,
    as_json: AsJson = False,
    sarif: Annotated[
        Path | None,
        typer.Option(dir_okay=False, help="Write a SARIF report here, for code hosts that show it in pull requests."),
    ] = None,
) -> None:
    """Say what is wrong with campaigns (file:line:column, the problem, what to write). Needs no running sendwhen.

    The exit status is 1 where anything is wrong; warnings leave it 0.
    """
    report = _report_on(folder)
    if sarif is not None:
        try:
            sarif.write_text(report.as_sarif() + "\n", encoding="utf-8")
        except OSError as error:
            fail(f"{sarif} cannot be written ({error.strerror}).")
    if as_json:
        typer.echo(report.as_json())
    else:
        for line in report.lines:
            out.print(line, markup=False)
    if not report.well:
        raise typer.Exit(EXIT_REFUSED)


@app.command()
def schema(
    of: Annotated[str, typer.Option(help="campaign, events, segments or sending (.yaml).")] = "campaign",
) -> None:
    """Print the JSON Schema with which editors complete and check campaigns while they are written."""
    known = schemas()
    if of not in known:
        err.print(f"There is no schema of '{escape(of)}'. Write {' or '.join(known)}.")
        raise typer.Exit(EXIT_REFUSED)
    typer.echo(schema_text(known[of]), nl=False)


@app.command()
def put(
    context: typer.Context,
    folder: Folder,
    migrate: Annotated[
        Policy,
        typer.Option(help="People who wait in earlier versions: finish there, move to this one, or leave (cancel)."),
    ] = Policy.finish,
) -> None:
    """Put campaigns into force; the same again changes nothing. `sendwhen campaigns plan` shows what it would do.

    Nothing is put where anything is wrong with one of the campaigns or what stands beside them; the exit status is 1
    then.
    """
    targets = targets_of(context)
    _refuse_what_is_wrong(folder)
    refused = False
    # The policy first, so that no campaign acts without it.
    policy = policy_file(folder)
    for campaign in [*([policy] if policy else []), *campaign_folders(folder)]:
        place = campaign.parent if campaign is policy else campaign
        try:
            answer = run(_put(targets, campaign, migrate), expected=Invalid)
        except Invalid as error:  # by what only the installation knows, such as its limits
            refused = True
            for violation in error.violations:
                err.print(f"{place}/{violation.field}: {violation.description}", markup=False)
            if not error.violations:
                err.print(f"{campaign}: {error}", markup=False)
            if campaign is policy:
                err.print("No campaign was put: none is to act without the policy beside it.")
                break
            continue
        for warning in answer.warnings:
            at = f"{place}/{warning.file}:{warning.line}:{warning.column}"
            out.print(f"{at}: warning: {warning.problem}. {warning.remedy}", markup=False)
        out.print(f"{campaign_line(answer.campaign)}  {'put' if answer.changed else 'was in force already'}")
    if refused:
        raise typer.Exit(EXIT_REFUSED)


def _report_on(folder: Path) -> Report:
    of_cases = [one for campaign in campaign_folders(folder) for one in found_in(campaign, case_problems(campaign))]
    return report_on(folder).joined(of_cases)


def _refuse_what_is_wrong(folder: Path) -> None:
    """End the command before anything is put, so that a folder with an error does not come into force by half."""
    report = report_on(folder)
    if report.well:
        return
    errors = [one for one in report.problems if not one.problem.warning]
    for one in errors:
        err.print(str(one), markup=False)
    fail("Nothing was put. Correct this first, or put those campaigns alone that are well.")


@app.command("list")
def list_campaigns(context: typer.Context, as_json: AsJson = False) -> None:
    """Show all campaigns, and the sending policy: kind of trigger, state, version, since when."""
    answer = run(ask_trigger(targets_of(context), lambda trigger: trigger.ListCampaigns(ListCampaignsRequest())))
    if as_json:
        print_json(answer)
        return
    rows = [
        {
            "campaign": one.campaign_id, "trigger": one.trigger,
            "state": "archived" if one.archived else "paused" if one.paused else "active", "version": one.version,
            "partitions": f"{one.partitions_reached}/{one.partitions}", "since": instant(one.put_at_ms),
        }
        for one in answer.campaigns
        if one.campaign_id != SENDING_ID
    ]  # fmt: skip
    for line in table_lines(LIST_COLUMNS, rows, styles=STATE_STYLES):
        out.print(line)
    for policy in (one for one in answer.campaigns if one.campaign_id == SENDING_ID):
        out.print(f"{campaign_line(policy)}  since {instant(policy.put_at_ms)}")


@app.command()
def pause(context: typer.Context, campaign: Annotated[str, typer.Argument(help="Its id.")]) -> None:
    """Pause a campaign: nothing starts, and what falls due meanwhile is recorded as skipped."""
    _set_paused(targets_of(context), campaign, paused=True)


@app.command()
def resume(context: typer.Context, campaign: Annotated[str, typer.Argument(help="Its id.")]) -> None:
    """Let a paused campaign act again, from now on."""
    _set_paused(targets_of(context), campaign, paused=False)


@app.command()
def release(context: typer.Context, campaign: Annotated[str, typer.Argument(help="Its id.")]) -> None:
    """Let go what is held of a campaign beyond its volume for the day; the bound is lifted for the rest of the day."""
    _decide_held(targets_of(context), campaign, discard=False)


@app.command()
def discard(context: typer.Context, campaign: Annotated[str, typer.Argument(help="Its id.")]) -> None:
    """Discard what is held of a campaign beyond its volume for the day; the bound stays."""
    _decide_held(targets_of(context), campaign, discard=True)


def _decide_held(targets: Targets, campaign: str, *, discard: bool) -> None:
    request = ReleaseHeldRequest(campaign_id=campaign, discard=discard)
    emails, more = 0, True
    while more:
        answer = run(ask_sender(targets, lambda sender: sender.ReleaseHeld(request, timeout=60.0)))
        emails, more = emails + answer.emails, answer.more
    if not emails:
        known = run(ask_trigger(targets, lambda trigger: trigger.ListCampaigns(ListCampaignsRequest())))
        if campaign not in {one.campaign_id for one in known.campaigns}:
            fail(f"There is no campaign '{campaign}', and nothing is held. `sendwhen campaigns list` shows all.")
        out.print(f"{escape(campaign)}  nothing is held")
        return
    out.print(f"{escape(campaign)}  {emails:,} emails {'discarded' if discard else 'released'}")


def _set_paused(targets: Targets, campaign: str, *, paused: bool) -> None:
    request = SetCampaignPausedRequest(campaign_id=campaign, paused=paused)
    answer = run(ask_trigger(targets, lambda trigger: trigger.SetCampaignPaused(request)))
    out.print(campaign_line(answer.campaign))


async def _put(targets: Targets, campaign: Path, migrate: Policy) -> PutCampaignResponse:
    request = PutCampaignRequest(source=source_of(campaign), migrate=MIGRATIONS[migrate])
    # It writes to every partition's log, and waits for templates to be durable at sender.
    return await ask_trigger(targets, lambda trigger: trigger.PutCampaign(request, timeout=60.0))
