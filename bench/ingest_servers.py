"""Servers for ``bench.ingest``, each in its own process: `python -m bench.ingest_servers null-trigger|empty|ingest …`.

Prints its port, then serves until its standard input ends.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import grpc
import uvloop

from sendwhen.chassis.clock import SystemClock
from sendwhen.chassis.grpc_channel import open_channel
from sendwhen.chassis.grpc_server import Access, GrpcServer
from sendwhen.chassis.metrics import Metrics
from sendwhen.v1 import ingest_service_pb2, ingest_service_pb2_grpc, trigger_service_pb2, trigger_service_pb2_grpc
from services.ingest.grpc_log import GrpcLog
from services.ingest.intake import Intake
from services.ingest.metering import Metering
from services.ingest.servicer import IngestServicer

KEY = "bench"
EMPTY = "/bench.Empty/Call"


class NullTrigger(trigger_service_pb2_grpc.TriggerServicer):
    """Takes everything at once and keeps nothing."""

    async def Append(  # noqa: N802  the proto's name
        self, request: trigger_service_pb2.AppendRequest, _context: object
    ) -> trigger_service_pb2.AppendResponse:
        result = ingest_service_pb2.EventResult(position=ingest_service_pb2.LogPosition(partition=1, seq=1))
        return trigger_service_pb2.AppendResponse(results=[result] * len(request.events), partitions=16)


def _add_empty(server: grpc.aio.Server) -> None:
    async def empty(_request: bytes, _context: object) -> bytes:
        return b""

    handler = grpc.unary_unary_rpc_method_handler(empty)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("bench.Empty", {"Call": handler}),))


async def _serve(kind: str, trigger: str) -> None:
    registers: list[Any]
    if kind == "null-trigger":
        registers = [lambda s: trigger_service_pb2_grpc.add_TriggerServicer_to_server(NullTrigger(), s)]
    elif kind == "empty":
        registers = [_add_empty]
    else:
        log = GrpcLog(open_channel(trigger, key=KEY), event_clock=False)
        clock = SystemClock()
        servicer = IngestServicer(Intake(log, clock, event_clock=False), Metering(Metrics(), clock))
        registers = [lambda s: ingest_service_pb2_grpc.add_IngestServicer_to_server(servicer, s), _add_empty]
    server = GrpcServer(access=Access(default=[KEY]), registers=registers, services=[], listen="127.0.0.1:0")
    await server.start()
    print(server.port, flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await server.drain(grace_s=0)


if __name__ == "__main__":
    uvloop.run(_serve(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else ""))
