"""Planning, putting with a policy, archiving, and the history, through the front and real shards in memory."""

from __future__ import annotations

from collections.abc import Mapping

import grpc
import msgspec
import pytest

from sendwhen.campaigns import compile_campaign, fuse
from sendwhen.chassis.grpc_status import error_of
from sendwhen.domain.campaign import Campaign
from sendwhen.domain.entry import CampaignArchived, CampaignPut
from sendwhen.domain.migrate import Migrate
from sendwhen.domain.partition import routing_hash
from sendwhen.domain.shard import Shard
from sendwhen.errors import NotFound, Precondition, SendwhenError
from sendwhen.v1 import campaign_pb2, event_pb2, log_pb2, profile_service_pb2
from sendwhen.v1 import trigger_service_pb2 as pb
from services.trigger.waiting_count import WaitingCount
from services.trigger.yaml_checker import YamlChecker
from tests.domain.keeping import Host
from tests.fakes.memory_waiting import MemoryWaiting
from tests.services.running import TOKEN, Running
from tests.services.test_trigger_front import entries

pytestmark = pytest.mark.integration

CART = """
campaign: cart
trigger:
  absence:
    start: {event: Product Added}
    unless: [{event: Order Completed}]
    for: 1h
steps:
  - send: reminder
  - wait: 23h
  - send: last-call
send: {category: transactional}
"""
SHORTER = CART.replace("for: 1h", "for: 30m")
BARE = CART.replace("  - wait: 23h\n  - send: last-call\n", "")


def source(text: str) -> campaign_pb2.CampaignSource:
    files = {"campaign.yaml": text.encode()}
    for name in ("reminder", "last-call"):
        if f"send: {name}" in text:
            files |= {f"{name}.subject.liquid": b"Hello", f"{name}.text.liquid": b"Hello"}
    return campaign_pb2.CampaignSource(files=files)


def _compiled(given: bytes) -> Campaign:
    version = log_pb2.CampaignVersion.FromString(given)
    return compile_campaign(version.source_yaml, dict(version.template_hashes), version=version.version)


class Town:
    """A front, and shards that have applied all of the log whenever asked."""

    def __init__(self, running: Running) -> None:
        self.running = running
        self.hosts = {
            number: Host(
                lambda number=number: Shard(partition=number, send_key=b"k", compile_campaign=_compiled, fuse=fuse),
                horizon_ms=1,
            )
            for number in running.store.partitions
        }

    def catch_up(self) -> None:
        for number, host in self.hosts.items():
            kept, partition = host.kept, self.running.store.partitions[number]
            for entry in entries(self.running.store, number):
                if entry.seq > kept.position:  # type: ignore[attr-defined]
                    host.apply(entry)  # type: ignore[arg-type]
                    host.commit()
            partition.records, partition.due, partition.campaigns = kept.records, kept.due, kept.campaigns
            partition.position, partition.position_ts = partition.seq, partition.ts

    async def added(self, *who: str, properties: Mapping[str, object] | None = None) -> None:
        """These put something into their carts."""
        events = [
            event_pb2.Event(event_id=f"{name}/{self.running.clock.now_ms()}", name="Product Added", user_id=name)
            for name in who
        ]
        for event in events:
            event.email, event.occurred_at_ms = "a@example.com", self.running.clock.now_ms()
            event.properties_json = msgspec.json.encode(properties or {})
        await self.running.trigger(TOKEN).Append(
            pb.AppendRequest(
                events=[event.SerializeToString() for event in events],
                routing_hashes=[routing_hash("user:" + name) for name in who],
            )
        )
        self.catch_up()

    async def put(self, text: str, migrate: campaign_pb2.Migration = 0) -> pb.PutCampaignResponse:  # type: ignore[assignment]
        answer = await self.running.trigger().PutCampaign(pb.PutCampaignRequest(source=source(text), migrate=migrate))
        self.catch_up()
        return answer  # type: ignore[no-any-return]

    async def plan(self, text: str) -> pb.PlanCampaignResponse:
        return await self.running.trigger().PlanCampaign(pb.PlanCampaignRequest(source=source(text)))  # type: ignore[no-any-return]


async def refused(call: object) -> SendwhenError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call  # type: ignore[misc]
    return error_of(caught.value)


async def test_a_plan_shows_what_changes_and_who_waits_where_and_changes_nothing() -> None:
    async with Running() as running:
        town = Town(running)
        before = (await town.put(CART)).campaign.version
        await town.added(*"abcdefg")
        seqs = [partition.seq for partition in running.store.partitions.values()]

        plan = await town.plan(SHORTER)

        assert (plan.campaign_id, plan.version_in_force) == ("cart", before)
        assert plan.version not in ("", before)
        assert list(plan.changes) == ["trigger.absence.for: 1h becomes 30m"]
        [place] = plan.waiting
        assert (place.version, place.place, place.runs) == (before, "the trigger (absence)", 7)
        assert (place.place_in_new_version, place.decided) == (place.place, "")
        assert not plan.estimated
        assert seqs == [partition.seq for partition in running.store.partitions.values()]


async def test_a_plan_of_a_new_campaign_and_of_one_that_is_wrong() -> None:
    async with Running() as running:
        town = Town(running)

        new, wrong = await town.plan(CART), await town.plan(CART.replace("for: 1h", "for: soon"))

        assert (new.version_in_force, list(new.waiting)) == ("", [])
        assert new.version
        assert "'soon' is no duration" in wrong.problems[0].problem
        assert not wrong.version


async def test_a_move_is_refused_where_somebody_waits_in_a_place_that_is_gone() -> None:
    async with Running() as running:
        town = Town(running)
        before = (await town.put(CART)).campaign.version
        await town.added("a", "b")
        running.clock.advance(3_700_000)
        await town.added("a", "b")

        error = await refused(town.put(BARE, campaign_pb2.MIGRATION_MOVE))

        assert isinstance(error, Precondition)
        assert f"2 in wait behind “reminder” of version {before}" in str(error)
        assert "--migrate cancel" in str(error)
        assert (await town.put(BARE, campaign_pb2.MIGRATION_CANCEL)).changed


async def test_the_policy_is_logged_and_those_who_have_not_followed_yet_are_named_as_decided() -> None:
    async with Running() as running:
        town = Town(running)
        await town.put(CART)
        await town.added("a", "b", "c")

        await town.put(SHORTER, campaign_pb2.MIGRATION_CANCEL)

        for number in running.store.partitions:
            last = entries(running.store, number)[-1]
            assert isinstance(last, CampaignPut)
            assert last.migrate is Migrate.CANCEL
        assert [(one.runs, one.decided) for one in (await town.plan(CART)).waiting] == [(3, "edited")]


async def test_an_archived_campaign_is_out_of_force_everywhere_and_may_be_put_again() -> None:
    async with Running() as running:
        town = Town(running)
        version = (await town.put(CART)).campaign.version
        await town.added("a")

        answer = await running.trigger().ArchiveCampaign(pb.ArchiveCampaignRequest(campaign_id="cart"))
        town.catch_up()
        again = await running.trigger().ArchiveCampaign(pb.ArchiveCampaignRequest(campaign_id="cart"))

        assert answer.campaign.archived
        assert (again.campaign.partitions_reached, again.campaign.partitions) == (4, 4)
        assert all(
            [isinstance(entry, CampaignArchived) for entry in entries(running.store, number)].count(True) == 1
            for number in running.store.partitions
        )
        paused = pb.SetCampaignPausedRequest(campaign_id="cart", paused=True)
        assert isinstance(await refused(running.trigger().SetCampaignPaused(paused)), Precondition)
        assert (await town.plan(CART)).version_in_force == ""
        put_again = await town.put(CART)
        assert (put_again.changed, put_again.campaign.version, put_again.campaign.archived) == (True, version, False)
        assert put_again.campaign.partitions_reached == 4


async def test_a_campaign_that_was_archived_while_partitions_were_away_is_brought_to_them() -> None:
    async with Running() as running:
        town = Town(running)
        await town.put(CART)
        await running.trigger().ArchiveCampaign(pb.ArchiveCampaignRequest(campaign_id="cart"))

        assert await running.front.campaigns.reconcile()


async def test_the_history_tells_every_change() -> None:
    async with Running() as running:
        town = Town(running)
        trigger = running.trigger()
        await town.put(CART)
        await trigger.SetCampaignPaused(pb.SetCampaignPausedRequest(campaign_id="cart", paused=True))
        town.catch_up()
        await trigger.SetCampaignPaused(pb.SetCampaignPausedRequest(campaign_id="cart", paused=False))
        town.catch_up()
        await town.put(SHORTER, campaign_pb2.MIGRATION_MOVE)
        await trigger.ArchiveCampaign(pb.ArchiveCampaignRequest(campaign_id="cart"))

        history = await trigger.GetCampaignHistory(pb.GetCampaignHistoryRequest(campaign_id="cart"))

        assert [edit.what for edit in history.edits] == ["put", "paused", "resumed", "put", "archived"]
        assert [edit.migrate for edit in history.edits if edit.what == "put"] == [
            campaign_pb2.MIGRATION_FINISH,
            campaign_pb2.MIGRATION_MOVE,
        ]
        assert history.campaign.archived
        unknown = trigger.GetCampaignHistory(pb.GetCampaignHistoryRequest(campaign_id="nothing"))
        assert isinstance(await refused(unknown), NotFound)


async def test_a_count_looks_at_no_more_customers_than_it_may_and_says_that_it_estimates() -> None:
    async with Running(partitions=1) as running:
        town = Town(running)
        await town.put(CART)
        await town.added(*(f"u{n}" for n in range(450)))
        count = WaitingCount(
            MemoryWaiting(running.store), running.store, YamlChecker().campaign, partitions=1, customers_max=200
        )

        [waiting], estimated = await count.count("cart")

        assert estimated
        assert waiting.runs == 450


async def test_why_tells_who_left_because_of_an_edit_and_makes_up_no_email_that_it_kept_away() -> None:
    async with Running() as running:
        town = Town(running)
        await town.put(CART)
        await town.added("a")
        running.clock.advance(1_000)
        await town.put(SHORTER, campaign_pb2.MIGRATION_CANCEL)
        running.clock.advance(1_000)
        await town.added("a")
        await running.trigger().ArchiveCampaign(pb.ArchiveCampaignRequest(campaign_id="cart"))
        running.clock.advance(1_000)
        await town.added("a")

        why = await running.trigger().Why(
            pb.WhyRequest(id=profile_service_pb2.CustomerId(user_id="a"), campaign_id="cart")
        )

        assert why.decisions[-1].reason == "archived"
        assert "The campaign is archived: nothing starts, and who waits leaves." in why.explanation
        assert list(why.near_misses) == []


async def test_a_sending_policy_is_planned_and_put_with_any_migration_since_nobody_waits_in_it() -> None:
    def policy(most: int) -> campaign_pb2.CampaignSource:
        text = f"caps: {{marketing: {{at_most: {most}, per: 7d}}}}\n"
        return campaign_pb2.CampaignSource(files={"sending.yaml": text.encode()})

    async with Running() as running:
        trigger = running.trigger()
        await trigger.PutCampaign(pb.PutCampaignRequest(source=policy(1)))

        plan = await trigger.PlanCampaign(pb.PlanCampaignRequest(source=policy(2)))
        put = pb.PutCampaignRequest(source=policy(2), migrate=campaign_pb2.MIGRATION_MOVE)

        assert list(plan.changes) == ["caps.marketing.at_most: 1 becomes 2"]
        assert list(plan.waiting) == []
        assert (await trigger.PutCampaign(put)).changed
