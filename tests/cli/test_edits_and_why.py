"""Commands about edits and explanations, against a front whose shards are in memory."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from sendwhen.cli.__main__ import app
from sendwhen.cli.targets import VARIABLES
from tests.services.running import ADMIN, Running
from tests.services.trigger.test_edits_of_campaigns import CART, SHORTER, Town

pytestmark = pytest.mark.integration


def a_folder(folder: Path, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "campaign.yaml").write_text(text)
    (folder / "cases.yaml").write_text("cases: []\n")
    for name in ("reminder", "last-call"):
        (folder / f"{name}.subject.liquid").write_text("Hello")
        (folder / f"{name}.text.liquid").write_text("Hello")
    return folder


async def said(running: Running, *arguments: object) -> Result:
    env = dict.fromkeys(VARIABLES.values(), "127.0.0.1:1")
    env |= {"SENDWHEN_TRIGGER": f"127.0.0.1:{running.front.server.port}", "SENDWHEN_ADMIN_KEY": ADMIN, "COLUMNS": "40"}
    return await asyncio.to_thread(CliRunner().invoke, app, list(map(str, arguments)), env=env, catch_exceptions=False)


async def test_an_edit_is_planned_put_with_a_policy_and_told_by_the_history(tmp_path: Path) -> None:
    old, new = a_folder(tmp_path / "old", CART), a_folder(tmp_path / "new", SHORTER)
    async with Running() as running:
        town = Town(running)
        assert "would be new" in (await said(running, "campaigns", "plan", old)).output
        assert (await said(running, "campaigns", "put", old)).exit_code == 0
        town.catch_up()
        await town.added("ann", "bob")

        plan = await said(running, "campaigns", "plan", new)
        put = await said(running, "campaigns", "put", new, "--migrate", "move")
        town.catch_up()
        archived = await said(running, "campaigns", "archive", "cart")
        history = await said(running, "campaigns", "history", "cart")
        listed = await said(running, "campaigns", "list")
        as_json = await said(running, "campaigns", "list", "--json")
        history_as_json = await said(running, "campaigns", "history", "cart", "--json")

    assert plan.exit_code == 0
    assert "trigger.absence.for: 1h becomes 30m" in plan.output
    assert "2 waiting" in plan.output
    assert "the trigger (absence)" in plan.output
    assert "goes on in the new version" in plan.output
    assert (put.exit_code, archived.exit_code, history.exit_code) == (0, 0, 0)
    assert "archived" in archived.output
    lines = history.output.splitlines()
    assert [line.split()[2] for line in lines[:-1]] == ["put", "put", "archived"]
    assert "people who waited: move" in lines[1]
    assert lines[-1].startswith("now: cart  archived")
    _, cart = listed.output.splitlines()
    assert cart.split()[:3] == ["cart", "archived", "absence"], "however narrow the terminal, nothing is cut or folded"
    assert len(cart.split()[3]) == 24
    [one] = json.loads(as_json.output)["campaigns"]
    assert (one["campaign_id"], one["archived"], one["paused"]) == ("cart", True, False)
    assert [edit["what"] for edit in json.loads(history_as_json.output)["edits"]] == ["put", "put", "archived"]


async def test_a_plan_of_a_folder_of_campaigns_says_whether_the_policy_changes(tmp_path: Path) -> None:
    a_folder(tmp_path / "cart", CART)
    policy = tmp_path / "sending.yaml"
    policy.write_text("caps: {all: {at_most: 3, per: 7d}}\n")
    async with Running() as running:
        town = Town(running)
        new = await said(running, "campaigns", "plan", tmp_path)
        put = await said(running, "campaigns", "put", tmp_path, "--migrate", "move")
        town.catch_up()
        await town.added("ann")
        same = await said(running, "campaigns", "plan", tmp_path)
        policy.write_text("caps: {all: {at_most: 4, per: 7d}}\n")
        changed = await said(running, "campaigns", "plan", tmp_path)
        again = await said(running, "campaigns", "put", tmp_path, "--migrate", "move")
        policy.write_text("caps: 3\n")
        wrong = await said(running, "campaigns", "plan", tmp_path)
        policy.write_text("caps: {all: {at_most: 4, per: 7d}}\n")
        a_folder(tmp_path / "cart", CART.replace("campaign: cart", "campaign: basket"))
        renamed = await said(running, "campaigns", "plan", tmp_path)
        a_folder(tmp_path / "cart", CART)
        as_json = await said(running, "campaigns", "plan", tmp_path / "cart", "--json")

    assert [one.exit_code for one in (new, put, same, changed, again, wrong)] == [0, 0, 0, 0, 0, 1], again.output
    assert new.output.startswith("sending policy  none is in force; version ")
    policy_line, cart_line = same.output.splitlines()  # who waits is counted where something changes
    [cart] = json.loads(as_json.output)
    assert (cart["version"], [one["runs"] for one in cart["waiting"]]) == (cart["version_in_force"], ["1"])
    assert policy_line.startswith("sending policy  version ")
    assert policy_line.endswith(" is in force already")
    assert cart_line.startswith("cart  version ")
    assert "  caps.all.at_most: 3 becomes 4" in changed.output.splitlines()
    assert f"{policy}:1:7: 'caps' must be a map" in wrong.output
    assert "In force, and not in this folder: cart\n" in renamed.output
    assert "not in this folder" not in again.output + same.output


async def test_a_plan_of_what_is_wrong_names_the_place_and_is_refused(tmp_path: Path) -> None:
    wrong = a_folder(tmp_path / "wrong", CART.replace("for: 1h", "for: soon"))
    nothing = tmp_path / "nothing"
    nothing.mkdir()
    async with Running() as running:
        result = await said(running, "campaigns", "plan", wrong)
        empty = await said(running, "campaigns", "plan", nothing)

    assert result.exit_code == 1
    assert f"{wrong}/campaign.yaml:7:10: 'soon' is no duration" in result.output
    assert (empty.exit_code, "There is no campaign.yaml in the folder. Write one" in empty.output) == (1, True)


async def test_a_campaign_that_is_not_there_has_no_history_and_is_not_archived() -> None:
    async with Running() as running:
        for command in ("archive", "history"):
            result = await said(running, "campaigns", command, "nothing")
            assert result.exit_code == 1
            assert "There is no campaign of that id." in result.output


async def test_why_tells_clauses_and_what_was_missing_and_the_timeline_tells_all(tmp_path: Path) -> None:
    dear = CART.replace("{event: Product Added}", "{event: Product Added, where: event.properties.price > 10}")
    async with Running() as running:
        town = Town(running)
        await said(running, "campaigns", "put", a_folder(tmp_path / "cart", dear))
        town.catch_up()
        await town.added("ann", properties={"price": 3})
        await town.added("bob", properties={"price": 30})

        ann = await said(running, "why", "ann", "cart")
        bob = await said(running, "why", "bob", "cart")
        named = await said(running, "why", "user:bob", "cart")
        early = await said(running, "why", "bob", "cart", "--at", running.clock.now_ms() - 1)
        as_json = await said(running, "why", "ann", "cart", "--json")
        told = await said(running, "timeline", "bob")
        nobody = await said(running, "timeline", "nobody")

    assert "event.properties.price > 10 is false; event.properties.price = 3" in ann.output
    assert "been over 10 (it was 3)" in ann.output
    assert "trigger: event.properties.price > 10 is true; event.properties.price = 30" in bob.output
    assert named.output == bob.output
    assert "there was no such campaign yet: it was put at 2023-11-14 22:13:20 UTC" in early.output
    assert json.loads(as_json.output)["near_misses"][0]["kind"] == "value"
    kinds = [line.split()[2] for line in told.output.splitlines()]
    assert kinds == ["event", "decision", "wait"]
    assert nobody.exit_code == 1
    assert "Nobody is known by that id." in nobody.output


async def test_an_instant_that_is_none_is_wrong_usage() -> None:
    async with Running() as running:
        result = await said(running, "why", "ann", "cart", "--at", "noon")

    assert result.exit_code == 2
    assert "--at: 'noon' is not a time" in result.output
