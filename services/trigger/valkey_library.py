"""Puts the store's functions into the store."""

from __future__ import annotations

import redis
from redis.asyncio import Redis

from services.trigger.store_library import store_library


async def load_library(client: Redis) -> None:
    """Have the functions there; idempotent. Raises what the client raises."""
    try:
        await client.function_load(store_library().source)
    except redis.ResponseError as error:
        if not is_already_loaded(error):
            raise


def is_already_loaded(error: redis.ResponseError) -> bool:
    """Whether FUNCTION LOAD failed because the very same library is there: its name is a hash of its text."""
    return "already exists" in str(error)
