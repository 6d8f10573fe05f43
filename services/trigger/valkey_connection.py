"""One synchronous connection to one node, that never comes back by itself.

redis-py's client takes connections from a pool and re-makes broken ones unseen. A shard must see every break, because
behind a new connection may be a store that lost its tail; and raw replies are all it needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import hiredis
import redis

from sendwhen.chassis.store_pool import open_store
from services.trigger.ports import StoreLost
from services.trigger.store_errors import in_our_words, store_errors

Argument = str | bytes | int
Command = Sequence[Argument]
_PACK: Any = hiredis.pack_command  # its stub takes tuples of one value for all there are
TIMEOUT_S = 5.0
"""A store that does not answer for so long counts as lost."""
SEND_BYTES = 64 * 1024
"""Commands are sent when they reach this much: the store reads less at a time, and the caches hold it."""


class ValkeyConnection:
    """Connects when made. Not for several threads."""

    def __init__(self, url: str, *, timeout_s: float = TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        client = open_store(url, timeout_s=timeout_s)
        # Any: redis-py leaves its connections untyped.
        connection: Any = client.connection_pool.make_connection()
        self._connection = connection
        with store_errors():
            self._connection.connect()

        self._begun = 0
        self._begun_replies: list[Any] = []

    @property
    def is_open(self) -> bool:
        """False once anything went wrong."""
        return bool(self._connection.is_connected)

    def close(self) -> None:
        """Disconnect."""
        self._connection.disconnect()

    def call(self, commands: Sequence[Command], *, waits_s: float = 0.0) -> list[Any]:
        """Pipeline commands and answer their raw replies. ``waits_s``: how long the last may block in the store.

        Raises:
            StoreLost: The connection broke, or the store cannot act; which commands were carried out is unknown.
            redis.ResponseError: A command is wrong; all replies were read and the connection is good.
        """
        self._send(commands)
        self._read_begun()
        return self._checked(self._replies(len(commands), waits_s))

    def begin(self, commands: Sequence[Command]) -> None:
        """Send commands; ``finish`` gives their replies, in which other calls may come between. Raises StoreLost."""
        self._send(commands)
        self._begun += len(commands)

    def finish(self) -> list[Any]:
        """The replies to all commands begun; see ``call`` for what it raises."""
        self._read_begun()
        replies, self._begun_replies = self._begun_replies, []
        return self._checked(replies)

    def _read_begun(self) -> None:
        # Replies come in the order of the commands.
        if self._begun:
            self._begun_replies += self._replies(self._begun, 0.0)
            self._begun = 0

    def _send(self, commands: Sequence[Command]) -> None:
        if not self.is_open:
            raise StoreLost("The connection to the store is closed.", remedy="Claim anew.")
        packed, size = list[bytes](), 0
        try:
            for command in commands:
                # The client's own packing looks at every argument in Python, which took a fifth of a shard's time.
                packed.append(_PACK(tuple(command)))
                size += len(packed[-1])
                if size >= SEND_BYTES:
                    self._connection.send_packed_command(packed, check_health=False)
                    packed, size = [], 0
            if packed:
                # Together, so that the store reads them at once, and syncs once.
                self._connection.send_packed_command([b"".join(packed)], check_health=False)
        except (redis.ConnectionError, redis.TimeoutError, OSError) as error:
            self.close()
            raise in_our_words(error) from error

    def _replies(self, count: int, waits_s: float) -> list[Any]:
        try:
            return [self._reply(waits_s) for _ in range(count)]
        except (redis.ConnectionError, redis.TimeoutError, OSError) as error:
            self.close()
            raise in_our_words(error) from error

    def _checked(self, replies: list[Any]) -> list[Any]:
        for reply in replies:
            if isinstance(reply, Exception):
                raised = in_our_words(reply)
                if isinstance(raised, StoreLost):
                    self.close()
                raise raised
        return replies

    def _reply(self, waits_s: float) -> Any:
        try:
            return self._connection.read_response(disable_decoding=True, timeout=self._timeout_s + waits_s)
        except redis.ResponseError as error:
            return error
