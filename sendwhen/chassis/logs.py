"""Logs are events with fields: one JSON object a line on standard error, never personal data in clear.

Use ``structlog.get_logger()`` with a constant dotted name in the past tense:
``log.info("email.accepted", send_id=...)``.
"""

from __future__ import annotations

import logging
import sys
import traceback
from typing import Final

import structlog
from structlog.typing import ExcInfo

from sendwhen.chassis.library_logs import LibraryHandler
from sendwhen.errors import Invalid, SendwhenError

LEVELS: Final = ("debug", "info", "warning", "error")


def _without_values(exc_info: ExcInfo) -> str:
    """Where it was raised, and of which kind.

    The message only where it is ours or the system's: a KeyError, say, quotes the customer's value that was looked up.
    """
    kind, error, frames = exc_info
    said = f": {error}" if isinstance(error, (SendwhenError, OSError)) else ""
    return "".join(traceback.format_tb(frames)) + kind.__qualname__ + said


def configure_logs(service: str, *, level: str = "info") -> None:
    """Set up logging of this process; again for another level. ``service`` becomes a field of every line.

    Raises:
        Invalid: There is no such level.
    """
    if level not in LEVELS:
        raise Invalid(f"The log level {level!r} is none.", remedy=f"Use one of {', '.join(LEVELS)}.")
    number = logging.getLevelNamesMapping()[level.upper()]
    logging.basicConfig(level=max(number, logging.WARNING), handlers=[LibraryHandler()])
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.ExceptionRenderer(_without_values),
            structlog.processors.JSONRenderer(sort_keys=True),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service)
