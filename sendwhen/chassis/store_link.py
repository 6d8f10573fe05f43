"""One synchronous connection to the store with nothing between socket and parser.

redis-py opens it (address, TLS, password, database, names) and hands its socket over: its own reading takes 10 us of
processor time for a reply, a dozen times what the parser takes. Closed once is closed for ever, unlike its connections.
"""

from __future__ import annotations

import socket
from typing import Any, Final

from redis.exceptions import ConnectionError as StoreConnectionError
from redis.exceptions import TimeoutError as StoreTimeoutError

from sendwhen.chassis.store_pool import open_store
from sendwhen.chassis.store_replies import Replies

READ_BYTES: Final = 64 * 1024
SEND_BUFFER_BYTES: Final = 4 * 1024 * 1024
"""Room for a large commit, so that whoever sends it goes on while the store is still busy with another's. Only on a
socket of this machine; elsewhere the kernel finds its measure itself."""


class StoreLink:
    """Connects when made. Not for several threads.

    Raises, here and in all methods, redis.ConnectionError or redis.TimeoutError, and is closed then: which commands
    were carried out is unknown. A password that is not taken is a redis.AuthenticationError.
    """

    def __init__(self, url: str, *, timeout_s: float) -> None:
        # Any: redis-py leaves its connections untyped.
        connection: Any = open_store(url, timeout_s=timeout_s).connection_pool.make_connection()
        connection.connect()
        self._connection = connection
        self._socket = connection._sock  # there is no public way to have it; tests open each kind
        if self._socket.family == socket.AF_UNIX:
            # The kernel takes as much as it is allowed to.
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        self._replies = Replies()
        self._found: list[Any] = []
        self._owed = 0
        self._buffer = bytearray(READ_BYTES)
        self._timeout_s = timeout_s
        self._waits_s = -1.0
        self._wait_at_most(0.0)

    @property
    def is_open(self) -> bool:
        """False once anything went wrong."""
        return bool(self._connection.is_connected)

    def close(self) -> None:
        """Disconnect."""
        self._connection.disconnect()

    def send(self, packed: bytes, count: int) -> None:
        """Send so many packed commands."""
        self._owed += count
        try:
            self._wait_at_most(0.0)
            self._socket.sendall(packed)
        except TimeoutError:
            self.close()
            raise StoreTimeoutError("The store does not read what it is sent.") from None
        except OSError as error:
            self.close()
            raise StoreConnectionError(f"Sending failed: {error}") from error
        except BaseException:
            # Half a command may be on its way.
            self.close()
            raise

    def receive(self, count: int, *, waits_s: float = 0.0) -> list[Any]:
        """The next replies, in the order of the commands; errors among them. ``waits_s``: how long one may block."""
        try:
            while len(self._found) < count:
                self._wait_at_most(waits_s)
                size = self._socket.recv_into(self._buffer)
                if not size:
                    raise StoreConnectionError("The store closed the connection.")
                self._found += self._replies.of(self._buffer, size)
                if len(self._found) > self._owed:
                    raise StoreConnectionError("The store sent what nobody asked for.")
        except TimeoutError:
            self.close()
            raise StoreTimeoutError("The store does not answer.") from None
        except OSError as error:
            self.close()
            raise StoreConnectionError(f"Receiving failed: {error}") from error
        except BaseException:
            # Replies that were not read must never be taken for the next ones'.
            self.close()
            raise
        self._owed -= count
        replies, self._found = self._found[:count], self._found[count:]
        return replies

    def _wait_at_most(self, waits_s: float) -> None:
        if waits_s != self._waits_s:
            self._waits_s = waits_s
            self._socket.settimeout(self._timeout_s + waits_s)
