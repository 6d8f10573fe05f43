from sendwhen.v1 import campaign_pb2 as _campaign_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class LogEntry(_message.Message):
    __slots__ = ("events", "tick", "campaign", "skip", "transfers", "review")
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    TICK_FIELD_NUMBER: _ClassVar[int]
    CAMPAIGN_FIELD_NUMBER: _ClassVar[int]
    SKIP_FIELD_NUMBER: _ClassVar[int]
    TRANSFERS_FIELD_NUMBER: _ClassVar[int]
    REVIEW_FIELD_NUMBER: _ClassVar[int]
    events: EventEntry
    tick: TickEntry
    campaign: CampaignEntry
    skip: SkipEntry
    transfers: TransferEntry
    review: ReviewEntry
    def __init__(self, events: _Optional[_Union[EventEntry, _Mapping]] = ..., tick: _Optional[_Union[TickEntry, _Mapping]] = ..., campaign: _Optional[_Union[CampaignEntry, _Mapping]] = ..., skip: _Optional[_Union[SkipEntry, _Mapping]] = ..., transfers: _Optional[_Union[TransferEntry, _Mapping]] = ..., review: _Optional[_Union[ReviewEntry, _Mapping]] = ...) -> None: ...

class EventEntry(_message.Message):
    __slots__ = ("events", "front_received_at_us")
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    FRONT_RECEIVED_AT_US_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedScalarFieldContainer[bytes]
    front_received_at_us: int
    def __init__(self, events: _Optional[_Iterable[bytes]] = ..., front_received_at_us: _Optional[int] = ...) -> None: ...

class TickEntry(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ReviewEntry(_message.Message):
    __slots__ = ("uids",)
    UIDS_FIELD_NUMBER: _ClassVar[int]
    uids: bytes
    def __init__(self, uids: _Optional[bytes] = ...) -> None: ...

class CampaignEntry(_message.Message):
    __slots__ = ("campaign_id", "put", "paused", "archived", "migrate")
    CAMPAIGN_ID_FIELD_NUMBER: _ClassVar[int]
    PUT_FIELD_NUMBER: _ClassVar[int]
    PAUSED_FIELD_NUMBER: _ClassVar[int]
    ARCHIVED_FIELD_NUMBER: _ClassVar[int]
    MIGRATE_FIELD_NUMBER: _ClassVar[int]
    campaign_id: str
    put: CampaignVersion
    paused: bool
    archived: bool
    migrate: _campaign_pb2.Migration
    def __init__(self, campaign_id: _Optional[str] = ..., put: _Optional[_Union[CampaignVersion, _Mapping]] = ..., paused: _Optional[bool] = ..., archived: _Optional[bool] = ..., migrate: _Optional[_Union[_campaign_pb2.Migration, str]] = ...) -> None: ...

class CampaignVersion(_message.Message):
    __slots__ = ("version", "source_yaml", "template_hashes", "sending_policy", "segments_yaml")
    class TemplateHashesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SOURCE_YAML_FIELD_NUMBER: _ClassVar[int]
    TEMPLATE_HASHES_FIELD_NUMBER: _ClassVar[int]
    SENDING_POLICY_FIELD_NUMBER: _ClassVar[int]
    SEGMENTS_YAML_FIELD_NUMBER: _ClassVar[int]
    version: str
    source_yaml: bytes
    template_hashes: _containers.ScalarMap[str, str]
    sending_policy: bool
    segments_yaml: bytes
    def __init__(self, version: _Optional[str] = ..., source_yaml: _Optional[bytes] = ..., template_hashes: _Optional[_Mapping[str, str]] = ..., sending_policy: _Optional[bool] = ..., segments_yaml: _Optional[bytes] = ...) -> None: ...

class TransferEntry(_message.Message):
    __slots__ = ("transfers",)
    TRANSFERS_FIELD_NUMBER: _ClassVar[int]
    transfers: _containers.RepeatedCompositeFieldContainer[Transfer]
    def __init__(self, transfers: _Optional[_Iterable[_Union[Transfer, _Mapping]]] = ...) -> None: ...

class Transfer(_message.Message):
    __slots__ = ("source_partition", "lineage", "ordinal", "body")
    SOURCE_PARTITION_FIELD_NUMBER: _ClassVar[int]
    LINEAGE_FIELD_NUMBER: _ClassVar[int]
    ORDINAL_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    source_partition: int
    lineage: str
    ordinal: int
    body: bytes
    def __init__(self, source_partition: _Optional[int] = ..., lineage: _Optional[str] = ..., ordinal: _Optional[int] = ..., body: _Optional[bytes] = ...) -> None: ...

class SkipEntry(_message.Message):
    __slots__ = ("seq", "index", "reason")
    SEQ_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    seq: int
    index: int
    reason: str
    def __init__(self, seq: _Optional[int] = ..., index: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...
