"""`sendwhen campaigns test`: plays the cases beside campaigns. Needs no running sendwhen."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from sendwhen.campaigns import campaign_folders
from sendwhen.cases import FolderResult, junit_xml, play_folder
from sendwhen.cli.terminal import EXIT_REFUSED, err, fail, out


def play(
    folder: Annotated[
        Path,
        typer.Argument(exists=True, file_okay=False, help="A campaign's folder with cases.yaml, or a folder of such."),
    ],
    junit: Annotated[Path | None, typer.Option(dir_okay=False, help="Write a JUnit report here.")] = None,
    only: Annotated[str, typer.Option("--only", "-k", help="Play only cases whose name contains this.")] = "",
) -> None:
    """Play the cases beside campaigns (cases.yaml) in virtual time. Needs no running sendwhen, sends nothing.

    The exit status is 1 where a case fails, there is none, or something is wrong with a campaign or a case.
    """
    results = [play_folder(one, clock_s=time.perf_counter, only=only) for one in campaign_folders(folder)]
    # What is wrong with a file that belongs to all of them is said once.
    for problem in dict.fromkeys(problem for result in results for problem in result.problems):
        err.print(problem, markup=False)
    for result in results:
        _show(result)
    if junit is not None:
        try:
            junit.write_bytes(junit_xml(results))
        except OSError as error:
            fail(f"{junit} cannot be written ({error.strerror}).")
    played = [verdict for result in results for verdict in result.verdicts]
    failed = sum(not verdict.passed for verdict in played)
    duration_s = sum(verdict.duration_s for verdict in played)
    colour = "red" if failed else "green"
    out.print(f"[{colour}]{len(played) - failed} passed, {failed} failed[/] in {duration_s:.2f} s")
    if not played and not any(result.problems for result in results):
        meant = f"No case's name contains {only!r}." if only else "There is no cases.yaml; docs/campaigns.md shows one."
        fail(meant)
    if not all(result.passed for result in results):
        raise typer.Exit(EXIT_REFUSED)


def _show(result: FolderResult) -> None:
    if not result.has_cases and not result.problems:
        out.print(f"{result.folder}: no cases", markup=False)
    for verdict in result.verdicts:
        if verdict.passed:
            out.print(f"[green]passed[/]  {escape(result.name)}  {escape(verdict.case.name)}")
            continue
        out.print(f"[bold red]FAILED[/]  {escape(result.name)}  {escape(verdict.case.name)}")
        out.print(f"  {result.folder}/cases.yaml:{verdict.case.line}", markup=False)
        for line in verdict.difference:
            out.print(f"  {line}", markup=False)
