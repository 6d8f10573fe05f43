from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Customer(_message.Message):
    __slots__ = ("uid", "user_id", "anonymous_ids", "email", "fields", "partition", "seq", "changed_at_ms", "first_seen_at_ms", "last_seen_at_ms", "recent_events", "facts_json")
    class FieldsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: Field
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[Field, _Mapping]] = ...) -> None: ...
    UID_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    ANONYMOUS_IDS_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    PARTITION_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    CHANGED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    FIRST_SEEN_AT_MS_FIELD_NUMBER: _ClassVar[int]
    LAST_SEEN_AT_MS_FIELD_NUMBER: _ClassVar[int]
    RECENT_EVENTS_FIELD_NUMBER: _ClassVar[int]
    FACTS_JSON_FIELD_NUMBER: _ClassVar[int]
    uid: str
    user_id: str
    anonymous_ids: _containers.RepeatedScalarFieldContainer[str]
    email: str
    fields: _containers.MessageMap[str, Field]
    partition: int
    seq: int
    changed_at_ms: int
    first_seen_at_ms: int
    last_seen_at_ms: int
    recent_events: _containers.RepeatedCompositeFieldContainer[RecentEvent]
    facts_json: bytes
    def __init__(self, uid: _Optional[str] = ..., user_id: _Optional[str] = ..., anonymous_ids: _Optional[_Iterable[str]] = ..., email: _Optional[str] = ..., fields: _Optional[_Mapping[str, Field]] = ..., partition: _Optional[int] = ..., seq: _Optional[int] = ..., changed_at_ms: _Optional[int] = ..., first_seen_at_ms: _Optional[int] = ..., last_seen_at_ms: _Optional[int] = ..., recent_events: _Optional[_Iterable[_Union[RecentEvent, _Mapping]]] = ..., facts_json: _Optional[bytes] = ...) -> None: ...

class Field(_message.Message):
    __slots__ = ("value_json", "occurred_at_ms", "seq", "source")
    VALUE_JSON_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    value_json: bytes
    occurred_at_ms: int
    seq: int
    source: str
    def __init__(self, value_json: _Optional[bytes] = ..., occurred_at_ms: _Optional[int] = ..., seq: _Optional[int] = ..., source: _Optional[str] = ...) -> None: ...

class RecentEvent(_message.Message):
    __slots__ = ("event_id", "name", "occurred_at_ms", "logged_at_ms", "properties_json")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    LOGGED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    PROPERTIES_JSON_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    name: str
    occurred_at_ms: int
    logged_at_ms: int
    properties_json: bytes
    def __init__(self, event_id: _Optional[str] = ..., name: _Optional[str] = ..., occurred_at_ms: _Optional[int] = ..., logged_at_ms: _Optional[int] = ..., properties_json: _Optional[bytes] = ...) -> None: ...
