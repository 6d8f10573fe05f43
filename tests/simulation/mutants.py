"""Thirteen defects that somebody might build in. The invariants must find each of them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec.structs import replace

from sendwhen.domain.customer import Customer
from sendwhen.domain.handover import Handover
from sendwhen.domain.joined_runs import JoinedRuns
from sendwhen.domain.received import Received
from sendwhen.domain.record import read_record, write_record
from sendwhen.domain.ties import Ties
from sendwhen.domain.tombstones import Tombstones
from sendwhen.domain.transfer import Import
from services.sender.ledger import State
from services.sender.ledger_port import BeginAttempt, Begun, Settle, Submit, SubmitAnswer
from services.trigger.ports import Commit, Refusal, Release, Why
from tests.fakes.memory_ledger import MemoryLedger
from tests.fakes.memory_partition import MemoryPartition
from tests.fakes.memory_shards import MemoryShards

Steps = Generator[Any, Any, Any]


def _same(steps: Steps) -> Steps:
    return steps


@contextmanager
def _nothing() -> Iterator[None]:
    yield


@contextmanager
def _replaced(owner: type, name: str, value: Any) -> Iterator[None]:
    original = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, original)


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """A defect.

    Attributes:
        dies_by: What the violation that must find it says, one of these; another symptom does not count.
        host, dispatch: What becomes of their requests. patched: What is changed while a run goes on.
    """

    name: str
    dies_by: tuple[str, ...] = ()
    host: Callable[[Steps], Steps] = _same
    dispatch: Callable[[Steps], Steps] = _same
    patched: Callable[[], Any] = _nothing


NONE = Mutant(name="none")


def _release_before_commit(steps: Steps) -> Steps:
    """The rows of a commit leave before it."""
    answer: Any = None
    error: Exception | None = None
    while True:
        try:
            request = steps.send(answer) if error is None else steps.throw(error)
        except StopIteration as done:
            return done.value
        error = None
        try:
            if isinstance(request, Commit) and any(made.outbox for made in request.rounds):
                yield Release(rows={made.partition: made.outbox for made in request.rounds if made.outbox})
            answer = yield request
        except Exception as lost:
            error = lost


def _attempt_after_call(steps: Steps) -> Steps:
    """The provider is called first; that it was attempted is written afterwards."""
    answer: Any = None
    error: Exception | None = None
    while True:
        try:
            request = steps.send(answer) if error is None else steps.throw(error)
        except StopIteration as done:
            return done.value
        error = None
        try:
            if isinstance(request, BeginAttempt):
                answer = Begun(granted=True, state=State.ATTEMPTED, attempt=request.claimed.attempts + 1)
                continue
            if isinstance(request, Submit):
                answer = _as_if_begun(request, (yield _without_attempts(request)))
                continue
            if isinstance(request, Settle) and request.attempt:
                yield BeginAttempt(
                    claimed=request.claimed,
                    now_ms=request.now_ms,
                    lease_ms=request.lease_ms,
                    following_lease_ms=0,
                    look_at_expiry=False,
                )
            answer = yield request
        except Exception as lost:
            error = lost


def _without_attempts(request: Submit) -> Submit:
    emails = tuple(msgspec.structs.replace(email, attempt=False) for email in request.emails)
    return msgspec.structs.replace(request, emails=emails)


def _as_if_begun(request: Submit, answer: SubmitAnswer) -> SubmitAnswer:
    wanted = {email.intent.send_id for email in request.emails if email.attempt}
    begun = tuple(claimed for claimed in answer.claimed if claimed.send_id in wanted)
    claimed = tuple(claimed for claimed in answer.claimed if claimed.send_id not in wanted)
    return msgspec.structs.replace(answer, begun=begun, claimed=claimed)


def _method(owner: type, name: str, make: Callable[[Any], Any]) -> Callable[[], Any]:
    return lambda: _replaced(owner, name, make(getattr(owner, name)))


def _without_fence(_refuses: Any) -> Any:
    def refuses(self: MemoryPartition, round_: Any) -> Refusal | None:
        refusal: Refusal | None = _refuses(self, round_)
        return None if refusal is not None and refusal.why is Why.FENCED else refusal

    return refuses


def _without_nonce(_refuses: Any) -> Any:
    def refuses(self: MemoryPartition, round_: Any) -> Refusal | None:
        refusal: Refusal | None = _refuses(self, round_)
        gone = round_.to_position and round_.to_position not in self.log
        return None if refusal is not None and refusal.why is Why.LOST and not gone else refusal

    return refuses


def _position_off_by_one(commit: Any) -> Any:
    def off(self: MemoryPartition, round_: Any, **more: Any) -> Refusal | None:
        refusal: Refusal | None = commit(self, round_, **more)
        if refusal is None and self.position > 1:
            self.position -= 1
            self.position_nonce = self.log[self.position].entry.nonce
        return refusal

    return off


def _without_seen_ids(load: Any) -> Any:
    def loaded(self: MemoryShards, request: Any) -> Any:
        return {
            number: tuple((record and write_record(read_record(record)), b"") for record, _ in some)
            for number, some in load(self, request).items()
        }

    return loaded


def _tick_unfenced(append_tick: Any) -> Any:
    def ticked(self: MemoryShards, request: Any) -> Any:
        with _replaced(MemoryPartition, "fenced", lambda *_: False):
            return append_tick(self, request)

    return ticked


@contextmanager
def _import_not_idempotent() -> Iterator[None]:
    """State that comes again is taken in again."""
    take = Received.take

    def taken(self: Received, item: Any, seq: int) -> bool:
        return take(self, item, seq) or isinstance(item.transfer, Import)

    with _replaced(Received, "take", taken), _replaced(Ties, "took", lambda _self, _transfer_id: False):
        yield


def _timers_left(export: Any) -> Any:
    def exported(self: Tombstones, resident: Any, *more: Any) -> bool:
        own = resident.customer
        changed: bool = export(self, resident, *more)
        if changed:
            resident.customer = replace(resident.customer, runs=own.runs, email=own.email)
        return changed

    return exported


def _stragglers_dropped(_forward: Any) -> Any:
    return lambda *_: None


def _others_deeds_unseen(join: Any) -> Any:
    def joined(self: JoinedRuns, own: Any, other: Any, did: Any, *more: Any) -> None:
        join(self, own, other, ((), ()), *more)

    return joined


def _deletion_unheard(_forget: Any) -> Any:
    async def forget(_self: MemoryLedger, _request: Any) -> int:
        return 0

    return forget


STATE = ("differs at commit", "customers instead of")
MUTANTS = (
    Mutant(name="release before commit", dies_by=("went to sender before their commit",), host=_release_before_commit),
    Mutant(
        name="no fence",
        dies_by=("A commit of one who was not the owner was taken",),
        patched=_method(MemoryPartition, "_refuses", _without_fence),
    ),
    Mutant(name="no nonce", dies_by=STATE, patched=_method(MemoryPartition, "_refuses", _without_nonce)),
    Mutant(
        name="position off by one",
        dies_by=("does not start at",),
        patched=_method(MemoryPartition, "commit", _position_off_by_one),
    ),
    Mutant(
        name="dedupe forgotten on eviction",
        dies_by=(*STATE, "Events of partition"),
        patched=_method(MemoryShards, "load", _without_seen_ids),
    ),
    Mutant(
        name="timer lost in the record",
        dies_by=STATE,
        patched=_method(Customer, "due_at_ms", lambda _due: lambda _self: None),
    ),
    Mutant(
        name="tick by a stale owner",
        dies_by=("A tick of one who was not the owner is in the log",),
        patched=_method(MemoryShards, "append_tick", _tick_unfenced),
    ),
    Mutant(name="attempt after the call", dies_by=("calls for",), dispatch=_attempt_after_call),
    Mutant(name="import not idempotent", dies_by=STATE, patched=_import_not_idempotent),
    Mutant(name="export leaves the timers", dies_by=STATE, patched=_method(Tombstones, "export", _timers_left)),
    Mutant(
        name="stragglers are dropped",
        dies_by=("not handed over", "Events of partition"),
        patched=_method(Handover, "forward", _stragglers_dropped),
    ),
    Mutant(
        name="open waits do not see what the other identity did",
        dies_by=STATE,
        patched=_method(JoinedRuns, "join", _others_deeds_unseen),
    ),
    Mutant(
        name="deletion does not reach the ledger",
        dies_by=("whose customer sender has forgotten",),
        patched=_method(MemoryLedger, "forget", _deletion_unheard),
    ),
)
