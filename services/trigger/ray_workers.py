"""A backtest's units as tasks on the nodes of a Ray cluster."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final

import ray
from ray.exceptions import RayError, RayTaskError

from sendwhen.backtest.history import Unit
from sendwhen.backtest.unit import Task, UnitDone, run_unit
from sendwhen.errors import Precondition, SendwhenError, Unavailable
from services.trigger.ray_shards import NAMESPACE

WAITING_UNITS: Final = 2
"""Units handed over ahead for each that is under way, so that no node waits for us."""
UNIT_CPUS: Final = 0.9
"""A processor, but for the little that shards on its node count for."""
UNIT_WITHIN_S: Final = 900.0
"""A unit takes seconds; where none is done for so long, no node has room or all hang."""
RETRIES: Final = 3
"""So often is a unit begun again whose node was lost; its file is then written anew."""


class RayTasks:
    """See ``sendwhen.backtest.workers.Workers``.

    Every node must have this release of sendwhen, and see the archive and the report's folder at the same places.

    Args:
        address: Of the cluster's head, or "auto" on one of its nodes.
        count: Units under way at the same time; 0: as many as the cluster has processors.
    """

    def __init__(self, address: str, *, count: int = 0) -> None:
        self._address = address
        self._count = count

    def run(self, task: Task, units: Sequence[Unit]) -> Iterator[UnitDone]:
        """Each unit as it is done.

        Raises:
            Unavailable: Ray does not answer, has no room for a unit, or nodes were lost again and again.
            Precondition: A node does not see the report's folder.
        """
        began = self._connect()
        try:
            yield from self._done(task, units)
        except RayTaskError as error:
            if isinstance(error.cause, SendwhenError):
                raise error.cause from None
            raise
        except RayError as error:
            raise Unavailable(f"Ray could not do a part of the work: {error}", remedy="See Ray's logs.") from error
        finally:
            if began:
                ray.shutdown()

    def _done(self, task: Task, units: Sequence[Unit]) -> Iterator[UnitDone]:
        # Any: Ray does not type what a cluster has, nor what it makes of a function.
        cluster: Any = ray
        count = self._count or max(1, int(cluster.cluster_resources().get("CPU", 1)))
        remote: Any = ray.remote(num_cpus=UNIT_CPUS, max_retries=RETRIES)(_on_a_node)
        shared, left = ray.put(task), iter(units)
        doing = [remote.remote(shared, unit) for unit in islice(left, count * WAITING_UNITS)]
        try:
            while doing:
                done, doing = ray.wait(doing, num_returns=1, timeout=UNIT_WITHIN_S)
                if not done:
                    raise Unavailable(
                        f"No part of the work was done within {UNIT_WITHIN_S / 60:.0f} minutes.",
                        remedy="See whether the cluster has free processors, and Ray's logs.",
                    )
                doing += [remote.remote(shared, unit) for unit in islice(left, len(done))]
                yield from ray.get(done)
        finally:
            for one in doing:
                ray.cancel(one)

    def _connect(self) -> bool:
        if ray.is_initialized():
            return False
        try:
            ray.init(address=self._address, namespace=NAMESPACE, log_to_driver=False, configure_logging=False)
        except (ConnectionError, RayError, RuntimeError, ValueError) as error:
            raise Unavailable(
                f"Ray at {self._address} does not answer: {error}", remedy="Start it, or leave --ray out."
            ) from error
        return True


def _on_a_node(task: Task, unit: Unit) -> UnitDone:
    if not Path(task.parts).is_dir():
        raise Precondition(
            f"A Ray node does not see the folder {task.parts}.",
            remedy="Give --report a folder that all nodes of the cluster share.",
        )
    return run_unit(task, unit)
