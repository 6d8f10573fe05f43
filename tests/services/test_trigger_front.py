from __future__ import annotations

import asyncio

import grpc
import pytest

from sendwhen.chassis.grpc_status import error_of
from sendwhen.domain.changes import CampaignRow, DeadLetter
from sendwhen.domain.customer import Customer
from sendwhen.domain.decision import Decision, Kind
from sendwhen.domain.entry import CampaignPaused, CampaignPut, EventBatch, Tick
from sendwhen.domain.event import Event
from sendwhen.domain.partition import customer_uid, routing_hash
from sendwhen.domain.record import pack_decision, write_record
from sendwhen.domain.sending_rules import SendingPolicy
from sendwhen.errors import Invalid, SendwhenError
from sendwhen.v1 import campaign_pb2, email_pb2, event_pb2, ingest_service_pb2, profile_service_pb2
from sendwhen.v1 import trigger_service_pb2 as pb
from sendwhen.wire.entry import entry_of
from services.trigger.front_ports import SentEmail
from services.trigger.shard_process import compiled
from tests.fakes.fixed_clock import FixedClock
from tests.fakes.memory_store import MemoryStore
from tests.services.running import TOKEN, Running, until

pytestmark = pytest.mark.integration

FILES = {
    "campaign.yaml": b"""\
campaign: reminder
trigger:
  match: {event: Product Viewed, where: event.properties.price > 10}
steps:
  - send: hello
""",
    "hello.subject.liquid": b"Hello",
    "hello.text.liquid": b"Come back",
}


def payload(event_id: str, user_id: str, *, size: int = 0) -> bytes:
    properties = b'{"a":"' + b"x" * size + b'"}'
    return event_pb2.Event(event_id=event_id, name="n", user_id=user_id, properties_json=properties).SerializeToString()


def append_of(*events: tuple[str, str], size: int = 0) -> pb.AppendRequest:
    return pb.AppendRequest(
        events=[payload(event_id, user_id, size=size) for event_id, user_id in events],
        routing_hashes=[routing_hash("user:" + user_id) for _, user_id in events],
    )


def entries(store: MemoryStore, partition: int) -> list[object]:
    found = [stored.entry for stored in store.partitions[partition].log.values()]
    return [entry_of(raw.seq, raw.at_ms, raw.appended_at_us, raw.body) for raw in found]


def apply(store: MemoryStore) -> None:
    """What shards do with campaign entries: commit rows and positions."""
    for number, partition in store.partitions.items():
        for entry in entries(store, number):
            if entry.seq <= partition.position:  # type: ignore[attr-defined]
                continue
            now = {row.campaign_id: row for row in partition.campaigns.values() if row.current}
            if isinstance(entry, CampaignPut):
                row = CampaignRow(
                    campaign_id=entry.campaign_id,
                    version=entry.version,
                    source=entry.source,
                    current=True,
                    paused=entry.campaign_id in now and now[entry.campaign_id].paused,
                    put_at_ms=entry.at_ms,
                )
                partition.campaigns = {entry.campaign_id: row}  # type: ignore[dict-item]
            elif isinstance(entry, CampaignPaused):
                old = now[entry.campaign_id]
                row = CampaignRow(
                    campaign_id=old.campaign_id,
                    version=old.version,
                    source=old.source,
                    current=True,
                    paused=entry.paused,
                    put_at_ms=old.put_at_ms,
                )
                partition.campaigns = {entry.campaign_id: row}  # type: ignore[dict-item]
        partition.position, partition.position_ts = partition.seq, partition.ts


def source(**more: bytes) -> campaign_pb2.CampaignSource:
    return campaign_pb2.CampaignSource(
        files={**FILES, **{name.replace("__", "."): text for name, text in more.items()}}
    )


def put() -> pb.PutCampaignRequest:
    return pb.PutCampaignRequest(source=source())


async def refused(call: object) -> tuple[grpc.StatusCode, SendwhenError]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call  # type: ignore[misc]
    return caught.value.code(), error_of(caught.value)


# --- append ---


async def test_events_go_to_their_customer_s_partition_and_keep_their_order() -> None:
    async with Running() as running:
        events = [(f"{n:03}", f"u{n % 9}") for n in range(200)]
        answer = await running.trigger(TOKEN).Append(append_of(*events))
        assert answer.partitions == 4
        for (_, user_id), result in zip(events, answer.results, strict=True):
            assert result.position.partition == routing_hash("user:" + user_id) % 4
        for partition in range(4):
            ids: list[str] = []
            for entry in entries(running.store, partition):
                assert isinstance(entry, EventBatch)
                ids += [event.event_id for event in entry.events if isinstance(event, Event)]
            assert ids == sorted(ids)


async def test_an_entry_holds_at_most_500_events_and_100_kb() -> None:
    async with Running(partitions=1) as running:
        await running.trigger(TOKEN).Append(append_of(*[(str(n), "u") for n in range(1_200)]))
        await running.trigger(TOKEN).Append(append_of(*[(str(n), "u") for n in range(10)], size=30_000))
        for stored in running.store.partitions[0].log.values():
            entry = entry_of(1, 1, 1, stored.entry.body)
            assert isinstance(entry, EventBatch)
            assert len(entry.events) <= 500
            assert len(stored.entry.body) <= 101_000
        assert running.store.partitions[0].seq == 3 + 4


async def test_calls_that_come_while_the_store_is_at_work_go_together() -> None:
    async with Running(partitions=1) as running:
        running.log.go.clear()
        stub = running.trigger(TOKEN)
        calls = [asyncio.ensure_future(stub.Append(append_of(("0", "u"))))]
        await running.log.arrived.wait()
        calls += [asyncio.ensure_future(stub.Append(append_of((str(n), "u")))) for n in range(1, 20)]
        await until(lambda: running.front.appender.queued_events == 19)
        running.log.go.set()
        await asyncio.gather(*calls)
        assert [stored.events for stored in running.store.partitions[0].log.values()] == [1, 20]


async def test_a_partition_behind_refuses_its_events_and_what_follows_them_in_the_call() -> None:
    async with Running(partitions=1, lag_max_events=500) as running:
        answer = await running.trigger(TOKEN).Append(append_of(*[(str(n), "u") for n in range(1_200)]))
        taken = [result.WhichOneof("outcome") == "position" for result in answer.results]
        assert taken == sorted(taken, reverse=True)
        assert 0 < sum(taken) < 1_200
        assert answer.results[-1].error.retry_after_ms > 0


async def test_a_call_that_makes_no_sense_is_refused() -> None:
    async with Running() as running:
        stub = running.trigger(TOKEN)
        for request in (
            pb.AppendRequest(events=[payload("1", "u")]),
            pb.AppendRequest(events=[b""], routing_hashes=[1]),
            append_of(("1", "u"), size=40_000),
            append_of(*[(str(n), "u") for n in range(5_001)]),
        ):
            code, _ = await refused(stub.Append(request))
            assert code is grpc.StatusCode.INVALID_ARGUMENT
        assert not any(partition.seq for partition in running.store.partitions.values())


async def test_waiting_for_a_partition_that_does_not_exist_is_refused() -> None:
    async with Running() as running:
        positions = [ingest_service_pb2.LogPosition(partition=4, seq=1)]
        code, _ = await refused(running.trigger(TOKEN).WaitApplied(pb.WaitAppliedRequest(positions=positions)))
        assert code is grpc.StatusCode.INVALID_ARGUMENT


# --- campaigns ---


async def test_a_campaign_is_put_into_every_partition_with_its_templates_before() -> None:
    async with Running() as running:
        answer = await running.trigger().PutCampaign(put())
        assert answer.changed
        assert (answer.campaign.partitions_reached, answer.campaign.partitions) == (4, 4)
        for partition in range(4):
            [entry] = entries(running.store, partition)
            assert isinstance(entry, CampaignPut)
            assert entry.version == answer.campaign.version
        [template] = running.emails.templates.values()
        assert template.subject == "Hello"
        again = await running.trigger().PutCampaign(put())
        assert not again.changed
        assert all(len(entries(running.store, partition)) == 1 for partition in range(4))


async def test_nothing_is_put_while_sender_does_not_have_the_templates() -> None:
    async with Running() as running:
        running.emails.is_down = True
        code, _ = await refused(running.trigger().PutCampaign(put()))
        assert code is grpc.StatusCode.UNAVAILABLE
        assert not running.shelf.campaigns
        assert not entries(running.store, 0)


async def test_a_campaign_with_errors_is_refused_with_places_and_the_running_version_stays() -> None:
    async with Running() as running:
        await running.trigger().PutCampaign(put())
        bad = pb.PutCampaignRequest(source=source(campaign__yaml=b"campaign: reminder\nsteps: []\n"))
        code, error = await refused(running.trigger().PutCampaign(bad))
        assert code is grpc.StatusCode.INVALID_ARGUMENT
        assert isinstance(error, Invalid)
        assert all(violation.field.startswith("campaign.yaml:") for violation in error.violations)
        checked = await running.trigger().CheckCampaign(pb.CheckCampaignRequest(source=bad.source))
        assert checked.problems
        assert not checked.version
        [campaign] = (await running.trigger().ListCampaigns(pb.ListCampaignsRequest())).campaigns
        assert campaign.partitions_reached == 4


async def test_the_sending_policy_reaches_every_partition_like_a_campaign_and_is_none() -> None:
    async with Running() as running:
        policy = campaign_pb2.CampaignSource(files={"sending.yaml": b"caps: {marketing: {at_most: 3, per: 7d}}"})
        answer = await running.trigger().PutCampaign(pb.PutCampaignRequest(source=policy))
        assert (answer.campaign.campaign_id, answer.changed) == ("_sending", True)
        assert answer.campaign.partitions_reached == 4
        [entry] = entries(running.store, 0)
        assert isinstance(entry, CampaignPut)
        compiled_policy = compiled(entry.source)
        assert isinstance(compiled_policy, SendingPolicy)
        assert compiled_policy.category_caps
        assert not running.emails.templates
        for call in (
            running.trigger().SetCampaignPaused(pb.SetCampaignPausedRequest(campaign_id="_sending", paused=True)),
            running.trigger().Why(
                pb.WhyRequest(campaign_id="_sending", id=profile_service_pb2.CustomerId(user_id="nobody"))
            ),
        ):
            code, _ = await refused(call)
            assert code is grpc.StatusCode.NOT_FOUND


async def test_a_broken_sending_policy_is_refused_with_places() -> None:
    async with Running() as running:
        policy = campaign_pb2.CampaignSource(files={"sending.yaml": b"caps: 3"})
        code, error = await refused(running.trigger().PutCampaign(pb.PutCampaignRequest(source=policy)))
        assert code is grpc.StatusCode.INVALID_ARGUMENT
        assert isinstance(error, Invalid)
        assert [violation.field for violation in error.violations] == ["sending.yaml:1:7"]


async def test_a_crash_between_the_shelf_and_the_log_is_mended_by_reconciling() -> None:
    async with Running() as running:
        running.store.is_down = True
        code, _ = await refused(running.trigger().PutCampaign(put()))
        assert code is grpc.StatusCode.UNAVAILABLE
        assert running.shelf.campaigns
        running.store.is_down = False
        [campaign] = (await running.trigger().ListCampaigns(pb.ListCampaignsRequest())).campaigns
        assert campaign.partitions_reached == 0
        assert await running.front.campaigns.reconcile()
        assert all(len(entries(running.store, partition)) == 1 for partition in range(4))
        apply(running.store)
        assert await running.front.campaigns.reconcile()
        assert all(len(entries(running.store, partition)) == 1 for partition in range(4))


async def test_a_log_that_lost_its_tail_gets_the_campaign_again() -> None:
    async with Running() as running:
        empty = running.store.snapshot()
        await running.trigger().PutCampaign(put())
        running.store.restore(empty, only=[1, 2])
        assert await running.front.campaigns.reconcile()
        assert [len(entries(running.store, partition)) for partition in range(4)] == [1, 1, 1, 1]


async def test_pausing_and_resuming_reach_every_partition_and_survive_a_new_version() -> None:
    async with Running() as running:
        await running.trigger().PutCampaign(put())
        pause = pb.SetCampaignPausedRequest(campaign_id="reminder", paused=True)
        for _ in range(2):
            answer = await running.trigger().SetCampaignPaused(pause)
            assert answer.campaign.paused
            assert answer.campaign.partitions_reached == 4
        assert isinstance(entries(running.store, 0)[-1], CampaignPaused)
        apply(running.store)
        changed = pb.PutCampaignRequest(source=source(hello__text__liquid=b"Come back soon"))
        answer = await running.trigger().PutCampaign(changed)
        assert answer.changed
        assert answer.campaign.paused
        assert answer.campaign.partitions_reached == 4
        assert len(entries(running.store, 0)) == 3
        code, _ = await refused(running.trigger().SetCampaignPaused(pb.SetCampaignPausedRequest(campaign_id="no")))
        assert code is grpc.StatusCode.NOT_FOUND


# --- why ---


def remember(running: Running, *decisions: Decision) -> None:
    """A committed record of customer u1 with these decisions."""
    uid = customer_uid("user:u1")
    customer = Customer(uid=uid, user_id="u1", seq=3, decisions=tuple(map(pack_decision, decisions)))
    running.store.partitions[routing_hash("user:u1") % 4].records[uid] = write_record(customer)


def why(**who: str) -> pb.WhyRequest:
    return pb.WhyRequest(id=profile_service_pb2.CustomerId(**(who or {"user_id": "u1"})), campaign_id="reminder")


async def test_why_tells_what_was_decided_and_what_became_of_the_email() -> None:
    async with Running() as running:
        await running.trigger().PutCampaign(put())
        decided = Decision(
            kind=Kind.SEND, campaign_id="reminder", version="v", at_ms=1_700_000_000_000, send_id="s1", template="hello"
        )
        skipped = Decision(
            kind=Kind.SKIPPED, campaign_id="reminder", version="v", at_ms=1_700_000_001_000, reason="no_consent"
        )
        remember(running, decided, skipped, Decision(kind=Kind.SEND, campaign_id="other", version="v", at_ms=1))
        row = email_pb2.Email(send_id="s1", state=email_pb2.EMAIL_STATE_ACCEPTED).SerializeToString()
        running.emails.rows["s1"] = SentEmail(send_id="s1", state="accepted", detail="", row=row)
        answer = await running.trigger().Why(why())
        assert [decision.send_id for decision in answer.decisions] == ["s1", ""]
        assert [email.send_id for email in answer.emails] == ["s1"]
        assert "the provider took it" in answer.explanation[0]
        assert "consent" in answer.explanation[1]
        by_uid = await running.trigger().Why(why(uid=customer_uid("user:u1")))
        assert by_uid.customer == answer.customer
        running.emails.is_down = True
        assert "cannot be told" in (await running.trigger().Why(why())).explanation[-1]


async def test_why_of_somebody_who_never_entered_says_what_the_campaign_listens_to() -> None:
    async with Running() as running:
        await running.trigger().PutCampaign(put())
        remember(running)
        told = " ".join((await running.trigger().Why(why())).explanation)
        assert "Never entered" in told
        assert "Product Viewed" in told
        assert "event.properties.price > 10" in told


async def test_why_of_nobody_says_under_which_id_to_ask() -> None:
    async with Running() as running:
        await running.trigger().PutCampaign(put())
        answer = await running.trigger().Why(why(email="nobody@example.com"))
        assert not answer.HasField("customer")
        assert "Nobody is known" in answer.explanation[0]
        code, _ = await refused(running.trigger().Why(pb.WhyRequest(campaign_id="reminder")))
        assert code is grpc.StatusCode.INVALID_ARGUMENT
        request = why()
        request.campaign_id = "no"
        code, _ = await refused(running.trigger().Why(request))
        assert code is grpc.StatusCode.NOT_FOUND


# --- the rest ---


async def test_dead_letters_of_all_partitions_come_latest_first() -> None:
    async with Running() as running:
        for number, partition in running.store.partitions.items():
            partition.dead_letters = [
                DeadLetter(
                    seq=seq, index=0, event_id=f"{number}-{seq}", reason="failed", detail="", at_ms=number + seq * 10
                )
                for seq in (1, 2, 3)
            ]
        answer = await running.trigger().ListDeadLetters(pb.ListDeadLettersRequest(limit=5))
        assert [letter.event_id for letter in answer.dead_letters] == ["3-3", "2-3", "1-3", "0-3", "3-2"]
        code, _ = await refused(running.trigger().ListDeadLetters(pb.ListDeadLettersRequest(limit=-1)))
        assert code is grpc.StatusCode.INVALID_ARGUMENT


async def test_the_status_names_every_partition() -> None:
    async with Running() as running:
        await running.trigger(TOKEN).Append(append_of(("1", "u")))
        status = await running.trigger().GetStatus(pb.GetStatusRequest())
        assert [partition.partition for partition in status.partitions] == [0, 1, 2, 3]
        assert sum(partition.lag_events for partition in status.partitions) == 1
        assert (status.durability, status.clock, status.store) == ("fsync", "wall", "in memory")
        assert [shard.name for shard in status.shards] == ["shard-0"]


async def test_only_the_events_own_clock_is_advanced() -> None:
    advance = pb.AdvanceClockRequest(to_ms=1_600_000_000_000)
    async with Running() as running:
        code, _ = await refused(running.trigger().AdvanceClock(advance))
        assert code is grpc.StatusCode.FAILED_PRECONDITION
    async with Running(clock="events") as running:
        answer = await running.trigger().AdvanceClock(advance)
        assert [(position.partition, position.seq) for position in answer.positions] == [(n, 1) for n in range(4)]
        assert entries(running.store, 3) == [Tick(seq=1, at_ms=advance.to_ms)]
        code, _ = await refused(running.trigger().AdvanceClock(pb.AdvanceClockRequest(to_ms=2**62)))
        assert code is grpc.StatusCode.INVALID_ARGUMENT


async def test_clocks_that_differ_and_shards_that_lag_are_reported() -> None:
    async with Running() as running:
        running.store.clock = FixedClock(running.clock.now_ms() - 5_000)
        await running.trigger(TOKEN).Append(append_of(("1", "u")))
        await running.front.housekeeping.look()
        page = running.metrics.page().decode()
        assert "sendwhen_clock_skew_seconds 5.0" in page
        assert f'sendwhen_log_lag_events{{partition="{routing_hash("user:u") % 4}"}} 1' in page


async def test_housekeeping_trims_every_partition() -> None:
    async with Running() as running:
        await running.trigger(TOKEN).Append(append_of(*[(str(n), f"u{n}") for n in range(50)]))
        apply(running.store)
        running.clock.advance(7_200_000)
        await running.trigger(TOKEN).Append(append_of(*[(str(n), f"u{n}") for n in range(50)]))
        apply(running.store)
        assert await running.front.housekeeping.trim() == 4


async def test_housekeeping_goes_on_after_a_failure_and_ends_when_asked() -> None:
    async with Running() as running:
        running.store.is_down = True
        stop = asyncio.Event()
        rounds = asyncio.create_task(running.front.housekeeping.run(stop))
        await asyncio.sleep(0.05)
        assert not rounds.done()
        stop.set()
        await asyncio.wait_for(rounds, 5)
