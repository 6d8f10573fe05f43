"""What an installation was created with, kept in the store: a start with other settings is refused, never obeyed."""

from __future__ import annotations

from typing import Any

from redis.asyncio import Redis

from sendwhen.errors import Precondition
from services.trigger import store_keys
from services.trigger.store_errors import store_errors
from services.trigger.store_library import store_library
from services.trigger.valkey_library import load_library

FORMAT = 1
"""Of everything in the store. A release that changes it says how to move an installation."""


async def check_installation(client: Redis, *, partitions: int, clock: str, now_ms: int) -> None:
    """Create the installation, or make sure that it is the one meant. Idempotent; atomic among several fronts.

    Raises:
        Precondition: It was created with another number of partitions, another clock, or by another format.
        StoreLost: The store is away.
    """
    functions = store_library()
    asked = (FORMAT, partitions, clock, now_ms)
    with store_errors():
        await load_library(client)
        reply: Any = await client.fcall(functions.installation, 1, store_keys.INSTALLATION, *(str(a) for a in asked))
    found_format, found_partitions, found_clock = (value.decode() for value in reply)
    if found_format != str(FORMAT):
        raise Precondition(
            f"The store holds an installation of format {found_format}; this release knows format {FORMAT}.",
            remedy="Run the release that made it, or use another store.",
        )
    if found_partitions != str(partitions):
        raise Precondition(
            f"The installation was created with {found_partitions} partitions, and {partitions} are set.",
            remedy=f"Set SENDWHEN_TRIGGER_PARTITIONS={found_partitions}: the number is fixed for its life.",
        )
    if found_clock != clock:
        raise Precondition(
            f"The installation was created with the clock {found_clock!r}, and {clock!r} is set.",
            remedy=f"Set SENDWHEN_TRIGGER_CLOCK={found_clock}, or use another store (another data folder).",
        )
