"""The gRPC face of trigger's front."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

import grpc

from sendwhen.domain.event import LATEST_MS
from sendwhen.errors import Invalid, NotFound, Violation
from sendwhen.v1 import trigger_service_pb2 as pb
from sendwhen.v1 import trigger_service_pb2_grpc
from sendwhen.wire.entry import migrate_of
from services.trigger.advance import advance_clock
from services.trigger.append import Appender
from services.trigger.applied import AppliedWatch
from services.trigger.campaigns import Campaigns
from services.trigger.customers import CustomerDesk
from services.trigger.dead_letters import DeadLetterDesk
from services.trigger.edit_desk import EditDesk
from services.trigger.front_messages import (
    edit_message,
    partition_message,
    plan_message,
    position_message,
    problem_messages,
    result_messages,
    shard_message,
    summary_message,
)
from services.trigger.front_ports import Shards, StoreWatch
from services.trigger.log_port import Log
from services.trigger.why import WhyDesk

SERVICE: Final = "sendwhen.v1.Trigger"
APPEND_EVENTS_MAX: Final = 5_000
EVENT_BYTES_MAX: Final = 34_000
"""A little more than ingest lets in: normalising adds a few fields."""
WAIT_MAX_S: Final = 60.0

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class TriggerServicer(trigger_service_pb2_grpc.TriggerServicer):
    """All of Trigger; each rpc is a few lines over the use case that does it."""

    # ruff: noqa: N802  methods have the proto's names

    def __init__(
        self,
        *,
        event_log: Log,
        appender: Appender,
        applied: AppliedWatch,
        campaigns: Campaigns,
        edits: EditDesk,
        why: WhyDesk,
        customers: CustomerDesk,
        dead_letters: DeadLetterDesk,
        watch: StoreWatch,
        shards: Shards,
        event_clock: bool,
    ) -> None:
        self._log = event_log
        self._appender = appender
        self._applied = applied
        self._campaigns = campaigns
        self._edits = edits
        self._why = why
        self._customers = customers
        self._dead_letters = dead_letters
        self._watch = watch
        self._shards = shards
        self._event_clock = event_clock
        self._partitions = appender.partitions

    async def Append(self, request: pb.AppendRequest, _context: Context) -> pb.AppendResponse:
        """Append events."""
        self._check_append(request)
        outcomes = await self._appender.append(request.events, request.routing_hashes, request.occurred_at_ms)
        return pb.AppendResponse(results=result_messages(outcomes), partitions=self._partitions)

    async def WaitApplied(self, request: pb.WaitAppliedRequest, context: Context) -> pb.WaitAppliedResponse:
        """Wait for shards."""
        wanted: dict[int, int] = {}
        for position in request.positions:
            if not 0 <= position.partition < self._partitions:
                raise _invalid("positions", f"Send partitions from 0 to {self._partitions - 1}.")
            wanted[position.partition] = max(position.seq, wanted.get(position.partition, 0))
        await self._wait(wanted, context)
        return pb.WaitAppliedResponse()

    async def _wait(self, wanted: Mapping[int, int], context: Context) -> None:
        remaining_s = context.time_remaining()
        await self._applied.wait(wanted, within_s=WAIT_MAX_S if remaining_s is None else min(remaining_s, WAIT_MAX_S))

    async def CheckCampaign(self, request: pb.CheckCampaignRequest, _context: Context) -> pb.CheckCampaignResponse:
        """Validate a campaign."""
        checked = await self._campaigns.check(dict(request.source.files))
        return pb.CheckCampaignResponse(
            problems=problem_messages(checked.problems), version=checked.version if checked.acceptable else ""
        )

    async def PutCampaign(self, request: pb.PutCampaignRequest, _context: Context) -> pb.PutCampaignResponse:
        """Bring a campaign into force."""
        migrate = migrate_of(request.migrate)
        standing, problems, changed = await self._edits.put(dict(request.source.files), migrate)
        return pb.PutCampaignResponse(
            campaign=summary_message(standing), warnings=problem_messages(problems), changed=changed
        )

    async def PlanCampaign(self, request: pb.PlanCampaignRequest, _context: Context) -> pb.PlanCampaignResponse:
        """What putting a campaign would do."""
        return plan_message(await self._edits.plan(dict(request.source.files), changes_only=request.changes_only))

    async def ArchiveCampaign(
        self, request: pb.ArchiveCampaignRequest, _context: Context
    ) -> pb.ArchiveCampaignResponse:
        """End a campaign."""
        return pb.ArchiveCampaignResponse(campaign=summary_message(await self._campaigns.archive(request.campaign_id)))

    async def GetCampaignHistory(
        self, request: pb.GetCampaignHistoryRequest, _context: Context
    ) -> pb.GetCampaignHistoryResponse:
        """What was changed."""
        standing = await self._campaigns.standing(request.campaign_id)
        if standing is None:
            raise NotFound("There is no campaign of that id.", remedy="List the campaigns to see which there are.")
        return pb.GetCampaignHistoryResponse(
            edits=map(edit_message, standing.campaign.edits), campaign=summary_message(standing)
        )

    async def ListCampaigns(self, _request: pb.ListCampaignsRequest, _context: Context) -> pb.ListCampaignsResponse:
        """All campaigns."""
        return pb.ListCampaignsResponse(campaigns=map(summary_message, await self._campaigns.standings()))

    async def SetCampaignPaused(
        self, request: pb.SetCampaignPausedRequest, _context: Context
    ) -> pb.SetCampaignPausedResponse:
        """Pause or resume."""
        standing = await self._campaigns.set_paused(request.campaign_id, paused=request.paused)
        return pb.SetCampaignPausedResponse(campaign=summary_message(standing))

    async def Why(self, request: pb.WhyRequest, _context: Context) -> pb.WhyResponse:
        """Explain."""
        return await self._why.answer(request)

    async def GetTimeline(self, request: pb.GetTimelineRequest, _context: Context) -> pb.GetTimelineResponse:
        """A customer by time."""
        return await self._why.timeline(request)

    async def ShowCustomer(self, request: pb.ShowCustomerRequest, _context: Context) -> pb.ShowCustomerResponse:
        """Show one."""
        return await self._customers.show(request)

    async def MergeCustomers(self, request: pb.MergeCustomersRequest, context: Context) -> pb.MergeCustomersResponse:
        """Join two."""
        answer = await self._customers.merge(request)
        if request.wait_applied:
            await self._wait({answer.position.partition: answer.position.seq}, context)
        return answer

    async def DeleteCustomer(self, request: pb.DeleteCustomerRequest, context: Context) -> pb.DeleteCustomerResponse:
        """Delete one."""
        answer = await self._customers.delete(request)
        if request.wait_applied:
            await self._wait({answer.position.partition: answer.position.seq}, context)
        return answer

    async def ListDeadLetters(
        self, request: pb.ListDeadLettersRequest, _context: Context
    ) -> pb.ListDeadLettersResponse:
        """Events set aside."""
        return await self._dead_letters.list(request.limit)

    async def GetStatus(self, _request: pb.GetStatusRequest, _context: Context) -> pb.GetStatusResponse:
        """How the installation is."""
        state = self._watch.state()
        heads, shards = await asyncio.gather(self._log.heads(range(self._partitions)), self._shards.statuses())
        return pb.GetStatusResponse(
            partitions=map(partition_message, heads),
            durability=state.durability,
            clock="events" if self._event_clock else "wall",
            store=state.found,
            shards=map(shard_message, shards),
            refusing=state.refusing,
        )

    async def AdvanceClock(self, request: pb.AdvanceClockRequest, _context: Context) -> pb.AdvanceClockResponse:
        """Move every partition's clock."""
        ticks = await advance_clock(
            self._log, request.to_ms, partitions=self._partitions, event_clock=self._event_clock
        )
        return pb.AdvanceClockResponse(positions=map(position_message, ticks))

    def _check_append(self, request: pb.AppendRequest) -> None:
        events = len(request.events)
        if events > APPEND_EVENTS_MAX:
            raise _invalid("events", f"Send at most {APPEND_EVENTS_MAX} events in a call; these are {events}.")
        if len(request.routing_hashes) != events:
            raise _invalid("routing_hashes", "Send one for each event.")
        if any(len(payload) > EVENT_BYTES_MAX or not payload for payload in request.events):
            raise _invalid("events", f"Send events of 1 to {EVENT_BYTES_MAX} bytes.")
        if self._event_clock and (
            len(request.occurred_at_ms) != events or not all(0 < at <= LATEST_MS for at in request.occurred_at_ms)
        ):
            raise _invalid("occurred_at_ms", "Send one for each event: this installation runs on the events' own time.")


def _invalid(field: str, description: str) -> Invalid:
    return Invalid.of([Violation(field=field, description=description)])
