"""The rpcs of sendwhen.v1.Profile.

Answers are bytes put together from cached ones, so the generated registration, which serialises messages, is not used;
the methods and their requests are the same.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import grpc

from sendwhen.chassis.grpc_status import code_of
from sendwhen.errors import Invalid, Overloaded, SendwhenError, Violation
from sendwhen.v1.profile_service_pb2 import BatchGetRequest, BatchGetResult, GetError, GetRequest
from services.profile.lookup import Lookup, varint

SERVICE: Final = "sendwhen.v1.Profile"
BATCH_MAX: Final = 500

ANSWER_BYTES_MAX: Final = 3 * 1024 * 1024
"""Clients take 4 MB. What no longer fits of a batch is answered with RESOURCE_EXHAUSTED, one by one."""

_Context = grpc.aio.ServicerContext


class ProfileServicer:
    """Serves Get and BatchGet."""

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup

    def register(self, server: grpc.aio.Server) -> None:
        """Put the methods on a server."""
        methods: Any = {
            "Get": grpc.unary_unary_rpc_method_handler(self.get, request_deserializer=GetRequest.FromString),
            "BatchGet": grpc.unary_unary_rpc_method_handler(
                self.batch_get, request_deserializer=BatchGetRequest.FromString
            ),
        }
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, methods),))

    async def get(self, request: GetRequest, context: _Context[Any, Any]) -> bytes:
        """One customer: a serialised GetResponse."""
        return await self._lookup.get(request, remaining_s=context.time_remaining())

    async def batch_get(self, request: BatchGetRequest, context: _Context[Any, Any]) -> bytes:
        """Up to 500 customers, each answered by itself: a serialised BatchGetResponse.

        Raises:
            Invalid: More than 500.
        """
        if len(request.requests) > BATCH_MAX:
            raise Invalid.of(
                [Violation(field="requests", description=f"Send at most {BATCH_MAX}, not {len(request.requests)}.")]
            )
        remaining_s = context.time_remaining()
        results = await asyncio.gather(*[self._one(wanted, remaining_s) for wanted in request.requests])
        answer = bytearray()
        for result in results:
            fits = len(answer) + len(result) <= ANSWER_BYTES_MAX
            kept = result if fits else _TOO_MUCH
            answer += b"\x0a" + varint(len(kept)) + kept
        return bytes(answer)

    async def _one(self, wanted: GetRequest, remaining_s: float | None) -> bytes:
        try:
            found = await self._lookup.get(wanted, remaining_s=remaining_s)
        except SendwhenError as error:
            return _error(error)
        return b"\x0a" + varint(len(found)) + found


def _error(error: SendwhenError) -> bytes:
    return BatchGetResult(error=GetError(code=code_of(error), message=str(error))).SerializeToString()


_TOO_MUCH: Final = _error(
    Overloaded(f"The batch's answer would exceed {ANSWER_BYTES_MAX} bytes.", remedy="Ask for fewer customers at once.")
)
