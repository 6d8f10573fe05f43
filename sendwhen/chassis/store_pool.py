"""Connections to the store (Valkey or Redis), set so that nothing is retried behind our back.

redis-py retries ten times by default, and a blocked read survives the server's death unseen. Our callers must see every
lost connection: a shard then drops its memory, a ledger step then counts as unknown.
"""

from __future__ import annotations

from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry


def open_store(url: str, *, timeout_s: float = 5.0) -> Redis:
    """A synchronous client, without retries; ``url`` as "unix:///path?password=…" or "redis://:password@host:port/0"."""
    return Redis.from_url(
        url, retry=Retry(NoBackoff(), 0), socket_timeout=timeout_s, socket_connect_timeout=timeout_s, protocol=2
    )


def open_async_store(url: str, *, timeout_s: float = 5.0, connections_max: int = 64) -> AsyncRedis:
    """The same for an event loop."""
    return AsyncRedis.from_url(
        url,
        retry=AsyncRetry(NoBackoff(), 0),
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        max_connections=connections_max,
        protocol=2,
    )
