from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Category(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CATEGORY_UNSPECIFIED: _ClassVar[Category]
    CATEGORY_MARKETING: _ClassVar[Category]
    CATEGORY_TRANSACTIONAL: _ClassVar[Category]

class InDoubtPolicy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    IN_DOUBT_POLICY_UNSPECIFIED: _ClassVar[InDoubtPolicy]
    IN_DOUBT_POLICY_AT_MOST_ONCE: _ClassVar[InDoubtPolicy]
    IN_DOUBT_POLICY_AT_LEAST_ONCE: _ClassVar[InDoubtPolicy]

class EmailState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EMAIL_STATE_UNSPECIFIED: _ClassVar[EmailState]
    EMAIL_STATE_PENDING: _ClassVar[EmailState]
    EMAIL_STATE_CLAIMED: _ClassVar[EmailState]
    EMAIL_STATE_ATTEMPTED: _ClassVar[EmailState]
    EMAIL_STATE_ACCEPTED: _ClassVar[EmailState]
    EMAIL_STATE_REJECTED: _ClassVar[EmailState]
    EMAIL_STATE_RETRY_AT: _ClassVar[EmailState]
    EMAIL_STATE_IN_DOUBT: _ClassVar[EmailState]
    EMAIL_STATE_GAVE_UP: _ClassVar[EmailState]
    EMAIL_STATE_SUPPRESSED: _ClassVar[EmailState]
    EMAIL_STATE_EXPIRED: _ClassVar[EmailState]
    EMAIL_STATE_HELD: _ClassVar[EmailState]
    EMAIL_STATE_DISCARDED: _ClassVar[EmailState]
    EMAIL_STATE_CANCELLED: _ClassVar[EmailState]
CATEGORY_UNSPECIFIED: Category
CATEGORY_MARKETING: Category
CATEGORY_TRANSACTIONAL: Category
IN_DOUBT_POLICY_UNSPECIFIED: InDoubtPolicy
IN_DOUBT_POLICY_AT_MOST_ONCE: InDoubtPolicy
IN_DOUBT_POLICY_AT_LEAST_ONCE: InDoubtPolicy
EMAIL_STATE_UNSPECIFIED: EmailState
EMAIL_STATE_PENDING: EmailState
EMAIL_STATE_CLAIMED: EmailState
EMAIL_STATE_ATTEMPTED: EmailState
EMAIL_STATE_ACCEPTED: EmailState
EMAIL_STATE_REJECTED: EmailState
EMAIL_STATE_RETRY_AT: EmailState
EMAIL_STATE_IN_DOUBT: EmailState
EMAIL_STATE_GAVE_UP: EmailState
EMAIL_STATE_SUPPRESSED: EmailState
EMAIL_STATE_EXPIRED: EmailState
EMAIL_STATE_HELD: EmailState
EMAIL_STATE_DISCARDED: EmailState
EMAIL_STATE_CANCELLED: EmailState

class SendIntent(_message.Message):
    __slots__ = ("send_id", "run_id", "campaign_id", "campaign_version", "step", "template", "template_hash", "category", "in_doubt", "customer_uid", "to_address", "customer_seq", "partition", "decided_at_ms", "due_at_ms", "expires_at_ms", "key", "reason", "context_json", "trace", "delayed", "start_at_ms", "grace_ms", "volume_per_day", "customer_born_seq")
    SEND_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    CAMPAIGN_ID_FIELD_NUMBER: _ClassVar[int]
    CAMPAIGN_VERSION_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    TEMPLATE_FIELD_NUMBER: _ClassVar[int]
    TEMPLATE_HASH_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    IN_DOUBT_FIELD_NUMBER: _ClassVar[int]
    CUSTOMER_UID_FIELD_NUMBER: _ClassVar[int]
    TO_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    CUSTOMER_SEQ_FIELD_NUMBER: _ClassVar[int]
    PARTITION_FIELD_NUMBER: _ClassVar[int]
    DECIDED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    DUE_AT_MS_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_MS_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_JSON_FIELD_NUMBER: _ClassVar[int]
    TRACE_FIELD_NUMBER: _ClassVar[int]
    DELAYED_FIELD_NUMBER: _ClassVar[int]
    START_AT_MS_FIELD_NUMBER: _ClassVar[int]
    GRACE_MS_FIELD_NUMBER: _ClassVar[int]
    VOLUME_PER_DAY_FIELD_NUMBER: _ClassVar[int]
    CUSTOMER_BORN_SEQ_FIELD_NUMBER: _ClassVar[int]
    send_id: str
    run_id: str
    campaign_id: str
    campaign_version: str
    step: str
    template: str
    template_hash: str
    category: Category
    in_doubt: InDoubtPolicy
    customer_uid: str
    to_address: str
    customer_seq: int
    partition: int
    decided_at_ms: int
    due_at_ms: int
    expires_at_ms: int
    key: str
    reason: str
    context_json: bytes
    trace: TraceStamps
    delayed: bool
    start_at_ms: int
    grace_ms: int
    volume_per_day: int
    customer_born_seq: int
    def __init__(self, send_id: _Optional[str] = ..., run_id: _Optional[str] = ..., campaign_id: _Optional[str] = ..., campaign_version: _Optional[str] = ..., step: _Optional[str] = ..., template: _Optional[str] = ..., template_hash: _Optional[str] = ..., category: _Optional[_Union[Category, str]] = ..., in_doubt: _Optional[_Union[InDoubtPolicy, str]] = ..., customer_uid: _Optional[str] = ..., to_address: _Optional[str] = ..., customer_seq: _Optional[int] = ..., partition: _Optional[int] = ..., decided_at_ms: _Optional[int] = ..., due_at_ms: _Optional[int] = ..., expires_at_ms: _Optional[int] = ..., key: _Optional[str] = ..., reason: _Optional[str] = ..., context_json: _Optional[bytes] = ..., trace: _Optional[_Union[TraceStamps, _Mapping]] = ..., delayed: _Optional[bool] = ..., start_at_ms: _Optional[int] = ..., grace_ms: _Optional[int] = ..., volume_per_day: _Optional[int] = ..., customer_born_seq: _Optional[int] = ...) -> None: ...

class TraceStamps(_message.Message):
    __slots__ = ("traceparent", "event_id", "event_name", "ingest_received_at_us", "front_received_at_us", "appended_at_us", "shard_read_at_us", "decided_at_us", "committed_at_us")
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    EVENT_NAME_FIELD_NUMBER: _ClassVar[int]
    INGEST_RECEIVED_AT_US_FIELD_NUMBER: _ClassVar[int]
    FRONT_RECEIVED_AT_US_FIELD_NUMBER: _ClassVar[int]
    APPENDED_AT_US_FIELD_NUMBER: _ClassVar[int]
    SHARD_READ_AT_US_FIELD_NUMBER: _ClassVar[int]
    DECIDED_AT_US_FIELD_NUMBER: _ClassVar[int]
    COMMITTED_AT_US_FIELD_NUMBER: _ClassVar[int]
    traceparent: str
    event_id: str
    event_name: str
    ingest_received_at_us: int
    front_received_at_us: int
    appended_at_us: int
    shard_read_at_us: int
    decided_at_us: int
    committed_at_us: int
    def __init__(self, traceparent: _Optional[str] = ..., event_id: _Optional[str] = ..., event_name: _Optional[str] = ..., ingest_received_at_us: _Optional[int] = ..., front_received_at_us: _Optional[int] = ..., appended_at_us: _Optional[int] = ..., shard_read_at_us: _Optional[int] = ..., decided_at_us: _Optional[int] = ..., committed_at_us: _Optional[int] = ...) -> None: ...

class TemplateSource(_message.Message):
    __slots__ = ("subject", "text", "html")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    HTML_FIELD_NUMBER: _ClassVar[int]
    subject: str
    text: str
    html: str
    def __init__(self, subject: _Optional[str] = ..., text: _Optional[str] = ..., html: _Optional[str] = ...) -> None: ...

class Email(_message.Message):
    __slots__ = ("send_id", "campaign_id", "customer_uid", "state", "attempts", "doubts", "provider_message_id", "provider", "detail", "changed_at_ms", "next_at_ms", "due_at_ms", "first_byte_at_us", "reason")
    SEND_ID_FIELD_NUMBER: _ClassVar[int]
    CAMPAIGN_ID_FIELD_NUMBER: _ClassVar[int]
    CUSTOMER_UID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    DOUBTS_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    CHANGED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    NEXT_AT_MS_FIELD_NUMBER: _ClassVar[int]
    DUE_AT_MS_FIELD_NUMBER: _ClassVar[int]
    FIRST_BYTE_AT_US_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    send_id: str
    campaign_id: str
    customer_uid: str
    state: EmailState
    attempts: int
    doubts: int
    provider_message_id: str
    provider: str
    detail: str
    changed_at_ms: int
    next_at_ms: int
    due_at_ms: int
    first_byte_at_us: int
    reason: str
    def __init__(self, send_id: _Optional[str] = ..., campaign_id: _Optional[str] = ..., customer_uid: _Optional[str] = ..., state: _Optional[_Union[EmailState, str]] = ..., attempts: _Optional[int] = ..., doubts: _Optional[int] = ..., provider_message_id: _Optional[str] = ..., provider: _Optional[str] = ..., detail: _Optional[str] = ..., changed_at_ms: _Optional[int] = ..., next_at_ms: _Optional[int] = ..., due_at_ms: _Optional[int] = ..., first_byte_at_us: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...
