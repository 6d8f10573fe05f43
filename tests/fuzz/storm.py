"""Throws bad input at every rpc of a service and says what came back."""

from __future__ import annotations

import asyncio
import random
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import grpc
import psutil
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message

from sendwhen.chassis.grpc_channel import bearer
from tests.fuzz.messages import random_bytes, random_message, spoilt_message

OURS_TO_MEND: Final = frozenset({grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN})
IN_FLIGHT: Final = 32
DEADLINE_S: Final = 0.5


async def storm(
    target: str,
    service: ServiceDescriptor,
    *,
    key_of: Mapping[str, str],
    calls: int,
    seed: int,
    valid: Mapping[str, Message] = MappingProxyType({}),
) -> dict[str, Counter[grpc.StatusCode]]:
    """Call each rpc of ``service`` ``calls`` times with random bytes and ``calls`` times with random messages.

    Args:
        target: "host:port".
        service: Which service.
        key_of: Key for each method's name; "" for all others.
        calls: Of each sort, for each rpc.
        seed: Of chance.
        valid: A valid message by method's name; where there is one, half of the random messages are made from it.

    Returns:
        By method's name, how often which status came back.
    """
    sys.stdout.write(f"storm on {service.full_name}: seed {seed}\n")
    codes: dict[str, Counter[grpc.StatusCode]] = {}
    options = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
    async with grpc.aio.insecure_channel(target, options=options) as channel:
        for method in service.methods:
            metadata = bearer(key_of.get(method.name, key_of.get("", "")))
            chance = random.Random(f"{seed} {method.full_name}")
            inputs = [random_bytes(method.input_type, chance) for _ in range(calls)]
            model = valid.get(method.name)
            inputs += [_message(method, model, chance).SerializeToString() for _ in range(calls)]
            codes[method.name] = await _throw(channel, method, inputs, metadata)
    return codes


def _message(method: MethodDescriptor, model: Message | None, chance: random.Random) -> Message:
    if model is not None and chance.random() < 0.5:
        return spoilt_message(model, chance)
    return random_message(method.input_type, chance)


async def _throw(
    channel: grpc.aio.Channel, method: MethodDescriptor, inputs: Sequence[bytes], metadata: Any
) -> Counter[grpc.StatusCode]:
    counts: Counter[grpc.StatusCode] = Counter()
    path = f"/{method.containing_service.full_name}/{method.name}"
    waiting = iter(inputs)
    unary = channel.unary_unary(path)
    streaming = channel.stream_stream(path)

    async def one(request: bytes) -> grpc.StatusCode:
        try:
            if not method.client_streaming:
                await unary(request, metadata=metadata, timeout=DEADLINE_S)
            else:
                call = streaming(iter([request]), metadata=metadata, timeout=DEADLINE_S)
                while await call.read() is not grpc.aio.EOF:
                    pass
        except grpc.aio.AioRpcError as error:
            return error.code()
        return grpc.StatusCode.OK

    async def worker() -> None:
        for request in waiting:
            counts[await one(request)] += 1

    await asyncio.gather(*(worker() for _ in range(IN_FLIGHT)))
    return counts


def rss_bytes() -> int:
    """Memory of this process."""
    return int(psutil.Process().memory_info().rss)
