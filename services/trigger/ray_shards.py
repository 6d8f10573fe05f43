"""Ray as a launcher of shard actors, and never a lock.

Ray may run two copies of an actor at once; the store's fence sorts them out. Data goes through the log; calls to actors
are for control only. The actor's loop is started by its constructor, because Ray rebuilds an actor by calling nothing
else.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

import ray
import structlog
from ray.actor import ActorHandle
from ray.exceptions import GetTimeoutError, RayActorError, RayError

from sendwhen.chassis.clock import SystemClock
from sendwhen.chassis.logs import configure_logs
from sendwhen.chassis.metrics import Metrics, serve_metrics
from sendwhen.errors import Fenced, SendwhenError, Unavailable
from services.trigger.front_ports import ShardStatus
from services.trigger.shard_process import build_driver
from services.trigger.shard_settings import ShardSettings

log = structlog.get_logger()

NAMESPACE = "sendwhen"
ANSWER_WITHIN_S = 2.0
GONE_WITHIN_S = 10.0
LOOK_AGAIN_S = 0.1
SILENCES_MAX = 5
"""So often in a row may an actor that has run not answer ``ensure``; then it hangs (a stopped process) and is ended."""
SILENCES_AT_START_MAX = 30
"""The same for one that has not run yet: on a busy machine a process takes long to start."""
AWAY_S = 30.0
"""So long may an actor that has run be away, whatever Ray says of it: a hung process, too, may be one that cannot be
reached, like one that Ray starts again at this moment."""
FENCED_PAUSES = 10
"""A fenced actor waits so many times longer before Ray starts it anew: the partitions have an owner."""
CPUS = 0.01
"""Anything above none keeps shards off the front's own node, which joins Ray with no CPU."""


class ShardActor:
    """The actor: a shard's driver, and calls that look at it."""

    def __init__(self, settings: ShardSettings, shard: int, generation: int) -> None:
        configure_logs("shard", level=settings.log_level)
        self._settings = settings
        self._shard, self._generation = shard, generation
        metrics = Metrics()
        _serve(metrics, settings.metrics_listen_of(shard))
        self._driver = build_driver(
            settings,
            shard=shard,
            generation=generation,
            clock=SystemClock(),
            died=self._end_process,
            metrics=metrics,
        )
        self._driver.start()

    def status(self) -> Mapping[str, Any]:
        """Where it stands."""
        host = self._driver.host.status()
        return {
            "generation": self._generation,
            "owner": host.owner,
            "pid": os.getpid(),
            "positions": dict(host.positions),
            "applied": host.applied,
            "commits": host.commits,
            "claims": host.claims,
            "standing_still": tuple(host.standing_still),
            "reviewing": dict(host.reviewing),
            "pushed": self._driver.relay.pushed,
        }

    def drain(self) -> bool:
        """Commit what is under way and stop. The actor stays, idle, until it is killed."""
        return self._driver.stop()

    def _end_process(self, error: BaseException) -> None:
        # Without this a mute actor would go on answering. Ray starts it anew, except where it is not ours any more.
        pause_ms = self._settings.death_pause_ms
        if isinstance(error, Fenced):
            log.warning("shard.fenced", shard=self._shard, problem=error.problem)
            pause_ms *= FENCED_PAUSES
        else:
            log.error("shard.died", shard=self._shard, exc_info=error)
        time.sleep(pause_ms / 1_000)
        os._exit(1)


def _serve(metrics: Metrics, listen: str) -> None:
    if not listen:
        return
    try:
        serve_metrics(metrics, listen)
    except OSError as error:
        # A second copy of this shard may run on the node for a moment; deciding matters more than being watched.
        log.warning("metrics.unserved", problem=str(error))


class RayShards:
    """The actors of an installation, driven by one process that joined the Ray cluster."""

    def __init__(self, address: str, *, settings: ShardSettings, generation: int) -> None:
        self._address = address
        self._settings = settings
        self._generation = generation
        self._lock = threading.Lock()
        self._remote: Any = ray.remote(ShardActor)
        self._silences: dict[int, int] = {}
        self._away_since_s: dict[int, float] = {}
        self._has_run: set[int] = set()

    async def ensure(self) -> None:
        """Have every shard running with this generation. Idempotent; several drivers may do it at once.

        Raises:
            Unavailable: Ray does not answer; running shards go on.
        """
        await asyncio.to_thread(self._ensure)
        _take_signals_back()

    async def statuses(self) -> Sequence[ShardStatus]:
        """How the shards are. Never raises: what does not answer is unreachable."""
        found = await asyncio.gather(*(asyncio.to_thread(self._status, n) for n in range(self._settings.shards)))
        return [
            ShardStatus(
                name=_name(number),
                partitions=self._settings.partitions_of(number),
                # Ray cannot tell an actor that is not placed yet from one that hangs.
                state="starting" if state == "silent" else state,
                standing_still=tuple(details.get("standing_still", ())),
                reviewing=dict(details.get("reviewing", {})),
            )
            for number, (state, details) in enumerate(found)
        ]

    async def details(self) -> Sequence[Mapping[str, Any]]:
        """What each running shard says of itself; {} for one that does not answer."""
        found = await asyncio.gather(*(asyncio.to_thread(self._status, n) for n in range(self._settings.shards)))
        return [details for _, details in found]

    async def stop(self) -> None:
        """Drain and remove all shards of this installation's Ray. Idempotent."""
        await asyncio.to_thread(self._stop)

    def _connect(self) -> None:
        with self._lock:
            if ray.is_initialized():
                return
            try:
                ray.init(address=self._address, namespace=NAMESPACE, log_to_driver=False, configure_logging=False)
            except (ConnectionError, RayError, RuntimeError) as error:
                raise Unavailable(f"Ray at {self._address} does not answer: {error}", remedy="Start it.") from error

    def _ensure(self) -> None:
        self._connect()
        try:
            for number in self._named():
                if number >= self._settings.shards:
                    self._remove(number)
            for number in range(self._settings.shards):
                self._ensure_one(number)
        except RayError as error:
            raise Unavailable(f"Ray could not start the shards: {error}", remedy="See Ray's logs.") from error

    def _ensure_one(self, number: int) -> None:
        state, details = self._status(number)
        if state == "running" and details.get("generation") != self._generation:
            log.info("shard.replaced", shard=number, generation=self._generation)
            self._remove(number)
        if state == "running":
            self._has_run.add(number)
        if self._hangs(number, state):
            log.warning("shard.hung", shard=number)
            self._kill(number)
            self._forget(number)
            self._has_run.discard(number)
        self._remote.options(
            name=_name(number),
            namespace=NAMESPACE,
            lifetime="detached",
            get_if_exists=True,
            num_cpus=CPUS,
            max_restarts=-1,
            # The loop has threads of its own; these are for control calls.
            max_concurrency=3,
            scheduling_strategy="SPREAD",
        ).remote(self._settings, number, self._generation)

    def _hangs(self, number: int, state: str) -> bool:
        if state in ("running", "starting"):
            self._forget(number)
            return False
        silences = self._silences[number] = self._silences.get(number, 0) + (state == "silent")
        away_s = time.monotonic() - self._away_since_s.setdefault(number, time.monotonic())
        if number not in self._has_run:
            return silences >= SILENCES_AT_START_MAX
        return silences >= SILENCES_MAX or away_s >= AWAY_S

    def _forget(self, number: int) -> None:
        self._silences.pop(number, None)
        self._away_since_s.pop(number, None)

    def _status(self, number: int) -> tuple[str, Mapping[str, Any]]:
        try:
            self._connect()
            # Any: Ray's types know no methods of an actor found by name.
            actor: Any = ray.get_actor(_name(number), namespace=NAMESPACE)
            details: Mapping[str, Any] = ray.get(actor.status.remote(), timeout=ANSWER_WITHIN_S)
            return "running", details
        except ValueError:
            return "starting", {}
        except GetTimeoutError:
            return "silent", {}
        except (RayError, SendwhenError):
            return "unreachable", {}

    def _named(self) -> list[int]:
        names = [
            row["name"] for row in ray.util.list_named_actors(all_namespaces=True) if row["namespace"] == NAMESPACE
        ]
        return [int(name.removeprefix("sendwhen-shard-")) for name in names if name.startswith("sendwhen-shard-")]

    def _remove(self, number: int) -> None:
        try:
            actor: ActorHandle[Any] = ray.get_actor(_name(number), namespace=NAMESPACE)
            ray.get(actor.drain.remote(), timeout=GONE_WITHIN_S)
        except (ValueError, GetTimeoutError, RayActorError):
            log.info("shard.not_drained", shard=number)
        self._kill(number)

    def _kill(self, number: int) -> None:
        deadline = time.monotonic() + GONE_WITHIN_S
        while time.monotonic() < deadline:
            try:
                ray.kill(ray.get_actor(_name(number), namespace=NAMESPACE), no_restart=True)
            except ValueError:
                return
            time.sleep(LOOK_AGAIN_S)
        raise Unavailable(f"Shard {number} could not be ended.", remedy="See Ray's logs.")

    def _stop(self) -> None:
        self._connect()
        for number in self._named():
            self._remove(number)


def _take_signals_back() -> None:
    # Connecting installs Ray's own handler below Python's: SIGTERM would end the process at once, without a drain.
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.getsignal(number))


def _name(number: int) -> str:
    return f"sendwhen-shard-{number}"
