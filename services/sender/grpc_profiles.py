"""Asks profile who a customer is; whatever is asked within one loop of the event loop's travels in one call."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import grpc
import msgspec
import structlog

from sendwhen.v1 import customer_pb2, profile_service_pb2, profile_service_pb2_grpc

log = structlog.get_logger()

_BATCH_MAX = 500

_Waiting = tuple[profile_service_pb2.GetRequest, "asyncio.Future[Mapping[str, object] | None]"]


class GrpcProfiles:
    """Profiles over gRPC."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = profile_service_pb2_grpc.ProfileStub(channel)
        self._waiting: list[_Waiting] = []
        self._calls: set[asyncio.Task[None]] = set()

    async def attributes(self, uid: str, *, at_least_seq: int, deadline_ms: int) -> Mapping[str, object] | None:
        """See Profiles. A batch's deadline is that of its first request."""
        loop = asyncio.get_running_loop()
        request = profile_service_pb2.GetRequest(
            id=profile_service_pb2.CustomerId(uid=uid),
            freshness=profile_service_pb2.Freshness(at_least_seq=at_least_seq),
        )
        answer: asyncio.Future[Mapping[str, object] | None] = loop.create_future()
        self._waiting.append((request, answer))
        if len(self._waiting) == 1:
            loop.call_soon(self._depart, deadline_ms)
        return await answer

    def _depart(self, deadline_ms: int) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:_BATCH_MAX], self._waiting[_BATCH_MAX:]
            call = asyncio.get_running_loop().create_task(self._ask(batch, deadline_ms))
            self._calls.add(call)
            call.add_done_callback(self._calls.discard)

    async def _ask(self, batch: list[_Waiting], deadline_ms: int) -> None:
        request = profile_service_pb2.BatchGetRequest(requests=[one for one, _ in batch])
        found: list[Mapping[str, object] | None] = [None] * len(batch)
        try:
            answer = await self._stub.BatchGet(request, timeout=deadline_ms / 1_000)
            roots = [root_of(result.found.customer) if result.HasField("found") else None for result in answer.results]
            found[: len(roots)] = roots[: len(batch)]
        except grpc.RpcError as error:
            log.warning("profile.not_answered", code=error.code().name, customers=len(batch))
        except Exception:
            # Who waits has no limit of their own, and would hold their place among the emails under way for ever.
            log.exception("profile.not_understood", customers=len(batch))
        for (_, future), customer in zip(batch, found, strict=True):
            if not future.done():
                future.set_result(customer)


def root_of(customer: customer_pb2.Customer) -> dict[str, object]:
    """A customer as the root "customer" of templates: the attributes, with email, user_id and anonymous_id."""
    root: dict[str, object] = {name: msgspec.json.decode(field.value_json) for name, field in customer.fields.items()}
    root |= msgspec.json.decode(customer.facts_json or b"{}", type=dict[str, object])
    root["email"] = customer.email or None
    root["user_id"] = customer.user_id or None
    root["anonymous_id"] = customer.anonymous_ids[-1] if customer.anonymous_ids else None
    return root
