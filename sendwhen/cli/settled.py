"""Status of an installation, its totals, and waiting until everything sent to it has been worked through."""

from __future__ import annotations

import asyncio
from typing import Self

import grpc
import msgspec

from sendwhen.chassis.grpc_channel import open_channel
from sendwhen.chassis.grpc_status import error_of
from sendwhen.cli.targets import Targets
from sendwhen.cli.terminal import ask_trigger
from sendwhen.errors import TooLate
from sendwhen.v1.trigger_service_pb2 import AdvanceClockRequest, GetStatusRequest, GetStatusResponse
from sendwhen.v1.trigger_service_pb2_grpc import TriggerStub

LOOK_EVERY_S = 0.2
STUCK_AFTER_S = 60.0
"""So long nothing may move before it is called stuck."""


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """Counters of all partitions together, since creation."""

    applied: int
    duplicates: int
    dead_letters: int

    @classmethod
    def of(cls, status: GetStatusResponse) -> Self:
        """Add the partitions up."""
        return cls(
            applied=sum(partition.applied for partition in status.partitions),
            duplicates=sum(partition.duplicates for partition in status.partitions),
            dead_letters=sum(partition.dead_letters for partition in status.partitions),
        )


async def ask_status(targets: Targets) -> GetStatusResponse:
    """Where the installation stands."""
    return await ask_trigger(targets, lambda trigger: trigger.GetStatus(GetStatusRequest()))


async def advance_clock(targets: Targets, to_ms: int) -> None:
    """Move all clocks of an installation on the events' own time."""
    request = AdvanceClockRequest(to_ms=to_ms)
    await ask_trigger(targets, lambda trigger: trigger.AdvanceClock(request, timeout=60.0))


async def settled(targets: Targets) -> GetStatusResponse:
    """Wait until every entry is committed and every decision handed to sender.

    Raises:
        TooLate: Nothing moves any more, and something is left.
        Unavailable: Trigger stays away.
    """
    loop = asyncio.get_running_loop()
    seen: tuple[int, ...] = ()
    moved_s = loop.time()
    async with open_channel(targets.trigger, key=targets.admin_key) as channel:
        trigger = TriggerStub(channel)
        while True:
            try:
                status = await trigger.GetStatus(GetStatusRequest())
            except grpc.aio.AioRpcError as failure:
                if loop.time() - moved_s > STUCK_AFTER_S:
                    raise error_of(failure) from failure
                await asyncio.sleep(LOOK_EVERY_S)
                continue
            left = tuple(p.head_seq - p.position + p.lag_events + p.outbox for p in status.partitions)
            if not any(left):
                return status
            if left != seen:
                seen, moved_s = left, loop.time()
            elif loop.time() - moved_s > STUCK_AFTER_S:
                raise TooLate(
                    f"{sum(left):,} entries and emails wait, and nothing has moved for {STUCK_AFTER_S:.0f} s.",
                    remedy="See `sendwhen status`.",
                )
            await asyncio.sleep(LOOK_EVERY_S)
