"""What an acknowledgement means here, checked against how the store is really configured."""

from __future__ import annotations

from typing import Any

import msgspec
import redis
from redis.asyncio import Redis

from sendwhen.errors import Precondition
from services.trigger.store_errors import store_errors

LEVELS = ("fsync", "fast")
_WANTED = {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction"}


class StoreDurability(msgspec.Struct, frozen=True, kw_only=True):
    """The level asked for, and the store's configuration; for status and logs.

    Attributes:
        level: "fsync": acknowledged is on disk. "fast": in the store's memory, on disk when it is configured.
    """

    level: str
    appendonly: str
    appendfsync: str
    maxmemory_policy: str


async def check_durability(client: Redis, level: str) -> StoreDurability:
    """Compare the store's configuration with the level.

    Raises:
        Precondition: It does not keep what the level promises; names each setting and the commands that mend it.
        StoreLost: The store is away.
    """
    if level == "replicated":
        raise Precondition(
            "The durability level 'replicated' is not built yet.", remedy="Use 'fsync': on disk before acknowledged."
        )
    if level not in LEVELS:
        raise Precondition(f"There is no durability level {level!r}.", remedy="Use 'fsync' or 'fast'.")
    found = await _configuration(client)
    # An evicted key is a hole in the log at any level; how writes reach the disk is what "fast" leaves open.
    wanted = _WANTED if level == "fsync" else {"maxmemory-policy": "noeviction"}
    wrong = [name for name, value in wanted.items() if found[name] != value]
    if wrong:
        raise Precondition(
            f"The store does not keep what durability '{level}' promises: "
            + ", ".join(f"{name} is {found[name]!r}" for name in wrong)
            + ".",
            remedy="Set "
            + "; ".join(f"CONFIG SET {name} {wanted[name]}" for name in wrong)
            + " (and in its valkey.conf).",
        )
    return StoreDurability(
        level=level,
        appendonly=found["appendonly"],
        appendfsync=found["appendfsync"],
        maxmemory_policy=found["maxmemory-policy"],
    )


async def _configuration(client: Redis) -> dict[str, str]:
    try:
        with store_errors():
            reply: Any = await client.config_get(*_WANTED)
    except redis.ResponseError as error:
        raise Precondition(
            f"The store does not tell its configuration: {error}", remedy="Allow CONFIG GET to sendwhen's user."
        ) from error
    return {_text(name): _text(value) for name, value in reply.items()}


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
