"""Why, as of an instant before an edit: by the version that was in force then, and it says which."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from sendwhen.domain.changes import CampaignRow
from sendwhen.domain.migrate import Edit
from sendwhen.v1 import profile_service_pb2
from sendwhen.v1 import trigger_service_pb2 as pb
from services.trigger.campaigns import EDITS_KEPT
from services.trigger.explain import Editions, editions_of
from services.trigger.front_ports import CampaignEdit, DesiredCampaign
from tests.builders import HOUR_MS, MINUTE_MS
from tests.services.running import Running
from tests.services.trigger.test_edits_of_campaigns import CART, Town

DEAR = CART.replace("{event: Product Added}", "{event: Product Added, where: event.properties.price > 10}")


async def why(running: Running, who: str = "ann", at_ms: int = 0) -> pb.WhyResponse:
    request = pb.WhyRequest(id=profile_service_pb2.CustomerId(user_id=who), campaign_id="cart", at_ms=at_ms)
    return await running.trigger().Why(request)  # type: ignore[no-any-return]


@pytest.mark.integration
async def test_what_was_in_force_then_explains_then_and_now_is_explained_by_what_is_in_force_now() -> None:
    async with Running() as running:
        town, clock = Town(running), running.clock
        dear = (await town.put(DEAR)).campaign.version
        clock.advance(MINUTE_MS)
        await town.added("ann", properties={"price": 3})
        clock.advance(MINUTE_MS)
        before_ms = clock.now_ms()
        clock.advance(MINUTE_MS)
        cheap = (await town.put(CART)).campaign.version
        clock.advance(2 * HOUR_MS)

        then, now = await why(running, at_ms=before_ms), await why(running)

        assert (then.version_in_force, now.version_in_force) == (dear, cheap)
        assert then.explanation[0].startswith("At 2023-11-14 22:15:20 UTC version " + dear)
        assert then.explanation[0].endswith(f"now it is version {cheap}.")
        assert [clause.text for clause in then.unmet] == ["event.properties.price > 10"]
        assert [miss.kind for miss in then.near_misses] == ["value"]
        assert "been over 10 (it was 3)" in then.near_misses[0].sentence
        assert not any("was in force" in sentence for sentence in now.explanation)
        assert [miss.kind for miss in now.near_misses] == ["put"]


@pytest.mark.integration
async def test_near_misses_play_the_edits_that_were_in_between() -> None:
    """The wait of the earlier version went on to its end after the edit: nothing was missed, and nothing is made up."""
    async with Running() as running:
        town, clock = Town(running), running.clock
        await town.put(CART)
        clock.advance(MINUTE_MS)
        await town.added("ann", properties={"price": 3})
        clock.advance(MINUTE_MS)
        await town.put(DEAR)
        clock.advance(2 * HOUR_MS)
        await town.added("bob", properties={"price": 3})

        ann, bob = await why(running), await why(running, "bob")

        assert ann.near_misses == []
        assert [miss.kind for miss in bob.near_misses] == ["value"]


@pytest.mark.integration
async def test_a_campaign_paused_then_and_one_archived_since_are_told_as_they_stood() -> None:
    async with Running() as running:
        town, clock = Town(running), running.clock
        await town.put(CART)
        await running.trigger().SetCampaignPaused(pb.SetCampaignPausedRequest(campaign_id="cart", paused=True))
        clock.advance(MINUTE_MS)
        await town.added("ann")
        paused_ms = clock.now_ms()
        clock.advance(MINUTE_MS)
        await running.trigger().SetCampaignPaused(pb.SetCampaignPausedRequest(campaign_id="cart", paused=False))
        clock.advance(MINUTE_MS)
        await running.trigger().ArchiveCampaign(pb.ArchiveCampaignRequest(campaign_id="cart"))
        town.catch_up()

        then, now = await why(running, at_ms=paused_ms), await why(running)

        assert "was in force, paused, put at" in then.explanation[0]
        assert "The campaign is paused: nothing starts, and what falls due is skipped." in then.explanation
        assert not any("archived" in sentence for sentence in then.explanation)
        assert "The campaign is archived: nothing starts, and who waits leaves." in now.explanation


def desired(*edits: CampaignEdit, version: str = "b") -> DesiredCampaign:
    return DesiredCampaign(
        campaign_id="cart", version=version, trigger="match", source=b"", paused=False, put_at_ms=20, edits=edits
    )


def edit(at_ms: int, version: str, what: str = "put") -> CampaignEdit:
    return CampaignEdit(at_ms=at_ms, what=what, version=version)


def row(version: str, put_at_ms: int, *edits: Edit) -> CampaignRow:
    return CampaignRow(
        campaign_id="cart", version=version, source=b"s", current=True, paused=False, put_at_ms=put_at_ms, edits=edits
    )


def stood(of: DesiredCampaign, *rows: CampaignRow, until_ms: int, event_clock: bool = False) -> Editions:
    return editions_of(of, rows, until_ms=until_ms, event_clock=event_clock, kept_max=EDITS_KEPT)


def test_the_partitions_log_knows_best_when_a_version_came_into_force_in_it() -> None:
    of = desired(edit(10, "a"), edit(20, "b"))
    rows = (row("a", 11), row("b", 22), replace(row("b", 5), campaign_id="other"))

    assert [stood(of, *rows, until_ms=at).version for at in (10, 11, 21, 22)] == ["", "a", "a", "b"]


def test_a_version_that_was_put_twice_was_in_force_twice() -> None:
    of = desired(edit(10, "a"), edit(20, "b"), edit(30, "a"), version="a")
    rows = (row("a", 30), row("b", 20))

    assert [stood(of, *rows, until_ms=at).version for at in (10, 20, 30)] == ["a", "b", "a"]
    assert stood(of, *rows, until_ms=40).versions(since_ms=15) == {"a", "b"}
    assert stood(of, *rows, until_ms=40).versions(since_ms=35) == {"a"}


def test_on_the_events_own_time_the_rows_alone_tell() -> None:
    of = desired(edit(1_000, "a"), edit(2_000, "b"), edit(3_000, "b", "archived"))
    rows = (row("a", 10), row("b", 20, Edit(7, 30, "archive", "")))

    assert [stood(of, *rows, until_ms=at, event_clock=True).version for at in (9, 10, 20)] == ["", "a", "b"]
    assert [stood(of, *rows, until_ms=at, event_clock=True).archived for at in (29, 30)] == [False, True]


def test_where_the_history_was_cut_it_says_that_it_is_not_known() -> None:
    of = desired(*(edit(10 + number, f"v{number}") for number in range(EDITS_KEPT)))

    assert "is not kept: the history begins at" in stood(of, until_ms=9).sentence
    assert stood(of, until_ms=9).version == ""


def test_a_campaign_of_a_store_without_a_history_was_put_when_it_was_put() -> None:
    assert (stood(desired(), until_ms=20).version, stood(desired(), until_ms=19).version) == ("b", "")
