"""Ingest and trigger's front in one process: ``python -m services.local.front``.

On one machine a call between the two costs more than what either does for it. Both keep their addresses, settings,
metrics and their names in the logs; only ingest's way to the log is shorter. ``sendwhen up --apart`` does without.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias

import structlog

from sendwhen.chassis.logs import LEVELS, configure_logs
from sendwhen.chassis.process import run
from sendwhen.chassis.settings import read_settings
from sendwhen.errors import SendwhenError
from services.ingest import __main__ as ingest
from services.ingest.settings import Settings as IngestSettings
from services.local.front_log import FrontLog
from services.trigger import __main__ as trigger
from services.trigger.front import Front
from services.trigger.settings import Settings as TriggerSettings
from services.trigger.shard_settings import ShardSettings

Serving: TypeAlias = Coroutine[Any, Any, None]


async def serve(
    settings: IngestSettings, stop: asyncio.Event, serve_trigger: Callable[[asyncio.Event, trigger.Beside], Serving]
) -> None:
    """Serve both until ``stop`` is set; ingest drains first, for what it has taken goes through the front.

    Raises:
        SendwhenError, OSError: One of them cannot serve; the other has been drained.
    """
    ingest_ended = asyncio.Event()
    refusals: list[Exception] = []

    async def serve_ingest(front: Front) -> None:
        structlog.contextvars.bind_contextvars(service="ingest")
        try:
            await ingest.serve(settings, stop, event_log=FrontLog(front.appender, front.applied))
        except (SendwhenError, OSError) as refusal:
            refusals.append(refusal)
        finally:
            ingest_ended.set()

    await serve_trigger(ingest_ended, serve_ingest)
    for refusal in refusals:
        raise refusal


async def start(stop: asyncio.Event) -> None:
    """Read the settings of both and serve."""
    ingest_settings = read_settings(IngestSettings, os.environ, prefix=ingest.PREFIX)
    trigger_settings = read_settings(TriggerSettings, os.environ, prefix=trigger.PREFIX)
    # One process has one level: the one that tells more.
    level = min(ingest_settings.log_level, trigger_settings.log_level, key=_severity)
    configure_logs("trigger", level=level)
    shard_settings = ShardSettings.from_environment(os.environ)

    def serve_trigger(its_stop: asyncio.Event, beside: trigger.Beside) -> Serving:
        return trigger.main(trigger_settings, shard_settings, its_stop, beside=beside)

    await serve(ingest_settings, stop, serve_trigger)


def _severity(level: str) -> int:
    # A word that is no level comes first, so that it is refused.
    return LEVELS.index(level) if level in LEVELS else -1


if __name__ == "__main__":
    run("trigger", start)
