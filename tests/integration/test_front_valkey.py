"""Ingest and the front as their processes run them, on a real store; only the shards are missing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from sendwhen.chassis.grpc_channel import open_channel
from sendwhen.chassis.store_pool import open_async_store
from sendwhen.client import Event, Position, connect
from sendwhen.errors import Precondition
from sendwhen.v1 import campaign_pb2
from sendwhen.v1 import trigger_service_pb2 as pb
from sendwhen.v1.trigger_service_pb2_grpc import TriggerStub
from services.ingest.__main__ import main as serve_ingest
from services.ingest.settings import Settings as IngestSettings
from services.trigger.__main__ import serve
from services.trigger.settings import Settings
from tests.fakes.front import MemoryEmails, NoShards
from tests.integration.valkey_process import ValkeyServer

pytestmark = pytest.mark.integration

FILES = {
    "campaign.yaml": b"campaign: hello\ntrigger:\n  match: {event: A}\nsteps:\n  - send: hello\n",
    "hello.subject.liquid": b"Hello",
    "hello.text.liquid": b"Hello",
}


def settings_of(valkey: ValkeyServer, folder: Path, *, partitions: int = 4, clock: str = "wall") -> Settings:
    return Settings(
        store_url=valkey.url,
        service_token="token",
        admin_key="admin",
        send_key="secret",
        listen=f"unix:{folder}/trigger",
        metrics_listen="127.0.0.1:0",
        partitions=partitions,
        clock=clock,
    )


@asynccontextmanager
async def fronts(
    valkey: ValkeyServer, folder: Path, *, clock: str = "wall", settings: Settings | None = None
) -> AsyncIterator[TriggerStub]:
    """Both services until the block ends."""
    stop = asyncio.Event()
    settings = settings or settings_of(valkey, folder, clock=clock)
    client = open_async_store(valkey.url)
    ingest_settings = IngestSettings(
        service_token="token",
        write_keys=("write",),
        listen=f"unix:{folder}/ingest",
        metrics_listen="127.0.0.1:0",
        trigger=settings.listen,
        clock=clock,
    )
    running = [
        asyncio.create_task(
            serve(settings, stop, client=client, emails=MemoryEmails(), shards=lambda _generation: NoShards())
        ),
        asyncio.create_task(serve_ingest(ingest_settings, stop)),
    ]
    try:
        async with open_channel(settings.listen, key="admin") as channel:
            await asyncio.wait_for(channel.channel_ready(), 20)
            yield TriggerStub(channel)
    finally:
        stop.set()
        await asyncio.gather(*running)
        await client.aclose()


async def test_events_campaigns_and_status_go_through_a_real_store(valkey: ValkeyServer, tmp_path: Path) -> None:
    async with (
        fronts(valkey, tmp_path) as trigger,
        connect(f"unix:{tmp_path}/ingest", write_key="write") as client,
    ):
        await client.track("A", user_id="u")
        results = await client.track_batch([Event(name="A", user_id=f"u{n}") for n in range(500)])
        assert all(isinstance(result, Position) for result in results)
        async with client.stream() as stream:
            for _ in range(10):
                await stream.send([Event(name="A", user_id=f"u{n}") for n in range(100)])
        put = await trigger.PutCampaign(pb.PutCampaignRequest(source=campaign_pb2.CampaignSource(files=FILES)))
        assert put.campaign.partitions_reached == 4
        status = await trigger.GetStatus(pb.GetStatusRequest())
        assert sum(partition.lag_events for partition in status.partitions) == 1_501
        assert (status.durability, status.refusing) == ("fsync", "")
        assert "appendfsync always" in status.store
    async with fronts(valkey, tmp_path) as trigger:
        [campaign] = (await trigger.ListCampaigns(pb.ListCampaignsRequest())).campaigns
        assert campaign.version == put.campaign.version

        # A front that starts anew does not know what it appended: it appends once more, which shards ignore.
        for _ in range(100):
            [campaign] = (await trigger.ListCampaigns(pb.ListCampaignsRequest())).campaigns
            if campaign.partitions_reached == 4:
                break
            await asyncio.sleep(0.1)
        assert campaign.partitions_reached == 4


async def test_the_front_comes_back_after_the_store_restarts(own_valkey: ValkeyServer, tmp_path: Path) -> None:
    async with (
        fronts(own_valkey, tmp_path),
        connect(f"unix:{tmp_path}/ingest", write_key="write") as client,
    ):
        before = [await client.track("A", user_id=f"u{n}", event_id=f"before-{n}") for n in range(20)]
        await asyncio.to_thread(own_valkey.restart, by_kill=True)
        after = [await client.track("A", user_id=f"u{n}", event_id=f"after-{n}") for n in range(20)]
        for first, second in zip(before, after, strict=True):
            assert second.seq > first.seq


async def test_other_settings_than_the_installation_s_are_refused(valkey: ValkeyServer, tmp_path: Path) -> None:
    async with fronts(valkey, tmp_path):
        pass
    client = open_async_store(valkey.url)
    try:
        for settings in (
            settings_of(valkey, tmp_path, partitions=8),
            settings_of(valkey, tmp_path, clock="events"),
        ):
            with pytest.raises(Precondition, match="Set SENDWHEN_TRIGGER"):
                await serve(
                    settings, asyncio.Event(), client=client, emails=MemoryEmails(), shards=lambda _: NoShards()
                )
    finally:
        await client.aclose()


async def test_on_the_events_own_time_the_log_follows_them(valkey: ValkeyServer, tmp_path: Path) -> None:
    async with (
        fronts(valkey, tmp_path, clock="events") as trigger,
        connect(f"unix:{tmp_path}/ingest", write_key="write") as client,
    ):
        await trigger.PutCampaign(pb.PutCampaignRequest(source=campaign_pb2.CampaignSource(files=FILES)))
        events = [Event(name="A", user_id=f"u{n}", occurred_at_ms=1_000_000_000_000 + n) for n in range(100)]
        results = await client.track_batch(events)
        assert all(isinstance(result, Position) for result in results)
        status = await trigger.GetStatus(pb.GetStatusRequest())
        assert {partition.head_at_ms // 1_000 for partition in status.partitions} == {1_000_000_000}
        await trigger.AdvanceClock(pb.AdvanceClockRequest(to_ms=1_700_000_000_000))
        status = await trigger.GetStatus(pb.GetStatusRequest())
        assert {partition.head_at_ms for partition in status.partitions} == {1_700_000_000_000}


async def test_an_installation_of_256_partitions_is_asked_about_all_of_them_at_once(
    valkey: ValkeyServer, tmp_path: Path
) -> None:
    async with fronts(valkey, tmp_path, settings=settings_of(valkey, tmp_path, partitions=256)) as trigger:
        put = await trigger.PutCampaign(pb.PutCampaignRequest(source=campaign_pb2.CampaignSource(files=FILES)))
        assert put.campaign.partitions_reached == 256
        letters = await trigger.ListDeadLetters(pb.ListDeadLettersRequest())
        assert letters.total == 0
