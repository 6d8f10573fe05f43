"""The front's values as the messages of sendwhen.v1.Trigger."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sendwhen.chassis.grpc_status import code_of
from sendwhen.domain.changes import DeadLetter
from sendwhen.domain.migrate import Migrate
from sendwhen.errors import Invalid, Overloaded, SendwhenError
from sendwhen.v1 import campaign_pb2
from sendwhen.v1 import ingest_service_pb2 as ingest_pb
from sendwhen.v1 import trigger_service_pb2 as pb
from sendwhen.wire.entry import migration_message
from services.trigger.campaigns import Standing
from services.trigger.edit_desk import EditPlan
from services.trigger.front_ports import CampaignEdit, Problem, ShardStatus
from services.trigger.log_port import Appended, PartitionHead


def result_messages(outcomes: Sequence[Appended | SendwhenError]) -> list[ingest_pb.EventResult]:
    """What became of the events; those of one entry share a message."""
    made: dict[int, ingest_pb.EventResult] = {}
    results = []
    for outcome in outcomes:
        result = made.get(id(outcome))
        if result is None:
            result = made[id(outcome)] = result_message(outcome)
        results.append(result)
    return results


def result_message(outcome: Appended | SendwhenError) -> ingest_pb.EventResult:
    """What became of one event."""
    if isinstance(outcome, Appended):
        return ingest_pb.EventResult(position=position_message(outcome))
    violations = outcome.violations if isinstance(outcome, Invalid) else ()
    return ingest_pb.EventResult(
        error=ingest_pb.EventError(
            code=code_of(outcome),
            message=str(outcome),
            violations=[ingest_pb.FieldViolation(field=v.field, description=v.description) for v in violations],
            retry_after_ms=outcome.retry_after_ms if isinstance(outcome, Overloaded) else 0,
        )
    )


def position_message(appended: Appended) -> ingest_pb.LogPosition:
    """Where an entry is."""
    return ingest_pb.LogPosition(partition=appended.partition, seq=appended.seq)


def problem_messages(problems: Iterable[Problem]) -> list[campaign_pb2.CampaignProblem]:
    """What was found in a campaign's files."""
    return [
        campaign_pb2.CampaignProblem(
            file=one.file,
            line=one.line,
            column=one.column,
            problem=one.problem,
            remedy=one.remedy,
            warning=one.warning,
        )
        for one in problems
    ]


def summary_message(standing: Standing) -> campaign_pb2.CampaignSummary:
    """How a campaign stands."""
    campaign = standing.campaign
    return campaign_pb2.CampaignSummary(
        campaign_id=campaign.campaign_id,
        version=campaign.version,
        trigger=campaign.trigger,
        paused=campaign.paused,
        partitions_reached=standing.partitions_reached,
        partitions=standing.partitions,
        put_at_ms=campaign.put_at_ms,
        archived=campaign.archived,
    )


def edit_message(edit: CampaignEdit) -> campaign_pb2.CampaignEdit:
    """One change of a campaign."""
    migrate = migration_message(Migrate(edit.migrate)) if edit.migrate else campaign_pb2.MIGRATION_UNSPECIFIED
    return campaign_pb2.CampaignEdit(at_ms=edit.at_ms, what=edit.what, version=edit.version, migrate=migrate)


def plan_message(plan: EditPlan) -> pb.PlanCampaignResponse:
    """What an edit would do."""
    return pb.PlanCampaignResponse(
        problems=problem_messages(plan.checked.problems),
        campaign_id=plan.checked.campaign_id,
        version=plan.checked.version,
        version_in_force=plan.in_force,
        changes=plan.changes,
        waiting=[
            campaign_pb2.WaitingPlace(
                version=one.version,
                place=one.place.text(),
                runs=one.runs,
                place_in_new_version=one.place.text() if exists else "",
                decided=one.decided,
            )
            for one, exists in plan.waiting
        ],
        estimated=plan.estimated,
    )


def dead_letter_message(partition: int, letter: DeadLetter) -> pb.DeadLetter:
    """An event that was set aside."""
    return pb.DeadLetter(
        partition=partition,
        seq=letter.seq,
        index=letter.index,
        event_id=letter.event_id,
        reason=letter.reason,
        detail=letter.detail,
        at_ms=letter.at_ms,
        event=letter.payload,
    )


def partition_message(head: PartitionHead) -> pb.PartitionStatus:
    """Where a partition stands."""
    return pb.PartitionStatus(
        partition=head.partition,
        owner=head.owner,
        epoch=head.epoch,
        head_seq=head.head_seq,
        position=head.position,
        head_at_ms=head.head_at_ms,
        lag_events=head.lag_events,
        outbox=head.outbox,
        dead_letters=head.dead_letters,
        duplicates=head.duplicates,
        applied=head.applied,
    )


def shard_message(shard: ShardStatus) -> pb.ShardStatus:
    """How a shard actor is."""
    return pb.ShardStatus(
        name=shard.name,
        partitions=shard.partitions,
        state=shard.state,
        standing_still=shard.standing_still,
        reviewing=shard.reviewing,
    )
