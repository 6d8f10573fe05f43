"""The front's parts, wired together over whatever adapters they are given."""

from __future__ import annotations

from typing import Final

from sendwhen.chassis.clock import Clock
from sendwhen.chassis.grpc_server import Access, GrpcServer
from sendwhen.chassis.metrics import Meter
from sendwhen.v1 import trigger_service_pb2_grpc
from services.trigger.append import Appender
from services.trigger.applied import AppliedWatch
from services.trigger.archive_ports import ArchivedPast, LogTail
from services.trigger.archiver import Archiver
from services.trigger.campaigns import Campaigns
from services.trigger.customers import CustomerDesk
from services.trigger.dead_letters import DeadLetterDesk
from services.trigger.edit_desk import EditDesk
from services.trigger.front_ports import CampaignChecker, CampaignShelf, Emails, Shards, StoreWatch
from services.trigger.housekeeping import Housekeeping
from services.trigger.log_past import LogPast
from services.trigger.log_port import Log
from services.trigger.lookup import Lookup
from services.trigger.servicer import SERVICE, TriggerServicer
from services.trigger.settings import Settings
from services.trigger.waiting_count import WaitingCount
from services.trigger.waiting_port import WaitingRecords
from services.trigger.why import WhyDesk

SERVICES_METHODS: Final = ("Append", "WaitApplied")
"""Other services call these; all others are an administrator's."""


class Front:
    """The front, ready to be started.

    Attributes:
        server: Its gRPC face.
        appender: What appends events.
        applied: What waits for shards.
        campaigns: What it keeps.
        housekeeping: What it does on its own.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        event_log: Log,
        checker: CampaignChecker,
        emails: Emails,
        shelf: CampaignShelf,
        waiting: WaitingRecords,
        tail: LogTail,
        watch: StoreWatch,
        shards: Shards,
        meter: Meter,
        clock: Clock,
        archiver: Archiver | None = None,
        archived_past: ArchivedPast | None = None,
    ) -> None:
        partitions, event_clock = settings.partitions, settings.clock == "events"
        self.campaigns = campaigns = Campaigns(
            event_log, checker, emails, shelf, clock, partitions=partitions, event_clock=event_clock
        )
        self.appender = Appender(event_log, clock, watch, meter, partitions=partitions, event_clock=event_clock)
        lookup = Lookup(event_log, partitions=partitions)
        self.applied = AppliedWatch(event_log)
        count = WaitingCount(waiting, event_log, checker.campaign, partitions=partitions)
        servicer = TriggerServicer(
            event_log=event_log,
            appender=self.appender,
            applied=self.applied,
            campaigns=campaigns,
            edits=EditDesk(campaigns, checker, count),
            why=WhyDesk(
                lookup=lookup,
                campaigns=campaigns,
                checker=checker,
                emails=emails,
                event_log=event_log,
                log_past=LogPast(tail, event_clock=event_clock, archive=archived_past),
                clock=clock,
                event_clock=event_clock,
            ),
            customers=CustomerDesk(lookup, event_log, clock, event_clock=event_clock, archived=bool(settings.archive)),
            dead_letters=DeadLetterDesk(event_log, partitions=partitions),
            watch=watch,
            shards=shards,
            event_clock=event_clock,
        )
        self.server = GrpcServer(
            access=Access(
                default=[settings.admin_key],
                methods={f"/{SERVICE}/{method}": [settings.service_token] for method in SERVICES_METHODS},
            ),
            registers=[lambda server: trigger_service_pb2_grpc.add_TriggerServicer_to_server(servicer, server)],
            services=[SERVICE],
            listen=settings.listen,
        )
        self.housekeeping = Housekeeping(event_log, self.appender, campaigns, shards, meter, archiver=archiver)
