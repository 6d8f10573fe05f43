"""What libraries log becomes a line like ours, and the same over and over becomes one line a minute."""

from __future__ import annotations

import logging
from collections import OrderedDict
from typing import Final

import structlog

REPEATED_AFTER_S: Final = 60.0
"""So long after a line the next like it is left out, and counted in the one that follows."""
KINDS_MAX: Final = 256
"""Kinds of lines that are told apart; the one heard first is forgotten, and told at once when it comes again."""
MESSAGE_CHARACTERS_MAX: Final = 500


class LibraryHandler(logging.Handler):
    """Hands records of the standard library's logging to ours."""

    def __init__(self) -> None:
        super().__init__()
        self._last: OrderedDict[tuple[str, int, str], tuple[float, int]] = OrderedDict()

    def emit(self, record: logging.LogRecord) -> None:
        """Called by logging, under this handler's lock."""
        kind = (record.name, record.levelno, str(record.msg))
        last_s, left_out = self._last.get(kind, (float("-inf"), 0))
        if 0 <= record.created - last_s < REPEATED_AFTER_S:
            self._last[kind] = (last_s, left_out + 1)
            return
        self._last[kind] = (record.created, 0)
        if len(self._last) > KINDS_MAX:
            self._last.popitem(last=False)
        more = {"left_out": left_out} if left_out else {}
        structlog.get_logger().log(
            record.levelno,
            "library.logged",
            logger=record.name,
            message=_message(record)[:MESSAGE_CHARACTERS_MAX],
            exc_info=record.exc_info or None,
            **more,
        )


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError):
        return str(record.msg)  # its arguments do not fit it
