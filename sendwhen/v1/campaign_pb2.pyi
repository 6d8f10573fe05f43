from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Migration(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MIGRATION_UNSPECIFIED: _ClassVar[Migration]
    MIGRATION_FINISH: _ClassVar[Migration]
    MIGRATION_MOVE: _ClassVar[Migration]
    MIGRATION_CANCEL: _ClassVar[Migration]
MIGRATION_UNSPECIFIED: Migration
MIGRATION_FINISH: Migration
MIGRATION_MOVE: Migration
MIGRATION_CANCEL: Migration

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
    __slots__ = ("campaign_id", "version", "trigger", "paused", "partitions_reached", "partitions", "put_at_ms", "archived")
    CAMPAIGN_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    TRIGGER_FIELD_NUMBER: _ClassVar[int]
    PAUSED_FIELD_NUMBER: _ClassVar[int]
    PARTITIONS_REACHED_FIELD_NUMBER: _ClassVar[int]
    PARTITIONS_FIELD_NUMBER: _ClassVar[int]
    PUT_AT_MS_FIELD_NUMBER: _ClassVar[int]
    ARCHIVED_FIELD_NUMBER: _ClassVar[int]
    campaign_id: str
    version: str
    trigger: str
    paused: bool
    partitions_reached: int
    partitions: int
    put_at_ms: int
    archived: bool
    def __init__(self, campaign_id: _Optional[str] = ..., version: _Optional[str] = ..., trigger: _Optional[str] = ..., paused: _Optional[bool] = ..., partitions_reached: _Optional[int] = ..., partitions: _Optional[int] = ..., put_at_ms: _Optional[int] = ..., archived: _Optional[bool] = ...) -> None: ...

class CampaignEdit(_message.Message):
    __slots__ = ("at_ms", "what", "version", "migrate")
    AT_MS_FIELD_NUMBER: _ClassVar[int]
    WHAT_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    MIGRATE_FIELD_NUMBER: _ClassVar[int]
    at_ms: int
    what: str
    version: str
    migrate: Migration
    def __init__(self, at_ms: _Optional[int] = ..., what: _Optional[str] = ..., version: _Optional[str] = ..., migrate: _Optional[_Union[Migration, str]] = ...) -> None: ...

class WaitingPlace(_message.Message):
    __slots__ = ("version", "place", "runs", "place_in_new_version", "decided")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    PLACE_FIELD_NUMBER: _ClassVar[int]
    RUNS_FIELD_NUMBER: _ClassVar[int]
    PLACE_IN_NEW_VERSION_FIELD_NUMBER: _ClassVar[int]
    DECIDED_FIELD_NUMBER: _ClassVar[int]
    version: str
    place: str
    runs: int
    place_in_new_version: str
    decided: str
    def __init__(self, version: _Optional[str] = ..., place: _Optional[str] = ..., runs: _Optional[int] = ..., place_in_new_version: _Optional[str] = ..., decided: _Optional[str] = ...) -> None: ...
