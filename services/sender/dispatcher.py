"""Drives dispatch in production: many emails at once, each a generator whose requests are carried out on one loop."""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Sequence
from typing import TypeVar, assert_never

import structlog

from services.sender.dispatch import Dispatch
from services.sender.ledger_port import (
    BeginAttempt,
    ClaimDue,
    Claimed,
    Ledger,
    LedgerLost,
    NewEmail,
    Settle,
    Submit,
    SubmitAnswer,
)
from services.sender.ports import (
    Call,
    DispatchRequest,
    GetProfile,
    GetTemplate,
    Pause,
    Profiles,
    Provider,
    Report,
    Reporter,
    Steps,
    Templates,
)
from services.sender.volume_port import Reserve

log = structlog.get_logger()
T = TypeVar("T")


class Dispatcher:
    """Works on claimed emails, and looks for due ones.

    Attributes:
        at_once: Emails worked on at the same time.
        waiting_max: Claimed emails that may wait here for their turn. Beyond, nothing more is claimed: new emails stay
            PENDING in the ledger, which has room.
    """

    def __init__(
        self,
        *,
        dispatch: Dispatch,
        ledger: Ledger,
        templates: Templates,
        profiles: Profiles,
        provider: Provider,
        reporter: Reporter,
        worker: str,
        at_once: int,
        waiting_max: int,
        poll_ms: int,
    ) -> None:
        self._dispatch = dispatch
        self._ledger = ledger
        self._templates = templates
        self._profiles = profiles
        self._provider = provider
        self._reporter = reporter
        self.worker = worker
        self._at_once = at_once
        self._waiting_max = waiting_max
        self._poll_s = poll_ms / 1_000
        self._waiting: deque[Claimed] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._submissions: set[asyncio.Task[SubmitAnswer]] = set()
        self._submission_numbers = itertools.count(1)
        self._reserved = 0
        self._behind = asyncio.Event()
        self._left_in_ledger = False
        self._draining = False

    def room(self) -> int:
        """How many more emails may be claimed for this worker now."""
        if self._draining:
            return 0
        return max(0, self._at_once + self._waiting_max - len(self._tasks) - self._reserved - len(self._waiting))

    async def submit(self, emails: Sequence[NewEmail]) -> SubmitAnswer:
        """Make decisions durable and work on them, at once as far as there are places.

        Raises:
            Overloaded: Too many emails are open.
            LedgerLost: Unknown; submit the same again.
        """
        task = asyncio.get_running_loop().create_task(self._submit(emails))
        self._submissions.add(task)
        task.add_done_callback(self._submitted)
        # A caller that goes away must not take along an attempt that is on disk: it would be in doubt.
        return await asyncio.shield(task)

    def take(self, claimed: Sequence[Claimed], *, left_pending: bool = False) -> None:
        """Work on emails claimed for this worker, at once. ``left_pending``: the ledger holds more that are due."""
        self._waiting.extend(claimed)
        self._start()
        self._left_in_ledger = self._left_in_ledger or left_pending

    async def run(self) -> None:
        """Look for due emails until cancelled: now and then, and at once where some are known to wait."""
        while True:
            await self._look()
            self._look_soon()
            try:
                await asyncio.wait_for(self._behind.wait(), self._poll_s)
                self._behind.clear()
            except TimeoutError:
                continue

    async def drain(self, *, grace_s: float) -> None:
        """Claim nothing more and let attempts under way end; what is left is found by its lease."""
        self._draining = True
        self._waiting.clear()
        if self._submissions:
            await asyncio.wait(self._submissions, timeout=grace_s)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace_s)
        for task in (*self._submissions, *self._tasks):
            task.cancel()

    async def _submit(self, emails: Sequence[NewEmail]) -> SubmitAnswer:
        claim_max = self.room()
        free = 0 if self._draining else max(0, self._at_once - len(self._tasks) - self._reserved - len(self._waiting))
        places = min(len(emails), free)
        self._reserved += places
        try:
            taken_in = await self._drive(
                self._dispatch.take_in(
                    emails,
                    worker=f"{self.worker}/{next(self._submission_numbers)}",
                    claim_max=claim_max,
                    attempts_max=places,
                )
            )
        except BaseException:
            self._reserved -= places
            self._start()
            raise
        self._reserved -= places
        for attempt in taken_in.attempts:
            self._begin(attempt)
        self.take(taken_in.answer.claimed, left_pending=taken_in.answer.left_pending > 0)
        return taken_in.answer

    def _submitted(self, task: asyncio.Task[SubmitAnswer]) -> None:
        self._submissions.discard(task)
        if not task.cancelled():
            # Who asked may have gone; that is no error of the loop's.
            task.exception()

    def _look_soon(self) -> None:
        """Look again without waiting, where more is known to be due and half of the places are free for it."""
        if self._left_in_ledger and not self._draining and self.room() > (self._at_once + self._waiting_max) // 2:
            self._behind.set()

    async def _look(self) -> None:
        room = self.room()
        if room == 0:
            return
        self._left_in_ledger = False
        try:
            answer = await self._drive(self._dispatch.due(self.worker, emails_max=room))
        except LedgerLost as error:
            log.warning("ledger.lost", problem=str(error))
            return
        if answer.doubted or answer.gave_up:
            log.warning("emails.resolved_without_provider", in_doubt=answer.doubted, gave_up=answer.gave_up)
        self._reporter.resolved(doubted=answer.doubted, gave_up=answer.gave_up)
        self.take(answer.claimed, left_pending=answer.more)

    def _start(self) -> None:
        while self._waiting and len(self._tasks) + self._reserved < self._at_once:
            self._begin(self._dispatch.emails(self._waiting.popleft()))

    def _begin(self, steps: Steps[None]) -> None:
        task = asyncio.get_running_loop().create_task(self._drive(steps))
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # Its lease will end; another try, or a person who reads this, must deal with it. Others go on.
            log.error("dispatch.failed", exc_info=error)
        self._start()
        self._look_soon()

    async def _drive(self, steps: Steps[T]) -> T:
        try:
            request = next(steps)
            while True:
                try:
                    answer = await self._carry_out(request)
                except LedgerLost as error:
                    log.warning("ledger.step_unknown", step=type(request).__name__, problem=str(error))
                    request = steps.throw(error)
                else:
                    request = steps.send(answer)
        except StopIteration as end:
            result: T = end.value
            return result

    async def _carry_out(self, request: DispatchRequest) -> object:
        answer: object = None
        match request:
            case BeginAttempt():
                answer = await self._ledger.begin(request)
            case Settle():
                answer = await self._ledger.settle(request)
            case Call(message=message):
                answer = await self._provider.send(message)
            case GetTemplate(template_hash=template_hash):
                answer = await self._templates.get(template_hash)
            case GetProfile(uid=uid, at_least_seq=seq, deadline_ms=deadline_ms):
                answer = await self._profiles.attributes(uid, at_least_seq=seq, deadline_ms=deadline_ms)
            case Reserve():
                answer = await self._ledger.reserve(request)
            case Submit():
                answer = await self._ledger.submit(request)
            case ClaimDue():
                answer = await self._ledger.claim_due(request)
            case Pause(at_most_ms=at_most_ms):
                await asyncio.sleep(at_most_ms / 1_000)
            case Report():
                self._reporter.report(request)
            case _:
                assert_never(request)
        return answer
