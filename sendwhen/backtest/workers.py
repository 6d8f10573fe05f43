"""Who does the units: this process, or several beside it."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Final, Protocol

from sendwhen.backtest.history import Unit
from sendwhen.backtest.unit import Task, UnitDone, run_unit
from sendwhen.errors import Unavailable

WAITING_UNITS: Final = 2
"""Units handed to each worker ahead, so that it never waits for us."""


class Workers(Protocol):
    """Does units in any order; what comes out does not depend on it."""

    def run(self, task: Task, units: Sequence[Unit]) -> Iterator[UnitDone]:
        """Each unit as it is done. What a unit raises is raised here, and the others are given up."""
        ...


class OwnProcess:
    """One unit after the other, here."""

    def run(self, task: Task, units: Sequence[Unit]) -> Iterator[UnitDone]:
        """See Workers."""
        for unit in units:
            yield run_unit(task, unit)


class Processes:
    """Worker processes on this machine."""

    def __init__(self, count: int) -> None:
        self._count = count

    def run(self, task: Task, units: Sequence[Unit]) -> Iterator[UnitDone]:
        """See Workers.

        Raises:
            Unavailable: A worker ended before its unit was done.
        """
        # Fresh processes, not forks: Arrow's threads do not survive a fork.
        context = multiprocessing.get_context("spawn")
        left = iter(units)
        with ProcessPoolExecutor(max_workers=self._count, mp_context=context) as pool:
            doing: set[Future[UnitDone]] = set()
            try:
                while True:
                    for unit in left:
                        doing.add(pool.submit(run_unit, task, unit))
                        if len(doing) >= self._count * WAITING_UNITS:
                            break
                    if not doing:
                        return
                    done, doing = wait(doing, return_when=FIRST_COMPLETED)
                    for one in done:
                        yield one.result()
            except BrokenProcessPool as error:
                raise Unavailable(
                    "A worker process ended before its part was done.",
                    remedy="If this machine ran out of memory, give fewer --workers, or a --sample.",
                ) from error
            finally:
                pool.shutdown(wait=True, cancel_futures=True)
