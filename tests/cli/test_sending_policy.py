"""``sendwhen campaigns`` with a sending policy beside the folders, against a front that runs."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from sendwhen.cli.__main__ import app
from sendwhen.cli.targets import VARIABLES
from tests.services.running import ADMIN, Running

pytestmark = pytest.mark.integration


def folder(path: Path) -> Path:
    inner = path / "thanks"
    inner.mkdir()
    (inner / "campaign.yaml").write_text(
        "campaign: thanks\ntrigger: {match: {event: Order Completed}}\nsteps: [{send: hello}]\n"
    )
    (inner / "hello.subject.liquid").write_text("Hello")
    (inner / "hello.text.liquid").write_text("Hello")
    (path / "sending.yaml").write_text("holdout: 5%\n")
    return path


async def said(running: Running, *arguments: str) -> Result:
    nowhere = dict.fromkeys(VARIABLES.values(), "127.0.0.1:1")
    environment = nowhere | {
        "SENDWHEN_TRIGGER": f"127.0.0.1:{running.front.server.port}",
        "SENDWHEN_ADMIN_KEY": ADMIN,
    }
    return await asyncio.to_thread(CliRunner().invoke, app, list(arguments), env=environment, catch_exceptions=False)


async def test_a_policy_is_put_before_the_campaigns_and_listed_apart_from_them(tmp_path: Path) -> None:
    path = folder(tmp_path)
    async with Running() as running:
        put = await said(running, "campaigns", "put", str(path))
        assert put.exit_code == 0, put.output
        words = " ".join(put.output.split())
        assert "sending policy version " in words
        assert words.count("4/4 partitions put") == 2
        assert words.index("sending policy") < words.index("thanks active")

        again = await said(running, "campaigns", "put", str(path))
        assert " ".join(again.output.split()).count("was in force already") == 2

        listed = (await said(running, "campaigns", "list")).output
        assert listed.index("thanks") < listed.index("sending policy")
        assert "_sending" not in listed


async def test_a_broken_policy_is_named_by_its_place_and_no_campaign_is_put_without_it(tmp_path: Path) -> None:
    path = folder(tmp_path)
    (path / "sending.yaml").write_text("holdout: all\n")
    async with Running() as running:
        put = await said(running, "campaigns", "put", str(path))
        assert put.exit_code == 1
        assert f"{path}/sending.yaml:1:10: holdout must be a whole number" in "".join(put.output.split("\n"))
        assert not running.shelf.campaigns
