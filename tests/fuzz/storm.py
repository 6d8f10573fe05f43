"""Throws bad input at every rpc of a service and says what came back."""

from __future__ import annotations

import asyncio
import gc
import random
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

import grpc
import psutil
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message

from tests.fuzz.messages import random_bytes, random_message, spoilt_message
from tests.fuzz.plain_client import BODY_BYTES_MAX, PlainConnection, headers

OURS_TO_MEND: Final = frozenset({grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN})
IN_FLIGHT: Final = 64
DEADLINE_MS: Final = 500
"""Of a call."""
WAITING_DEADLINE_MS: Final = 200
"""Of a call to a method that waits for what, asked at random, mostly never comes."""
_WAITING: Final = frozenset({"WaitApplied", "Get", "BatchGet"})
ANSWERED_WITHIN_S: Final = 240.0
"""All calls of a method; one that is never answered shows itself here."""


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
    for method in service.methods:
        key = key_of.get(method.name, key_of.get("", ""))
        chance = random.Random(f"{seed} {method.full_name}")
        inputs = [random_bytes(method.input_type, chance) for _ in range(calls)]
        model = valid.get(method.name)
        inputs += [_message(method, model, chance).SerializeToString() for _ in range(calls)]
        codes[method.name] = await _throw(target, method, inputs, key)
    return codes


def _message(method: MethodDescriptor, model: Message | None, chance: random.Random) -> Message:
    if model is not None and chance.random() < 0.5:
        return spoilt_message(model, chance)
    return random_message(method.input_type, chance)


async def _throw(target: str, method: MethodDescriptor, inputs: Sequence[bytes], key: str) -> Counter[grpc.StatusCode]:
    counts: Counter[grpc.StatusCode] = Counter()
    path = f"/{method.containing_service.full_name}/{method.name}"
    timeout_ms = WAITING_DEADLINE_MS if method.name in _WAITING else DEADLINE_MS
    block = headers(path, authority=target, key=key, timeout_ms=timeout_ms)
    waiting = iter(inputs)
    connection = await PlainConnection.to(target)

    async def worker() -> None:
        for request in waiting:
            counts[await connection.call(block, request[:BODY_BYTES_MAX])] += 1

    # Garbage is looked for often here, and all the modules of a test run are none.
    gc.freeze()
    try:
        async with asyncio.timeout(ANSWERED_WITHIN_S):
            await asyncio.gather(*(worker() for _ in range(IN_FLIGHT)))
    finally:
        gc.unfreeze()
        connection.close()
    return counts


def rss_bytes() -> int:
    """Memory of this process."""
    return int(psutil.Process().memory_info().rss)
