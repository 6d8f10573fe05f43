from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class CampaignSource(_message.Message):
    __slots__ = ("files",)
    class FilesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: bytes
        def __init__(self, key: _Optional[str] = ..., value: _Optional[bytes] = ...) -> None: ...
    FILES_FIELD_NUMBER: _ClassVar[int]
    files: _containers.ScalarMap[str, bytes]
    def __init__(self, files: _Optional[_Mapping[str, bytes]] = ...) -> None: ...

class CampaignProblem(_message.Message):
    __slots__ = ("file", "line", "column", "problem", "remedy", "warning")
    FILE_FIELD_NUMBER: _ClassVar[int]
    LINE_FIELD_NUMBER: _ClassVar[int]
    COLUMN_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    REMEDY_FIELD_NUMBER: _ClassVar[int]
    WARNING_FIELD_NUMBER: _ClassVar[int]
    file: str
    line: int
    column: int
    problem: str
    remedy: str
    warning: bool
    def __init__(self, file: _Optional[str] = ..., line: _Optional[int] = ..., column: _Optional[int] = ..., problem: _Optional[str] = ..., remedy: _Optional[str] = ..., warning: _Optional[bool] = ...) -> None: ...

class CampaignSummary(_message.Message):
    __slots__ = ("campaign_id", "version", "trigger", "paused", "partitions_reached", "partitions", "put_at_ms")
    CAMPAIGN_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    TRIGGER_FIELD_NUMBER: _ClassVar[int]
    PAUSED_FIELD_NUMBER: _ClassVar[int]
    PARTITIONS_REACHED_FIELD_NUMBER: _ClassVar[int]
    PARTITIONS_FIELD_NUMBER: _ClassVar[int]
    PUT_AT_MS_FIELD_NUMBER: _ClassVar[int]
    campaign_id: str
    version: str
    trigger: str
    paused: bool
    partitions_reached: int
    partitions: int
    put_at_ms: int
    def __init__(self, campaign_id: _Optional[str] = ..., version: _Optional[str] = ..., trigger: _Optional[str] = ..., paused: _Optional[bool] = ..., partitions_reached: _Optional[int] = ..., partitions: _Optional[int] = ..., put_at_ms: _Optional[int] = ...) -> None: ...
