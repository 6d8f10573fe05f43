"""One synchronous connection to one node, that never comes back by itself.

A shard must see every break, because behind a new connection may be a store that lost its tail.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import hiredis
import redis

from sendwhen.chassis.store_link import StoreLink
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
        with store_errors():
            self._link = StoreLink(url, timeout_s=timeout_s)
        self._begun = 0
        self._begun_replies: list[Any] = []

    @property
    def is_open(self) -> bool:
        """False once anything went wrong."""
        return self._link.is_open

    def close(self) -> None:
        """Disconnect."""
        self._link.close()

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
                    for one in packed:
                        self._link.send(one, 1)
                    packed, size = [], 0
            if packed:
                # Together, so that the store reads them at once, and syncs once.
                self._link.send(b"".join(packed), len(packed))
        except (redis.ConnectionError, redis.TimeoutError, OSError) as error:
            self.close()
            raise in_our_words(error) from error

    def _replies(self, count: int, waits_s: float) -> list[Any]:
        try:
            return self._link.receive(count, waits_s=waits_s)
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
