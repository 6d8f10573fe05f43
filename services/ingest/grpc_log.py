"""The log behind trigger's front, over gRPC."""

from __future__ import annotations

from collections.abc import Sequence

import grpc

from sendwhen.chassis.grpc_status import error_from, error_of
from sendwhen.errors import Overloaded, TooLate, Unavailable, Violation
from sendwhen.v1 import ingest_service_pb2, trigger_service_pb2, trigger_service_pb2_grpc
from services.ingest.ports import LogEvent, LogPosition, Outcome, Refused


class GrpcLog:
    """Trigger's Append and WaitApplied; the channel carries the service token."""

    def __init__(self, channel: grpc.aio.Channel, *, event_clock: bool, deadline_s: float = 10.0) -> None:
        self._stub = trigger_service_pb2_grpc.TriggerStub(channel)
        self._event_clock = event_clock
        self._deadline_s = deadline_s

    async def partitions(self) -> int:
        """How many partitions the installation has."""
        answer = await self._append(trigger_service_pb2.AppendRequest())
        if answer.partitions < 1:
            raise Unavailable(
                "Trigger does not say how many partitions there are.", remedy="Run the same version of all services."
            )
        return answer.partitions

    async def append(self, events: Sequence[LogEvent]) -> Sequence[Outcome]:
        """Append; one outcome for each event."""
        request = trigger_service_pb2.AppendRequest(
            events=[event.payload for event in events],
            routing_hashes=[event.routing_hash for event in events],
            occurred_at_ms=[event.occurred_at_ms for event in events] if self._event_clock else (),
        )
        answer = await self._append(request)
        if len(answer.results) != len(events):
            raise Unavailable(
                f"Trigger answered {len(answer.results)} of {len(events)} events.", remedy="Retry with the same ids."
            )
        return _outcomes_of(answer.results)

    async def wait_applied(self, positions: Sequence[LogPosition], *, deadline_s: float) -> None:
        """Wait until the shards have committed them."""
        request = trigger_service_pb2.WaitAppliedRequest(
            positions=[ingest_service_pb2.LogPosition(partition=p.partition, seq=p.seq) for p in positions]
        )
        try:
            await self._stub.WaitApplied(request, timeout=deadline_s)
        except grpc.aio.AioRpcError as error:
            raise error_of(error) from error

    async def _append(self, request: trigger_service_pb2.AppendRequest) -> trigger_service_pb2.AppendResponse:
        try:
            return await self._stub.Append(request, timeout=self._deadline_s)
        except grpc.aio.AioRpcError as error:
            # An installation's keys are its own affair: to the client of ingest it is merely not there.
            found = error_of(error)
            if isinstance(found, Overloaded | Unavailable | TooLate):
                raise found from error
            raise Unavailable(f"Trigger refused the append: {found}", remedy="Look at ingest's settings.") from error


def _outcomes_of(results: Sequence[ingest_service_pb2.EventResult]) -> list[Outcome]:
    # Events of one partition share an entry, so a call has few positions, whatever the number of its events.
    found: list[Outcome] = []
    known: dict[tuple[int, int], LogPosition] = {}
    for result in results:
        position = result.position
        key = (position.partition, position.seq)
        if key[1]:
            outcome = known.get(key)
            if outcome is None:
                outcome = known[key] = LogPosition(partition=key[0], seq=key[1])
            found.append(outcome)
        else:
            found.append(_outcome_of(result))
    return found


def _outcome_of(result: ingest_service_pb2.EventResult) -> Outcome:
    if result.HasField("position"):
        return LogPosition(partition=result.position.partition, seq=result.position.seq)
    error = result.error
    return Refused(
        error=error_from(
            error.code,
            error.message,
            violations=[Violation(field=v.field, description=v.description) for v in error.violations],
            retry_after_ms=error.retry_after_ms,
        )
    )
