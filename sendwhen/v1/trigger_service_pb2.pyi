from sendwhen.v1 import campaign_pb2 as _campaign_pb2
from sendwhen.v1 import customer_pb2 as _customer_pb2
from sendwhen.v1 import decision_pb2 as _decision_pb2
from sendwhen.v1 import email_pb2 as _email_pb2
from sendwhen.v1 import ingest_service_pb2 as _ingest_service_pb2
from sendwhen.v1 import profile_service_pb2 as _profile_service_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AppendRequest(_message.Message):
    __slots__ = ("events", "routing_hashes", "occurred_at_ms")
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    ROUTING_HASHES_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedScalarFieldContainer[bytes]
    routing_hashes: _containers.RepeatedScalarFieldContainer[int]
    occurred_at_ms: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, events: _Optional[_Iterable[bytes]] = ..., routing_hashes: _Optional[_Iterable[int]] = ..., occurred_at_ms: _Optional[_Iterable[int]] = ...) -> None: ...

class AppendResponse(_message.Message):
    __slots__ = ("results", "partitions")
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    PARTITIONS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[_ingest_service_pb2.EventResult]
    partitions: int
    def __init__(self, results: _Optional[_Iterable[_Union[_ingest_service_pb2.EventResult, _Mapping]]] = ..., partitions: _Optional[int] = ...) -> None: ...

class WaitAppliedRequest(_message.Message):
    __slots__ = ("positions",)
    POSITIONS_FIELD_NUMBER: _ClassVar[int]
    positions: _containers.RepeatedCompositeFieldContainer[_ingest_service_pb2.LogPosition]
    def __init__(self, positions: _Optional[_Iterable[_Union[_ingest_service_pb2.LogPosition, _Mapping]]] = ...) -> None: ...

class WaitAppliedResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class CheckCampaignRequest(_message.Message):
    __slots__ = ("source",)
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    source: _campaign_pb2.CampaignSource
    def __init__(self, source: _Optional[_Union[_campaign_pb2.CampaignSource, _Mapping]] = ...) -> None: ...

class CheckCampaignResponse(_message.Message):
    __slots__ = ("problems", "version")
    PROBLEMS_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    problems: _containers.RepeatedCompositeFieldContainer[_campaign_pb2.CampaignProblem]
    version: str
    def __init__(self, problems: _Optional[_Iterable[_Union[_campaign_pb2.CampaignProblem, _Mapping]]] = ..., version: _Optional[str] = ...) -> None: ...

class PutCampaignRequest(_message.Message):
    __slots__ = ("source", "migrate")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    MIGRATE_FIELD_NUMBER: _ClassVar[int]
    source: _campaign_pb2.CampaignSource
    migrate: _campaign_pb2.Migration
    def __init__(self, source: _Optional[_Union[_campaign_pb2.CampaignSource, _Mapping]] = ..., migrate: _Optional[_Union[_campaign_pb2.Migration, str]] = ...) -> None: ...

class PutCampaignResponse(_message.Message):
    __slots__ = ("campaign", "warnings", "changed")
    CAMPAIGN_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    campaign: _campaign_pb2.CampaignSummary
    warnings: _containers.RepeatedCompositeFieldContainer[_campaign_pb2.CampaignProblem]
    changed: bool
    def __init__(self, campaign: _Optional[_Union[_campaign_pb2.CampaignSummary, _Mapping]] = ..., warnings: _Optional[_Iterable[_Union[_campaign_pb2.CampaignProblem, _Mapping]]] = ..., changed: _Optional[bool] = ...) -> None: ...

class PlanCampaignRequest(_message.Message):
    __slots__ = ("source", "changes_only")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    CHANGES_ONLY_FIELD_NUMBER: _ClassVar[int]
    source: _campaign_pb2.CampaignSource
    changes_only: bool
    def __init__(self, source: _Optional[_Union[_campaign_pb2.CampaignSource, _Mapping]] = ..., changes_only: _Optional[bool] = ...) -> None: ...

class PlanCampaignResponse(_message.Message):
    __slots__ = ("problems", "campaign_id", "version", "version_in_force", "changes", "waiting", "estimated")
    PROBLEMS_FIELD_NUMBER: _ClassVar[int]
    CAMPAIGN_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    VERSION_IN_FORCE_FIELD_NUMBER: _ClassVar[int]
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    WAITING_FIELD_NUMBER: _ClassVar[int]
    ESTIMATED_FIELD_NUMBER: _ClassVar[int]
    problems: _containers.RepeatedCompositeFieldContainer[_campaign_pb2.CampaignProblem]
    campaign_id: str
    version: str
    version_in_force: str
    changes: _containers.RepeatedScalarFieldContainer[str]
    waiting: _containers.RepeatedCompositeFieldContainer[_campaign_pb2.WaitingPlace]
    estimated: bool
    def __init__(self, problems: _Optional[_Iterable[_Union[_campaign_pb2.CampaignProblem, _Mapping]]] = ..., campaign_id: _Optional[str] = ..., version: _Optional[str] = ..., version_in_force: _Optional[str] = ..., changes: _Optional[_Iterable[str]] = ..., waiting: _Optional[_Iterable[_Union[_campaign_pb2.WaitingPlace, _Mapping]]] = ..., estimated: _Optional[bool] = ...) -> None: ...

class ArchiveCampaignRequest(_message.Message):
    __slots__ = ("campaign_id",)
    CAMPAIGN_ID_FIELD_NUMBER: _ClassVar[int]
    campaign_id: str
    def __init__(self, campaign_id: _Optional[str] = ...) -> None: ...

class ArchiveCampaignResponse(_message.Message):
    __slots__ = ("campaign",)
    CAMPAIGN_FIELD_NUMBER: _ClassVar[int]
    campaign: _campaign_pb2.CampaignSummary
    def __init__(self, campaign: _Optional[_Union[_campaign_pb2.CampaignSummary, _Mapping]] = ...) -> None: ...

class GetCampaignHistoryRequest(_message.Message):
    __slots__ = ("campaign_id",)
    CAMPAIGN_ID_FIELD_NUMBER: _ClassVar[int]
    campaign_id: str
    def __init__(self, campaign_id: _Optional[str] = ...) -> None: ...

class GetCampaignHistoryResponse(_message.Message):
    __slots__ = ("edits", "campaign")
    EDITS_FIELD_NUMBER: _ClassVar[int]
    CAMPAIGN_FIELD_NUMBER: _ClassVar[int]
    edits: _containers.RepeatedCompositeFieldContainer[_campaign_pb2.CampaignEdit]
    campaign: _campaign_pb2.CampaignSummary
    def __init__(self, edits: _Optional[_Iterable[_Union[_campaign_pb2.CampaignEdit, _Mapping]]] = ..., campaign: _Optional[_Union[_campaign_pb2.CampaignSummary, _Mapping]] = ...) -> None: ...

class ListCampaignsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListCampaignsResponse(_message.Message):
    __slots__ = ("campaigns",)
    CAMPAIGNS_FIELD_NUMBER: _ClassVar[int]
    campaigns: _containers.RepeatedCompositeFieldContainer[_campaign_pb2.CampaignSummary]
    def __init__(self, campaigns: _Optional[_Iterable[_Union[_campaign_pb2.CampaignSummary, _Mapping]]] = ...) -> None: ...

class SetCampaignPausedRequest(_message.Message):
    __slots__ = ("campaign_id", "paused")
    CAMPAIGN_ID_FIELD_NUMBER: _ClassVar[int]
    PAUSED_FIELD_NUMBER: _ClassVar[int]
    campaign_id: str
    paused: bool
    def __init__(self, campaign_id: _Optional[str] = ..., paused: _Optional[bool] = ...) -> None: ...

class SetCampaignPausedResponse(_message.Message):
    __slots__ = ("campaign",)
    CAMPAIGN_FIELD_NUMBER: _ClassVar[int]
    campaign: _campaign_pb2.CampaignSummary
    def __init__(self, campaign: _Optional[_Union[_campaign_pb2.CampaignSummary, _Mapping]] = ...) -> None: ...

class WhyRequest(_message.Message):
    __slots__ = ("id", "campaign_id", "at_ms")
    ID_FIELD_NUMBER: _ClassVar[int]
    CAMPAIGN_ID_FIELD_NUMBER: _ClassVar[int]
    AT_MS_FIELD_NUMBER: _ClassVar[int]
    id: _profile_service_pb2.CustomerId
    campaign_id: str
    at_ms: int
    def __init__(self, id: _Optional[_Union[_profile_service_pb2.CustomerId, _Mapping]] = ..., campaign_id: _Optional[str] = ..., at_ms: _Optional[int] = ...) -> None: ...

class WhyResponse(_message.Message):
    __slots__ = ("customer", "campaign", "decisions", "waiting", "emails", "explanation", "grounds", "unmet", "near_misses", "unknown", "followed", "version_in_force")
    CUSTOMER_FIELD_NUMBER: _ClassVar[int]
    CAMPAIGN_FIELD_NUMBER: _ClassVar[int]
    DECISIONS_FIELD_NUMBER: _ClassVar[int]
    WAITING_FIELD_NUMBER: _ClassVar[int]
    EMAILS_FIELD_NUMBER: _ClassVar[int]
    EXPLANATION_FIELD_NUMBER: _ClassVar[int]
    GROUNDS_FIELD_NUMBER: _ClassVar[int]
    UNMET_FIELD_NUMBER: _ClassVar[int]
    NEAR_MISSES_FIELD_NUMBER: _ClassVar[int]
    UNKNOWN_FIELD_NUMBER: _ClassVar[int]
    FOLLOWED_FIELD_NUMBER: _ClassVar[int]
    VERSION_IN_FORCE_FIELD_NUMBER: _ClassVar[int]
    customer: _customer_pb2.Customer
    campaign: _campaign_pb2.CampaignSummary
    decisions: _containers.RepeatedCompositeFieldContainer[_decision_pb2.Decision]
    waiting: _containers.RepeatedCompositeFieldContainer[_decision_pb2.Decision]
    emails: _containers.RepeatedCompositeFieldContainer[_email_pb2.Email]
    explanation: _containers.RepeatedScalarFieldContainer[str]
    grounds: _containers.RepeatedCompositeFieldContainer[Ground]
    unmet: _containers.RepeatedCompositeFieldContainer[Clause]
    near_misses: _containers.RepeatedCompositeFieldContainer[NearMiss]
    unknown: _containers.RepeatedScalarFieldContainer[str]
    followed: _containers.RepeatedScalarFieldContainer[str]
    version_in_force: str
    def __init__(self, customer: _Optional[_Union[_customer_pb2.Customer, _Mapping]] = ..., campaign: _Optional[_Union[_campaign_pb2.CampaignSummary, _Mapping]] = ..., decisions: _Optional[_Iterable[_Union[_decision_pb2.Decision, _Mapping]]] = ..., waiting: _Optional[_Iterable[_Union[_decision_pb2.Decision, _Mapping]]] = ..., emails: _Optional[_Iterable[_Union[_email_pb2.Email, _Mapping]]] = ..., explanation: _Optional[_Iterable[str]] = ..., grounds: _Optional[_Iterable[_Union[Ground, _Mapping]]] = ..., unmet: _Optional[_Iterable[_Union[Clause, _Mapping]]] = ..., near_misses: _Optional[_Iterable[_Union[NearMiss, _Mapping]]] = ..., unknown: _Optional[_Iterable[str]] = ..., followed: _Optional[_Iterable[str]] = ..., version_in_force: _Optional[str] = ...) -> None: ...

class Ground(_message.Message):
    __slots__ = ("version", "event", "clauses", "known")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    CLAUSES_FIELD_NUMBER: _ClassVar[int]
    KNOWN_FIELD_NUMBER: _ClassVar[int]
    version: str
    event: str
    clauses: _containers.RepeatedCompositeFieldContainer[Clause]
    known: bool
    def __init__(self, version: _Optional[str] = ..., event: _Optional[str] = ..., clauses: _Optional[_Iterable[_Union[Clause, _Mapping]]] = ..., known: _Optional[bool] = ...) -> None: ...

class Clause(_message.Message):
    __slots__ = ("part", "text", "holds", "values")
    PART_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    HOLDS_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    part: str
    text: str
    holds: bool
    values: _containers.RepeatedCompositeFieldContainer[ClauseValue]
    def __init__(self, part: _Optional[str] = ..., text: _Optional[str] = ..., holds: _Optional[bool] = ..., values: _Optional[_Iterable[_Union[ClauseValue, _Mapping]]] = ...) -> None: ...

class ClauseValue(_message.Message):
    __slots__ = ("path", "value_json", "age")
    PATH_FIELD_NUMBER: _ClassVar[int]
    VALUE_JSON_FIELD_NUMBER: _ClassVar[int]
    AGE_FIELD_NUMBER: _ClassVar[int]
    path: str
    value_json: str
    age: str
    def __init__(self, path: _Optional[str] = ..., value_json: _Optional[str] = ..., age: _Optional[str] = ...) -> None: ...

class NearMiss(_message.Message):
    __slots__ = ("kind", "sentence", "event_id", "shift_ms")
    KIND_FIELD_NUMBER: _ClassVar[int]
    SENTENCE_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    SHIFT_MS_FIELD_NUMBER: _ClassVar[int]
    kind: str
    sentence: str
    event_id: str
    shift_ms: int
    def __init__(self, kind: _Optional[str] = ..., sentence: _Optional[str] = ..., event_id: _Optional[str] = ..., shift_ms: _Optional[int] = ...) -> None: ...

class GetTimelineRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: _profile_service_pb2.CustomerId
    def __init__(self, id: _Optional[_Union[_profile_service_pb2.CustomerId, _Mapping]] = ...) -> None: ...

class GetTimelineResponse(_message.Message):
    __slots__ = ("customer", "items", "unknown", "followed")
    CUSTOMER_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    UNKNOWN_FIELD_NUMBER: _ClassVar[int]
    FOLLOWED_FIELD_NUMBER: _ClassVar[int]
    customer: _customer_pb2.Customer
    items: _containers.RepeatedCompositeFieldContainer[TimelineItem]
    unknown: _containers.RepeatedScalarFieldContainer[str]
    followed: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, customer: _Optional[_Union[_customer_pb2.Customer, _Mapping]] = ..., items: _Optional[_Iterable[_Union[TimelineItem, _Mapping]]] = ..., unknown: _Optional[_Iterable[str]] = ..., followed: _Optional[_Iterable[str]] = ...) -> None: ...

class TimelineItem(_message.Message):
    __slots__ = ("at_ms", "kind", "text", "campaign_id", "reference")
    AT_MS_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    CAMPAIGN_ID_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    at_ms: int
    kind: str
    text: str
    campaign_id: str
    reference: str
    def __init__(self, at_ms: _Optional[int] = ..., kind: _Optional[str] = ..., text: _Optional[str] = ..., campaign_id: _Optional[str] = ..., reference: _Optional[str] = ...) -> None: ...

class ShowCustomerRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: _profile_service_pb2.CustomerId
    def __init__(self, id: _Optional[_Union[_profile_service_pb2.CustomerId, _Mapping]] = ...) -> None: ...

class ShowCustomerResponse(_message.Message):
    __slots__ = ("customer", "followed", "identities", "waiting", "expires_at_ms")
    CUSTOMER_FIELD_NUMBER: _ClassVar[int]
    FOLLOWED_FIELD_NUMBER: _ClassVar[int]
    IDENTITIES_FIELD_NUMBER: _ClassVar[int]
    WAITING_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_MS_FIELD_NUMBER: _ClassVar[int]
    customer: _customer_pb2.Customer
    followed: _containers.RepeatedScalarFieldContainer[str]
    identities: _containers.RepeatedCompositeFieldContainer[Identity]
    waiting: _containers.RepeatedCompositeFieldContainer[_decision_pb2.Decision]
    expires_at_ms: int
    def __init__(self, customer: _Optional[_Union[_customer_pb2.Customer, _Mapping]] = ..., followed: _Optional[_Iterable[str]] = ..., identities: _Optional[_Iterable[_Union[Identity, _Mapping]]] = ..., waiting: _Optional[_Iterable[_Union[_decision_pb2.Decision, _Mapping]]] = ..., expires_at_ms: _Optional[int] = ...) -> None: ...

class Identity(_message.Message):
    __slots__ = ("key", "reason", "detail", "decided_at_ms")
    KEY_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    DECIDED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    key: str
    reason: str
    detail: str
    decided_at_ms: int
    def __init__(self, key: _Optional[str] = ..., reason: _Optional[str] = ..., detail: _Optional[str] = ..., decided_at_ms: _Optional[int] = ...) -> None: ...

class MergeCustomersRequest(_message.Message):
    __slots__ = ("into", "both_known", "wait_applied")
    FROM_FIELD_NUMBER: _ClassVar[int]
    INTO_FIELD_NUMBER: _ClassVar[int]
    BOTH_KNOWN_FIELD_NUMBER: _ClassVar[int]
    WAIT_APPLIED_FIELD_NUMBER: _ClassVar[int]
    into: _profile_service_pb2.CustomerId
    both_known: bool
    wait_applied: bool
    def __init__(self, into: _Optional[_Union[_profile_service_pb2.CustomerId, _Mapping]] = ..., both_known: _Optional[bool] = ..., wait_applied: _Optional[bool] = ..., **kwargs) -> None: ...

class MergeCustomersResponse(_message.Message):
    __slots__ = ("position",)
    POSITION_FIELD_NUMBER: _ClassVar[int]
    position: _ingest_service_pb2.LogPosition
    def __init__(self, position: _Optional[_Union[_ingest_service_pb2.LogPosition, _Mapping]] = ...) -> None: ...

class DeleteCustomerRequest(_message.Message):
    __slots__ = ("id", "wait_applied")
    ID_FIELD_NUMBER: _ClassVar[int]
    WAIT_APPLIED_FIELD_NUMBER: _ClassVar[int]
    id: _profile_service_pb2.CustomerId
    wait_applied: bool
    def __init__(self, id: _Optional[_Union[_profile_service_pb2.CustomerId, _Mapping]] = ..., wait_applied: _Optional[bool] = ...) -> None: ...

class DeleteCustomerResponse(_message.Message):
    __slots__ = ("position", "gone_by_ms")
    POSITION_FIELD_NUMBER: _ClassVar[int]
    GONE_BY_MS_FIELD_NUMBER: _ClassVar[int]
    position: _ingest_service_pb2.LogPosition
    gone_by_ms: int
    def __init__(self, position: _Optional[_Union[_ingest_service_pb2.LogPosition, _Mapping]] = ..., gone_by_ms: _Optional[int] = ...) -> None: ...

class ListDeadLettersRequest(_message.Message):
    __slots__ = ("limit",)
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    limit: int
    def __init__(self, limit: _Optional[int] = ...) -> None: ...

class ListDeadLettersResponse(_message.Message):
    __slots__ = ("dead_letters", "total")
    DEAD_LETTERS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    dead_letters: _containers.RepeatedCompositeFieldContainer[DeadLetter]
    total: int
    def __init__(self, dead_letters: _Optional[_Iterable[_Union[DeadLetter, _Mapping]]] = ..., total: _Optional[int] = ...) -> None: ...

class DeadLetter(_message.Message):
    __slots__ = ("partition", "seq", "index", "event_id", "reason", "detail", "at_ms", "event")
    PARTITION_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    AT_MS_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    partition: int
    seq: int
    index: int
    event_id: str
    reason: str
    detail: str
    at_ms: int
    event: bytes
    def __init__(self, partition: _Optional[int] = ..., seq: _Optional[int] = ..., index: _Optional[int] = ..., event_id: _Optional[str] = ..., reason: _Optional[str] = ..., detail: _Optional[str] = ..., at_ms: _Optional[int] = ..., event: _Optional[bytes] = ...) -> None: ...

class GetStatusRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetStatusResponse(_message.Message):
    __slots__ = ("partitions", "durability", "clock", "store", "shards", "refusing")
    PARTITIONS_FIELD_NUMBER: _ClassVar[int]
    DURABILITY_FIELD_NUMBER: _ClassVar[int]
    CLOCK_FIELD_NUMBER: _ClassVar[int]
    STORE_FIELD_NUMBER: _ClassVar[int]
    SHARDS_FIELD_NUMBER: _ClassVar[int]
    REFUSING_FIELD_NUMBER: _ClassVar[int]
    partitions: _containers.RepeatedCompositeFieldContainer[PartitionStatus]
    durability: str
    clock: str
    store: str
    shards: _containers.RepeatedCompositeFieldContainer[ShardStatus]
    refusing: str
    def __init__(self, partitions: _Optional[_Iterable[_Union[PartitionStatus, _Mapping]]] = ..., durability: _Optional[str] = ..., clock: _Optional[str] = ..., store: _Optional[str] = ..., shards: _Optional[_Iterable[_Union[ShardStatus, _Mapping]]] = ..., refusing: _Optional[str] = ...) -> None: ...

class PartitionStatus(_message.Message):
    __slots__ = ("partition", "owner", "epoch", "head_seq", "position", "head_at_ms", "lag_events", "outbox", "dead_letters", "duplicates", "applied")
    PARTITION_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    HEAD_SEQ_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    HEAD_AT_MS_FIELD_NUMBER: _ClassVar[int]
    LAG_EVENTS_FIELD_NUMBER: _ClassVar[int]
    OUTBOX_FIELD_NUMBER: _ClassVar[int]
    DEAD_LETTERS_FIELD_NUMBER: _ClassVar[int]
    DUPLICATES_FIELD_NUMBER: _ClassVar[int]
    APPLIED_FIELD_NUMBER: _ClassVar[int]
    partition: int
    owner: str
    epoch: int
    head_seq: int
    position: int
    head_at_ms: int
    lag_events: int
    outbox: int
    dead_letters: int
    duplicates: int
    applied: int
    def __init__(self, partition: _Optional[int] = ..., owner: _Optional[str] = ..., epoch: _Optional[int] = ..., head_seq: _Optional[int] = ..., position: _Optional[int] = ..., head_at_ms: _Optional[int] = ..., lag_events: _Optional[int] = ..., outbox: _Optional[int] = ..., dead_letters: _Optional[int] = ..., duplicates: _Optional[int] = ..., applied: _Optional[int] = ...) -> None: ...

class ShardStatus(_message.Message):
    __slots__ = ("name", "partitions", "state", "standing_still", "reviewing")
    class ReviewingEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: int
        value: int
        def __init__(self, key: _Optional[int] = ..., value: _Optional[int] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    PARTITIONS_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    STANDING_STILL_FIELD_NUMBER: _ClassVar[int]
    REVIEWING_FIELD_NUMBER: _ClassVar[int]
    name: str
    partitions: _containers.RepeatedScalarFieldContainer[int]
    state: str
    standing_still: _containers.RepeatedScalarFieldContainer[int]
    reviewing: _containers.ScalarMap[int, int]
    def __init__(self, name: _Optional[str] = ..., partitions: _Optional[_Iterable[int]] = ..., state: _Optional[str] = ..., standing_still: _Optional[_Iterable[int]] = ..., reviewing: _Optional[_Mapping[int, int]] = ...) -> None: ...

class AdvanceClockRequest(_message.Message):
    __slots__ = ("to_ms",)
    TO_MS_FIELD_NUMBER: _ClassVar[int]
    to_ms: int
    def __init__(self, to_ms: _Optional[int] = ...) -> None: ...

class AdvanceClockResponse(_message.Message):
    __slots__ = ("positions",)
    POSITIONS_FIELD_NUMBER: _ClassVar[int]
    positions: _containers.RepeatedCompositeFieldContainer[_ingest_service_pb2.LogPosition]
    def __init__(self, positions: _Optional[_Iterable[_Union[_ingest_service_pb2.LogPosition, _Mapping]]] = ...) -> None: ...
