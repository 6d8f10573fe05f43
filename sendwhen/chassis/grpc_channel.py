"""Channels to other services: the key rides along, every call has a deadline, and lost peers are noticed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc

_OPTIONS = [
    ("grpc.max_receive_message_length", 4 * 1024 * 1024),
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.initial_reconnect_backoff_ms", 100),
    # How long one attempt to connect may take: a busy server answers late, a dead one refuses at once.
    ("grpc.min_reconnect_backoff_ms", 2_000),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    # Our own retries know which calls are idempotent; the library's do not.
    ("grpc.enable_retries", 0),
]


class _Bearer(grpc.aio.UnaryUnaryClientInterceptor):
    """Adds the key, and a deadline where the caller gave none."""

    def __init__(self, key: str, deadline_s: float) -> None:
        self._authorization = ("authorization", f"Bearer {key}")
        self._deadline_s = deadline_s

    async def intercept_unary_unary(
        self, continuation: Callable[..., Any], client_call_details: Any, request: object
    ) -> Any:
        metadata = grpc.aio.Metadata(*(client_call_details.metadata or ()), self._authorization)
        details = client_call_details._replace(
            metadata=metadata, timeout=client_call_details.timeout or self._deadline_s
        )
        return await continuation(details, request)


def open_channel(target: str, *, key: str, deadline_s: float = 10.0) -> grpc.aio.Channel:
    """An aio channel to ``target`` ("host:port") whose unary calls carry ``key`` and a deadline.

    Streams need their own metadata: pass ``metadata=bearer(key)`` to the call.
    """
    return grpc.aio.insecure_channel(target, options=_OPTIONS, interceptors=[_Bearer(key, deadline_s)])


def open_sync_channel(target: str) -> grpc.Channel:
    """A channel for code without an event loop; pass ``metadata=bearer(key)`` and ``timeout=`` to every call."""
    return grpc.insecure_channel(target, options=_OPTIONS)


def bearer(key: str) -> tuple[tuple[str, str], ...]:
    """The metadata that carries a key."""
    return (("authorization", f"Bearer {key}"),)
