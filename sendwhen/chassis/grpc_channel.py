"""Channels to other services: the key rides along, every call has a deadline, and lost peers are noticed."""

from __future__ import annotations

from typing import Any, Self

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


class _KeyedCall:
    """A method of a channel whose calls carry the key, and a deadline where the caller gave none."""

    def __init__(self, call: Any, authorization: tuple[tuple[str, str], ...], deadline_s: float) -> None:
        self._call = call
        self._authorization = authorization
        self._deadline_s = deadline_s

    def __call__(
        self, request: Any, *, timeout: float | None = None, metadata: Any = None, **more: Any
    ) -> grpc.aio.UnaryUnaryCall[Any, Any]:
        carried = (*metadata, *self._authorization) if metadata else self._authorization
        made: grpc.aio.UnaryUnaryCall[Any, Any] = self._call(
            request, timeout=timeout or self._deadline_s, metadata=carried, **more
        )
        return made


class _KeyedChannel(grpc.aio.Channel):
    """A channel whose unary calls are keyed; all else is the channel's own.

    An interceptor would do the same, with two tasks and a handful of callbacks more for each call.
    """

    def __init__(
        self, channel: grpc.aio.Channel, authorization: tuple[tuple[str, str], ...], deadline_s: float
    ) -> None:
        self._channel = channel
        self._authorization = authorization
        self._deadline_s = deadline_s

    async def close(self, grace: float | None = None) -> None:
        await self._channel.close(grace)

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        return self._channel.get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        await self._channel.wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        await self._channel.channel_ready()

    def unary_stream(self, *arguments: Any, **more: Any) -> Any:
        return self._channel.unary_stream(*arguments, **more)

    def stream_unary(self, *arguments: Any, **more: Any) -> Any:
        return self._channel.stream_unary(*arguments, **more)

    def stream_stream(self, *arguments: Any, **more: Any) -> Any:
        return self._channel.stream_stream(*arguments, **more)

    def unary_unary(self, *arguments: Any, **more: Any) -> Any:
        return _KeyedCall(self._channel.unary_unary(*arguments, **more), self._authorization, self._deadline_s)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._channel.close()


def open_channel(target: str, *, key: str, deadline_s: float = 10.0) -> grpc.aio.Channel:
    """An aio channel to ``target`` ("host:port") whose unary calls carry ``key`` and a deadline.

    Streams need their own metadata: pass ``metadata=bearer(key)`` to the call.
    """
    return _KeyedChannel(grpc.aio.insecure_channel(target, options=_OPTIONS), bearer(key), deadline_s)


def open_sync_channel(target: str) -> grpc.Channel:
    """A channel for code without an event loop; pass ``metadata=bearer(key)`` and ``timeout=`` to every call."""
    return grpc.insecure_channel(target, options=_OPTIONS)


def bearer(key: str) -> tuple[tuple[str, str], ...]:
    """The metadata that carries a key."""
    return (("authorization", f"Bearer {key}"),)
