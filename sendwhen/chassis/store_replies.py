"""The store's replies out of the bytes that it sends, however these are cut."""

from __future__ import annotations

from typing import Any, Final

import hiredis
from redis.connection import DefaultParser
from redis.exceptions import ConnectionError as StoreConnectionError

# Any: hiredis' stubs know no arguments of its reader, and redis-py's parsers are untyped.
_READER: Any = hiredis.Reader
_PARSER: Any = DefaultParser
_MORE: Final = object()


class Replies:
    """Of one connection. Numbers, bytes, lists, None; an error where the store refused a command."""

    def __init__(self) -> None:
        self._reader = _READER(protocolError=StoreConnectionError, replyError=_PARSER.parse_error, notEnoughData=_MORE)

    def of(self, data: bytes | bytearray, size: int) -> list[Any]:
        """The replies that are whole with the first ``size`` bytes of this behind all before.

        Raises:
            redis.ConnectionError: These are no replies, or the store says that it serves nobody now.
        """
        self._reader.feed(data, 0, size)
        found: list[Any] = []
        while (reply := self._reader.gets()) is not _MORE:
            if isinstance(reply, StoreConnectionError):
                # It is loading its file, or does not know who we are: the error is about the connection.
                raise reply
            found.append(reply)
        return found
