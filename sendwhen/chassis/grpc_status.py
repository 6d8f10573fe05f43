"""The one table between our errors and gRPC codes, used both ways, with google.rpc error details."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from sendwhen.errors import (
    Fenced,
    Forbidden,
    Invalid,
    NotFound,
    Overloaded,
    Precondition,
    SendwhenError,
    TooLate,
    Unauthenticated,
    Unavailable,
    Violation,
)

CODE_OF: Final[Mapping[type[SendwhenError], int]] = {
    Invalid: code_pb2.INVALID_ARGUMENT,
    NotFound: code_pb2.NOT_FOUND,
    Unauthenticated: code_pb2.UNAUTHENTICATED,
    Forbidden: code_pb2.PERMISSION_DENIED,
    Precondition: code_pb2.FAILED_PRECONDITION,
    Overloaded: code_pb2.RESOURCE_EXHAUSTED,
    Unavailable: code_pb2.UNAVAILABLE,
    TooLate: code_pb2.DEADLINE_EXCEEDED,
    Fenced: code_pb2.ABORTED,
}
_ERROR_OF: Final[Mapping[int, type[SendwhenError]]] = {code: kind for kind, code in CODE_OF.items()}


def code_of(error: SendwhenError) -> int:
    """The google.rpc.Code of an error; the nearest listed ancestor decides."""
    for kind in type(error).__mro__:
        if kind in CODE_OF:
            return CODE_OF[kind]
    return int(code_pb2.INTERNAL)


def status_of(error: SendwhenError) -> status_pb2.Status:
    """An error as a google.rpc.Status with BadRequest, RetryInfo or ErrorInfo details."""
    status = status_pb2.Status(code=code_of(error), message=str(error))
    details: list[object] = []
    if isinstance(error, Invalid) and error.violations:
        bad = error_details_pb2.BadRequest()
        for violation in error.violations:
            bad.field_violations.add(field=violation.field, description=violation.description)
        details.append(bad)
    if isinstance(error, Overloaded):
        delay = duration_pb2.Duration()
        delay.FromMilliseconds(error.retry_after_ms)
        details.append(error_details_pb2.RetryInfo(retry_delay=delay))
    details.append(error_details_pb2.ErrorInfo(reason=type(error).__name__.upper(), domain="sendwhen"))
    for detail in details:
        packed = any_pb2.Any()
        packed.Pack(detail)  # type: ignore[arg-type]
        status.details.append(packed)
    return status


def error_of(call_error: grpc.RpcError) -> SendwhenError:
    """What a failed call to another service means here. A code we never send becomes Unavailable."""
    code = call_error.code()
    status = rpc_status.from_call(call_error) if hasattr(call_error, "trailing_metadata") else None
    return error_from(
        code.value[0],
        call_error.details() or code.name,
        violations=_violations(status),
        retry_after_ms=_retry_after_ms(status),
    )


def error_from(
    code: int, message: str, *, violations: Sequence[Violation] = (), retry_after_ms: int = 1_000
) -> SendwhenError:
    """The error of a google.rpc.Code, its message (which holds the remedy) and its details."""
    kind = _ERROR_OF.get(code, Unavailable)
    if kind is Invalid:
        return Invalid(message, violations=violations)
    if kind is Overloaded:
        return Overloaded(message, remedy=" ", retry_after_ms=retry_after_ms or 1_000)
    return kind(message)


def _violations(status: status_pb2.Status | None) -> list[Violation]:
    found: list[Violation] = []
    for detail in status.details if status else ():
        bad = error_details_pb2.BadRequest()
        if detail.Unpack(bad):
            found += [Violation(field=v.field, description=v.description) for v in bad.field_violations]
    return found


def _retry_after_ms(status: status_pb2.Status | None) -> int:
    for detail in status.details if status else ():
        info = error_details_pb2.RetryInfo()
        if detail.Unpack(info):
            return int(info.retry_delay.ToMilliseconds())
    return 1_000
