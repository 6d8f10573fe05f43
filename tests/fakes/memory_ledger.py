"""The effect ledger in memory, by the same table; it passed the contract that the store's passes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from sendwhen.errors import Overloaded
from sendwhen.v1 import email_pb2
from services.sender.addresses import slot_of
from services.sender.ledger import (
    DELETED,
    DOUBTS_MAX,
    HOLDS_PLACE,
    MAY_HAVE_GONE,
    TERMINAL,
    Signal,
    State,
    next_state,
)
from services.sender.ledger_port import (
    BeginAttempt,
    Begun,
    ClaimDue,
    ClaimDueAnswer,
    Claimed,
    Count,
    Forget,
    NewEmail,
    Settle,
    Settled,
    Submit,
    SubmitAnswer,
)
from services.sender.valkey_volumes import released_expiry_ms
from services.sender.volume_port import Release, Released, Reserve, Reserved

LINEAGES_MAX = 16


@dataclass(slots=True)
class Row:
    """One email. ``intent`` is None once it is over."""

    send_id: str
    campaign_id: str
    uid: str
    address_hash: str
    expires_at_ms: int
    due_at_ms: int
    reason: str
    again: bool
    intent: email_pb2.SendIntent | None
    submitted_at_ms: int
    changed_at_ms: int
    next_at_ms: int
    state: State = State.PENDING
    attempts: int = 0
    doubts: int = 0
    claim: int = 0
    worker: str = ""
    queued: bool = True
    duplicate: bool = False
    detail: str = ""
    provider: str = ""
    message_id: str = ""
    first_byte_at_us: int = 0
    born_seq: int = 0
    forgotten: bool = False


class MemoryLedger:
    """A Ledger in memory. No method waits, so a scheduler without an event loop may run them to their end."""

    def __init__(self, *, open_max: int = 1_000_000) -> None:
        self.rows: dict[str, Row] = {}
        self.suppressed: dict[str, str] = {}
        self.possible_duplicates = 0
        self._due: dict[str, int] = {}
        self._queues: dict[str, list[str]] = {}
        self._marks: dict[tuple[int, int], dict[str, int]] = {}
        self._open_max = open_max
        self.volumes: dict[tuple[str, str], set[str]] = {}
        self.lifted: set[tuple[str, str]] = set()
        self.exceeded: set[tuple[str, str]] = set()

    async def submit(self, request: Submit) -> SubmitAnswer:
        if sum(row.state not in TERMINAL for row in self.rows.values()) >= self._open_max:
            raise Overloaded("Too many emails are open in the ledger.")
        seen: set[str] = set()
        codes = []
        for index, email in enumerate(request.emails):
            may_claim, send_id = index < request.claim_max, email.intent.send_id
            code = self._take(email, request, may_claim=may_claim)
            if code == "known" and may_claim and email.attempt and send_id not in seen:
                code = self._asked_again(send_id, request.worker)
            seen.add(send_id)
            codes.append(code)
        return SubmitAnswer(
            accepted=sum(code != "known" for code in codes),
            repeated=codes.count("known"),
            claimed=self._coded(request, codes, "claimed"),
            left_pending=codes.count("pending"),
            begun=self._coded(request, codes, "attempted"),
        )

    def _coded(self, request: Submit, codes: Sequence[str], wanted: str) -> tuple[Claimed, ...]:
        claims = (
            self._claimed(self.rows[email.intent.send_id], request.now_ms)
            for email, code in zip(request.emails, codes, strict=True)
            if code == wanted
        )
        # As they were before the attempt that begins with their acceptance.
        return tuple(msgspec.structs.replace(claimed, attempts=0) for claimed in claims)

    def _asked_again(self, send_id: str, worker: str) -> str:
        row = self.rows.get(send_id)
        ours = row is not None and row.claim == 1 and row.worker == worker
        return "claimed" if ours and row.state in (State.CLAIMED, State.ATTEMPTED) else "known"

    def _take(self, email: NewEmail, request: Submit, *, may_claim: bool) -> str:
        marks = self._marks.setdefault((slot_of(email.address_hash), email.partition), {})
        if email.ordinal <= marks.get(email.lineage, 0):
            return "known"
        marks.pop(email.lineage, None)
        marks[email.lineage] = email.ordinal
        while len(marks) > LINEAGES_MAX:
            del marks[next(iter(marks))]
        intent = email.intent
        if intent.send_id in self.rows:
            return "known"
        row = Row(
            send_id=intent.send_id,
            campaign_id=intent.campaign_id,
            uid=intent.customer_uid,
            address_hash=email.address_hash,
            expires_at_ms=intent.expires_at_ms,
            due_at_ms=intent.due_at_ms,
            reason=intent.reason,
            again=intent.in_doubt == email_pb2.IN_DOUBT_POLICY_AT_LEAST_ONCE,
            intent=intent,
            submitted_at_ms=request.now_ms,
            changed_at_ms=request.now_ms,
            next_at_ms=request.now_ms,
            born_seq=intent.customer_born_seq,
        )
        self.rows[intent.send_id] = row
        if email.held:
            row.state, row.queued, row.next_at_ms = State.HELD, False, 0
            return "held"
        queue = self._queues.setdefault(email.address_hash, [])
        queue.append(intent.send_id)
        if len(queue) > 1:
            return "behind"
        self._due[row.send_id] = request.now_ms
        if not may_claim:
            return "pending"
        self._claim(row, request.worker, request.now_ms, request.lease_ms)
        over = request.look_at_expiry and 0 < row.expires_at_ms <= request.now_ms
        if not email.attempt or over or row.address_hash in self.suppressed:
            return "claimed"
        row.attempts = 1
        self._move(
            row, next_state(row.state, Signal.ATTEMPT), request.now_ms, request.now_ms + request.attempt_lease_ms
        )
        return "attempted"

    async def forget(self, request: Forget) -> int:
        ended = 0
        for uid, born_seq in request.customers:
            rows = [
                r for r in self.rows.values() if r.uid == uid and r.born_seq <= born_seq and r.state not in TERMINAL
            ]
            for row in rows:
                row.uid, row.reason, row.intent, row.detail = "", "", None, DELETED
                if row.state in MAY_HAVE_GONE:
                    row.forgotten, row.again = True, False
                    continue
                self._move(row, next_state(row.state, Signal.FORGET, open_doubts=row.doubts), request.now_ms, 0)
                ended += 1
        return ended

    async def reserve(self, request: Reserve) -> Reserved:
        place = request.campaign_id, request.day
        granted = self.volumes.setdefault(place, set())
        held = []
        for send_id in request.send_ids:
            if send_id in granted or place in self.lifted:
                continue
            if len(granted) < request.at_most:
                granted.add(send_id)
            else:
                held.append(send_id)
        is_first = bool(held) and place not in self.exceeded
        if held:
            self.exceeded.add(place)
        return Reserved(held=tuple(held), is_first=is_first)

    async def release(self, request: Release) -> Released:
        if not request.discard:
            self.lifted.add((request.campaign_id, request.day))
        held = [r for r in self.rows.values() if r.state is State.HELD and r.campaign_id == request.campaign_id]
        for row in held[: request.emails_max]:
            if request.discard:
                self._move(row, next_state(row.state, Signal.DISCARD), request.now_ms, 0)
                continue
            assert row.intent is not None
            row.expires_at_ms = released_expiry_ms(row.expires_at_ms, row.due_at_ms, request.now_ms)
            row.intent = email_pb2.SendIntent.FromString(row.intent.SerializeToString())
            row.intent.expires_at_ms = row.expires_at_ms
            row.submitted_at_ms = request.now_ms
            row.queued = True
            self._queues.setdefault(row.address_hash, []).append(row.send_id)
            self._move(row, next_state(row.state, Signal.RELEASE), request.now_ms, request.now_ms)
        return Released(emails=len(held[: request.emails_max]), more=len(held) > request.emails_max)

    async def claim_due(self, request: ClaimDue) -> ClaimDueAnswer:
        now_ms = request.now_ms
        due = sorted((at, send_id) for send_id, at in self._due.items() if at <= now_ms)
        claimed: list[Claimed] = []
        doubted = gave_up = 0
        for _, send_id in due[: request.emails_max]:
            row = self.rows[send_id]
            if row.state is State.CLAIMED:
                self._move(row, next_state(row.state, Signal.LEASE_OVER), now_ms, now_ms)
            if row.state is State.ATTEMPTED:
                row.doubts += 1
                row.detail = "The process ended or hung during the attempt."
                next_at_ms = now_ms + request.evidence_wait_ms
                self._move(row, next_state(row.state, Signal.LEASE_OVER), now_ms, next_at_ms)
                doubted += 1
            elif row.state is State.IN_DOUBT and not (row.again and row.doubts <= DOUBTS_MAX):
                self._move(row, next_state(row.state, Signal.GIVE_UP), now_ms, 0)
                gave_up += 1
            elif row.queued and self._queues[row.address_hash][0] != send_id:
                del self._due[send_id]
            else:
                claimed.append(self._claim(row, request.worker, now_ms, request.lease_ms))
        more = len(due) >= request.emails_max or any(at <= now_ms for at in self._due.values())
        return ClaimDueAnswer(claimed=tuple(claimed), doubted=doubted, gave_up=gave_up, more=more)

    async def begin(self, request: BeginAttempt) -> Begun:
        claimed, now_ms = request.claimed, request.now_ms
        row = self.rows.get(claimed.send_id)
        if row is None:
            return Begun(granted=False, state=State.EXPIRED, attempt=0)
        again = row.state is State.ATTEMPTED
        if not self._ours(row, claimed) or row.state not in (State.CLAIMED, State.ATTEMPTED):
            return Begun(granted=False, state=row.state, attempt=row.attempts)
        signal = Signal.ATTEMPT
        if row.address_hash in self.suppressed:
            signal = Signal.SUPPRESS
        elif request.look_at_expiry and 0 < row.expires_at_ms <= now_ms and not again:
            signal = Signal.EXPIRE
        if row.forgotten:
            signal = Signal.FORGET
        if signal is not Signal.ATTEMPT:
            head = self._move(row, next_state(row.state, signal, open_doubts=row.doubts), now_ms, 0)
            following = self._claim_head(head, claimed.worker, now_ms, request.following_lease_ms)
            return Begun(granted=False, state=row.state, attempt=row.attempts, following=following)
        if not again:
            if row.doubts and not row.duplicate:
                row.duplicate = True
                self.possible_duplicates += 1
            row.attempts += 1
            self._move(row, next_state(row.state, signal), now_ms, now_ms + request.lease_ms)
        return Begun(granted=True, state=row.state, attempt=row.attempts, possible_duplicate=row.doubts > 0)

    async def settle(self, request: Settle) -> Settled:
        claimed, signal = request.claimed, request.signal
        row = self.rows.get(claimed.send_id)
        if row is None:
            return Settled(state=State.EXPIRED, applied=False)
        if self._ours(row, claimed):
            fits = (
                row.state is State.CLAIMED
                if request.attempt == 0
                else row.attempts == request.attempt and row.state in (State.ATTEMPTED, State.IN_DOUBT)
            )
            if not fits:
                return Settled(state=row.state, applied=False)
        elif signal is Signal.ACCEPT:
            signal = Signal.EVIDENCE
        else:
            return Settled(state=row.state, applied=False)
        open_doubts = row.doubts - (row.state is State.IN_DOUBT)
        next_at_ms = request.next_at_ms
        if row.forgotten and signal is Signal.NOT_PROCESSED:
            signal, next_at_ms = Signal.FORGET, 0
        to = next_state(row.state, signal, open_doubts=open_doubts)
        if to is row.state:
            return Settled(state=row.state, applied=False)
        if to is State.IN_DOUBT:
            row.doubts += 1
        elif row.state is State.IN_DOUBT or (signal is Signal.EVIDENCE and row.doubts):
            row.doubts -= 1
        row.detail = request.detail
        row.provider = request.provider or row.provider
        row.message_id = request.provider_message_id or row.message_id
        row.first_byte_at_us = row.first_byte_at_us or request.first_byte_at_us
        head = self._move(row, to, request.now_ms, next_at_ms)
        following = self._claim_head(head, claimed.worker, request.now_ms, request.lease_ms)
        return Settled(state=to, applied=True, following=following)

    async def emails(self, send_ids: Sequence[str], slots: Sequence[int]) -> Sequence[email_pb2.Email]:
        return [
            email_pb2.Email(
                send_id=row.send_id,
                campaign_id=row.campaign_id,
                customer_uid=row.uid,
                state=email_pb2.EmailState.Name(row.state.value),
                attempts=row.attempts,
                doubts=row.doubts,
                provider_message_id=row.message_id,
                provider=row.provider,
                detail=row.detail,
                changed_at_ms=row.changed_at_ms,
                next_at_ms=row.next_at_ms,
                due_at_ms=row.due_at_ms,
                first_byte_at_us=row.first_byte_at_us,
                reason=row.reason,
            )
            for send_id in send_ids
            if (row := self.rows.get(send_id)) is not None
        ]

    async def counts(self) -> tuple[Sequence[Count], int]:
        totals: dict[tuple[str, State], int] = {}
        for row in self.rows.values():
            key = (row.campaign_id, row.state)
            totals[key] = totals.get(key, 0) + 1
        counts = [Count(campaign_id=name, state=state, emails=n) for (name, state), n in sorted(totals.items())]
        return counts, self.possible_duplicates

    async def suppress(self, address_hash: str, reason: str) -> bool:
        changed = address_hash not in self.suppressed
        self.suppressed.setdefault(address_hash, reason)
        return changed

    async def unsuppress(self, address_hash: str) -> bool:
        return self.suppressed.pop(address_hash, None) is not None

    def _ours(self, row: Row, claimed: Claimed) -> bool:
        return row.claim == claimed.claim and row.worker == claimed.worker

    def _claim(self, row: Row, worker: str, now_ms: int, lease_ms: int) -> Claimed:
        row.claim += 1
        row.worker = worker
        self._move(row, next_state(row.state, Signal.CLAIM), now_ms, now_ms + lease_ms)
        return self._claimed(row, now_ms)

    def _claimed(self, row: Row, now_ms: int) -> Claimed:
        assert row.intent is not None
        return Claimed(
            slot=slot_of(row.address_hash),
            intent=row.intent,
            worker=row.worker,
            claim=row.claim,
            attempts=row.attempts,
            doubts=row.doubts,
            submitted_at_ms=row.submitted_at_ms,
            claimed_at_ms=now_ms,
        )

    def _claim_head(self, head: str | None, worker: str, now_ms: int, lease_ms: int) -> Claimed | None:
        if head is None or lease_ms == 0 or self.rows[head].state is not State.PENDING:
            return None
        return self._claim(self.rows[head], worker, now_ms, lease_ms)

    def _move(self, row: Row, to: State, now_ms: int, next_at_ms: int) -> str | None:
        head: str | None = None
        if row.queued and to not in HOLDS_PLACE:
            row.queued = False
            queue = self._queues[row.address_hash]
            was_first = queue[0] == row.send_id
            queue.remove(row.send_id)
            if queue and was_first:
                head = queue[0]
                self._due[head] = now_ms
        row.state, row.changed_at_ms, row.next_at_ms = to, now_ms, next_at_ms
        if to in TERMINAL:
            row.intent, row.worker = None, ""
            self._due.pop(row.send_id, None)
        else:
            self._due[row.send_id] = next_at_ms
        return head
