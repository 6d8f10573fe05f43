from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Decision(_message.Message):
    __slots__ = ("kind", "campaign_id", "version", "run_id", "key", "decided_at_ms", "due_at_ms", "reason", "detail", "send_id", "event_id", "seq", "template")
    class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        KIND_UNSPECIFIED: _ClassVar[Decision.Kind]
        KIND_ENTERED: _ClassVar[Decision.Kind]
        KIND_WAITING: _ClassVar[Decision.Kind]
        KIND_CANCELLED: _ClassVar[Decision.Kind]
        KIND_SEND: _ClassVar[Decision.Kind]
        KIND_SKIPPED: _ClassVar[Decision.Kind]
        KIND_REFUSED: _ClassVar[Decision.Kind]
        KIND_RESET: _ClassVar[Decision.Kind]
        KIND_FINISHED: _ClassVar[Decision.Kind]
        KIND_EXITED: _ClassVar[Decision.Kind]
        KIND_TOOK: _ClassVar[Decision.Kind]
        KIND_GOAL: _ClassVar[Decision.Kind]
    KIND_UNSPECIFIED: Decision.Kind
    KIND_ENTERED: Decision.Kind
    KIND_WAITING: Decision.Kind
    KIND_CANCELLED: Decision.Kind
    KIND_SEND: Decision.Kind
    KIND_SKIPPED: Decision.Kind
    KIND_REFUSED: Decision.Kind
    KIND_RESET: Decision.Kind
    KIND_FINISHED: Decision.Kind
    KIND_EXITED: Decision.Kind
    KIND_TOOK: Decision.Kind
    KIND_GOAL: Decision.Kind
    KIND_FIELD_NUMBER: _ClassVar[int]
    CAMPAIGN_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    DECIDED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    DUE_AT_MS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    SEND_ID_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    TEMPLATE_FIELD_NUMBER: _ClassVar[int]
    kind: Decision.Kind
    campaign_id: str
    version: str
    run_id: str
    key: str
    decided_at_ms: int
    due_at_ms: int
    reason: str
    detail: str
    send_id: str
    event_id: str
    seq: int
    template: str
    def __init__(self, kind: _Optional[_Union[Decision.Kind, str]] = ..., campaign_id: _Optional[str] = ..., version: _Optional[str] = ..., run_id: _Optional[str] = ..., key: _Optional[str] = ..., decided_at_ms: _Optional[int] = ..., due_at_ms: _Optional[int] = ..., reason: _Optional[str] = ..., detail: _Optional[str] = ..., send_id: _Optional[str] = ..., event_id: _Optional[str] = ..., seq: _Optional[int] = ..., template: _Optional[str] = ...) -> None: ...
