"""A shard in a process of its own, without Ray: ``python -m tests.integration.shard_child`` with settings on stdin.

Exits with 3 when it was fenced, with 1 when it died of anything else.
"""

from __future__ import annotations

import json
import os
import sys
import time

from sendwhen.chassis.clock import SystemClock
from sendwhen.errors import Fenced
from services.trigger.shard_process import build_driver
from services.trigger.shard_settings import ShardSettings

if __name__ == "__main__":

    def died(error: BaseException) -> None:
        sys.stderr.write(f"{error}\n")
        os._exit(3 if isinstance(error, Fenced) else 1)

    given = ShardSettings(**json.loads(sys.stdin.readline()))
    build_driver(given, shard=0, generation=1, clock=SystemClock(), died=died).start()
    while True:
        time.sleep(60)
