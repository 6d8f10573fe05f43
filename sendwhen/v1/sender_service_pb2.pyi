from sendwhen.v1 import email_pb2 as _email_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SubmitRequest(_message.Message):
    __slots__ = ("partition", "lineage", "rows")
    PARTITION_FIELD_NUMBER: _ClassVar[int]
    LINEAGE_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    partition: int
    lineage: str
    rows: _containers.RepeatedCompositeFieldContainer[OutboxRow]
    def __init__(self, partition: _Optional[int] = ..., lineage: _Optional[str] = ..., rows: _Optional[_Iterable[_Union[OutboxRow, _Mapping]]] = ...) -> None: ...

class OutboxRow(_message.Message):
    __slots__ = ("ordinal", "intent", "lineage", "forget")
    ORDINAL_FIELD_NUMBER: _ClassVar[int]
    INTENT_FIELD_NUMBER: _ClassVar[int]
    LINEAGE_FIELD_NUMBER: _ClassVar[int]
    FORGET_FIELD_NUMBER: _ClassVar[int]
    ordinal: int
    intent: _email_pb2.SendIntent
    lineage: str
    forget: ForgetCustomer
    def __init__(self, ordinal: _Optional[int] = ..., intent: _Optional[_Union[_email_pb2.SendIntent, _Mapping]] = ..., lineage: _Optional[str] = ..., forget: _Optional[_Union[ForgetCustomer, _Mapping]] = ...) -> None: ...

class ForgetCustomer(_message.Message):
    __slots__ = ("customer_uid", "customer_born_seq")
    CUSTOMER_UID_FIELD_NUMBER: _ClassVar[int]
    CUSTOMER_BORN_SEQ_FIELD_NUMBER: _ClassVar[int]
    customer_uid: str
    customer_born_seq: int
    def __init__(self, customer_uid: _Optional[str] = ..., customer_born_seq: _Optional[int] = ...) -> None: ...

class SubmitResponse(_message.Message):
    __slots__ = ("accepted", "repeated_rows")
    ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    REPEATED_ROWS_FIELD_NUMBER: _ClassVar[int]
    accepted: int
    repeated_rows: int
    def __init__(self, accepted: _Optional[int] = ..., repeated_rows: _Optional[int] = ...) -> None: ...

class PutTemplatesRequest(_message.Message):
    __slots__ = ("templates",)
    class TemplatesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _email_pb2.TemplateSource
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_email_pb2.TemplateSource, _Mapping]] = ...) -> None: ...
    TEMPLATES_FIELD_NUMBER: _ClassVar[int]
    templates: _containers.MessageMap[str, _email_pb2.TemplateSource]
    def __init__(self, templates: _Optional[_Mapping[str, _email_pb2.TemplateSource]] = ...) -> None: ...

class PutTemplatesResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetEmailsRequest(_message.Message):
    __slots__ = ("send_ids", "slots")
    SEND_IDS_FIELD_NUMBER: _ClassVar[int]
    SLOTS_FIELD_NUMBER: _ClassVar[int]
    send_ids: _containers.RepeatedScalarFieldContainer[str]
    slots: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, send_ids: _Optional[_Iterable[str]] = ..., slots: _Optional[_Iterable[int]] = ...) -> None: ...

class GetEmailsResponse(_message.Message):
    __slots__ = ("emails",)
    EMAILS_FIELD_NUMBER: _ClassVar[int]
    emails: _containers.RepeatedCompositeFieldContainer[_email_pb2.Email]
    def __init__(self, emails: _Optional[_Iterable[_Union[_email_pb2.Email, _Mapping]]] = ...) -> None: ...

class CountEmailsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class CountEmailsResponse(_message.Message):
    __slots__ = ("counts", "possible_duplicates")
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    POSSIBLE_DUPLICATES_FIELD_NUMBER: _ClassVar[int]
    counts: _containers.RepeatedCompositeFieldContainer[EmailCount]
    possible_duplicates: int
    def __init__(self, counts: _Optional[_Iterable[_Union[EmailCount, _Mapping]]] = ..., possible_duplicates: _Optional[int] = ...) -> None: ...

class EmailCount(_message.Message):
    __slots__ = ("campaign_id", "state", "emails")
    CAMPAIGN_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    EMAILS_FIELD_NUMBER: _ClassVar[int]
    campaign_id: str
    state: _email_pb2.EmailState
    emails: int
    def __init__(self, campaign_id: _Optional[str] = ..., state: _Optional[_Union[_email_pb2.EmailState, str]] = ..., emails: _Optional[int] = ...) -> None: ...

class SuppressRequest(_message.Message):
    __slots__ = ("address", "reason")
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    address: str
    reason: str
    def __init__(self, address: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class SuppressResponse(_message.Message):
    __slots__ = ("changed",)
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    changed: bool
    def __init__(self, changed: _Optional[bool] = ...) -> None: ...

class UnsuppressRequest(_message.Message):
    __slots__ = ("address",)
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    address: str
    def __init__(self, address: _Optional[str] = ...) -> None: ...

class UnsuppressResponse(_message.Message):
    __slots__ = ("changed",)
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    changed: bool
    def __init__(self, changed: _Optional[bool] = ...) -> None: ...

class ReleaseHeldRequest(_message.Message):
    __slots__ = ("campaign_id", "discard")
    CAMPAIGN_ID_FIELD_NUMBER: _ClassVar[int]
    DISCARD_FIELD_NUMBER: _ClassVar[int]
    campaign_id: str
    discard: bool
    def __init__(self, campaign_id: _Optional[str] = ..., discard: _Optional[bool] = ...) -> None: ...

class ReleaseHeldResponse(_message.Message):
    __slots__ = ("emails", "more")
    EMAILS_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    emails: int
    more: bool
    def __init__(self, emails: _Optional[int] = ..., more: _Optional[bool] = ...) -> None: ...
