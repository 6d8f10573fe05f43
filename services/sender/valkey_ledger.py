"""The effect ledger in Valkey: one store function for each atomic step (``ledger.lua``), one slot for each address."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sendwhen.chassis.store_calls import Command
from sendwhen.errors import Overloaded, Precondition
from sendwhen.v1 import email_pb2
from services.sender.addresses import SLOTS, slot_of
from services.sender.email_row import email_of, text_of
from services.sender.ledger import (
    DELETED,
    DOUBTS_MAX,
    FINAL_NO,
    HOLDS_PLACE,
    MAY_HAVE_GONE,
    NEXT,
    TERMINAL,
    Signal,
    State,
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
from services.sender.valkey_pipeline import ValkeyPipeline
from services.sender.valkey_volumes import ValkeyVolumes
from services.sender.volume_port import Release, Released, Reserve, Reserved

_FUNCTION = "sw_sender3_"
_PENDING, _CLAIMED, _ATTEMPTED, _FULL = 1, 3, 4, -1
_TO_BE_HELD = 3
_INSTALLATION = "sw:sender"


def ledger_library() -> str:
    """The store functions' source, with the transition table built in."""
    source = (Path(__file__).parent / "ledger.lua").read_text(encoding="utf-8")
    return (
        source.replace(
            "--[[NEXT]]", ", ".join(f"[{state * 100 + signal}] = {to}" for (state, signal), to in NEXT.items())
        )
        .replace("--[[TERMINAL]]", _lua_set(sorted(TERMINAL)))
        .replace("--[[HOLDS_PLACE]]", _lua_set(sorted(HOLDS_PLACE)))
        .replace("--[[FINAL_NO]]", _lua_set(sorted(FINAL_NO)))
        .replace("--[[MAY_HAVE_GONE]]", _lua_set(sorted(MAY_HAVE_GONE)))
        .replace("--[[DELETED]]", DELETED)
        .replace("--[[STATES]]", ", ".join(f"{state.name} = {state.value}" for state in State))
        .replace("--[[SIGNALS]]", ", ".join(f"{signal.name} = {signal.value}" for signal in Signal))
        .replace("--[[DOUBTS_MAX]]0", str(DOUBTS_MAX))
    )


def _lua_set(numbers: Iterable[int]) -> str:
    return ", ".join(f"[{int(number)}] = true" for number in numbers)


def _prefix(slot: int) -> str:
    return f"sw:{{s{slot:02}}}:"


class ValkeyLedger:
    """A Ledger in Valkey.

    Attributes:
        kept_s: How long terminal rows are kept, in seconds of the wall clock.
        open_max: Emails not yet terminal, in all; more are refused. Each slot holds its share.
    """

    def __init__(self, pipeline: ValkeyPipeline, *, kept_s: int, open_max: int) -> None:
        self._pipeline = pipeline
        self._kept_s = kept_s
        self._volumes = ValkeyVolumes(pipeline, function=_FUNCTION, prefix=_prefix, kept_s=kept_s)
        self._open_max_per_slot = max(1, open_max // SLOTS)

    async def start(self, *, key_check: str) -> None:
        """Load the functions, and check that addresses are hashed with the key of this installation.

        Raises:
            LedgerLost: The store is away.
            Precondition: The ledger was written with another address key.
        """
        await self._pipeline.start()
        await self._pipeline.call("HSETNX", _INSTALLATION, "address_key_check", key_check)
        stored = await self._pipeline.call("HGET", _INSTALLATION, "address_key_check")
        if text_of(stored) != key_check:
            raise Precondition(
                "The ledger was written with another address key.",
                remedy="Set SENDWHEN_SENDER_ADDRESS_KEY to the key this installation was created with.",
            )

    async def submit(self, request: Submit) -> SubmitAnswer:
        """See Ledger."""
        by_slot: dict[tuple[int, int], list[int]] = {}
        for index, email in enumerate(request.emails):
            by_slot.setdefault((slot_of(email.address_hash), email.partition), []).append(index)
        commands = [
            self._submission(request, slot, partition, indices) for (slot, partition), indices in by_slot.items()
        ]
        answers = await self._pipeline.call_all(commands)
        if any(codes == [_FULL] for codes in answers):
            raise Overloaded("Too many emails are open in the ledger.", retry_after_ms=1_000)
        code_of: dict[int, int] = {}
        for indices, codes in zip(by_slot.values(), answers, strict=True):
            code_of.update(zip(indices, codes, strict=True))
        new = [index for index, code in code_of.items() if code]
        return SubmitAnswer(
            accepted=len(new),
            repeated=len(request.emails) - len(new),
            claimed=_first_claims(request, code_of, _CLAIMED),
            left_pending=sum(1 for index in new if code_of[index] == _PENDING),
            begun=_first_claims(request, code_of, _ATTEMPTED),
        )

    def _submission(self, request: Submit, slot: int, partition: int, indices: Sequence[int]) -> Command:
        command: list[str | bytes | int] = ["FCALL", _FUNCTION + "submit", 1, _prefix(slot)]
        command += [request.worker, request.now_ms, request.lease_ms, self._open_max_per_slot, partition]
        command += [request.attempt_lease_ms, int(request.look_at_expiry)]
        for index in indices:
            email, intent = request.emails[index], request.emails[index].intent
            command += [
                _want(email, may_claim=index < request.claim_max),
                email.lineage,
                email.ordinal,
                intent.send_id,
                intent.campaign_id,
                intent.customer_uid,
                email.address_hash,
                "1" if intent.in_doubt == email_pb2.IN_DOUBT_POLICY_AT_LEAST_ONCE else "0",
                intent.expires_at_ms,
                intent.due_at_ms,
                intent.reason,
                intent.SerializeToString(),
                intent.customer_born_seq,
            ]
        return command

    async def forget(self, request: Forget) -> int:
        """See Ledger. Every slot is asked: a customer may have had several addresses."""
        customers = [part for customer in request.customers for part in customer]
        arguments = (request.now_ms, self._kept_s, *customers)
        answers = await self._pipeline.call_all(
            [("FCALL", _FUNCTION + "forget", 1, _prefix(slot), *arguments) for slot in range(SLOTS)]
        )
        return sum(answers)

    async def reserve(self, request: Reserve) -> Reserved:
        """See Ledger."""
        return await self._volumes.reserve(request)

    async def release(self, request: Release) -> Released:
        """See Ledger."""
        return await self._volumes.release(request)

    async def claim_due(self, request: ClaimDue) -> ClaimDueAnswer:
        """See Ledger. The limit is shared out over the slots, at least one for each."""
        most = max(1, request.emails_max // SLOTS)
        arguments = (request.worker, most, request.now_ms, request.lease_ms, request.evidence_wait_ms, self._kept_s)
        answers = await self._pipeline.call_all(
            [("FCALL", _FUNCTION + "claim_due", 1, _prefix(slot), *arguments) for slot in range(SLOTS)]
        )
        return ClaimDueAnswer(
            claimed=tuple(
                _claimed(row, slot, request.worker, request.now_ms)
                for slot, (rows, *_) in enumerate(answers)
                for row in rows
            ),
            doubted=sum(answer[1] for answer in answers),
            gave_up=sum(answer[2] for answer in answers),
            more=any(answer[3] for answer in answers),
        )

    async def begin(self, request: BeginAttempt) -> Begun:
        """See Ledger."""
        claimed = request.claimed
        granted, state, attempt, duplicate, following = await self._pipeline.call(
            "FCALL", _FUNCTION + "begin", 1, _prefix(claimed.slot), claimed.send_id, claimed.worker, claimed.claim,
            request.now_ms, request.lease_ms, request.following_lease_ms, int(request.look_at_expiry), self._kept_s,
        )  # fmt: skip
        return Begun(
            granted=bool(granted),
            state=State(state),
            attempt=attempt,
            possible_duplicate=bool(duplicate),
            following=_following(following, claimed, request.now_ms),
        )

    async def settle(self, request: Settle) -> Settled:
        """See Ledger."""
        claimed = request.claimed
        state, applied, following = await self._pipeline.call(
            "FCALL", _FUNCTION + "settle", 1, _prefix(claimed.slot), claimed.send_id, claimed.worker, claimed.claim,
            request.attempt, int(request.signal), request.now_ms, request.next_at_ms, request.lease_ms, self._kept_s,
            request.detail, request.provider, request.provider_message_id, request.first_byte_at_us,
        )  # fmt: skip
        return Settled(
            state=State(state), applied=bool(applied), following=_following(following, claimed, request.now_ms)
        )

    async def emails(self, send_ids: Sequence[str], slots: Sequence[int]) -> Sequence[email_pb2.Email]:
        """See Ledger. Without slots, each of them is asked for all."""
        wanted: dict[int, list[str]] = {}
        if slots:
            for send_id, slot in zip(send_ids, slots, strict=True):
                wanted.setdefault(slot, []).append(send_id)
        else:
            wanted = {slot: list(send_ids) for slot in range(SLOTS)}
        answers = await self._pipeline.call_all(
            [("FCALL_RO", _FUNCTION + "emails", 1, _prefix(slot), *ids) for slot, ids in wanted.items()]
        )
        return [email_of(row) for rows in answers for row in rows]

    async def counts(self) -> tuple[Sequence[Count], int]:
        """See Ledger."""
        answers = await self._pipeline.call_all([("HGETALL", _prefix(slot) + "cnt") for slot in range(SLOTS)])
        totals: dict[tuple[str, int], int] = {}
        duplicates = 0
        for answer in answers:
            for name, number in _pairs(answer):
                if name == "!duplicates":
                    duplicates += int(number)
                elif not name.startswith("!"):
                    state, campaign_id = name.split("|", 1)
                    key = (campaign_id, int(state))
                    totals[key] = totals.get(key, 0) + int(number)
        counts = [
            Count(campaign_id=campaign_id, state=State(state), emails=number)
            for (campaign_id, state), number in sorted(totals.items())
            if number
        ]
        return counts, duplicates

    async def suppress(self, address_hash: str, reason: str) -> bool:
        """See Ledger."""
        key = _prefix(slot_of(address_hash)) + "sup"
        return bool(await self._pipeline.call("HSETNX", key, address_hash, reason))

    async def unsuppress(self, address_hash: str) -> bool:
        """See Ledger."""
        return bool(await self._pipeline.call("HDEL", _prefix(slot_of(address_hash)) + "sup", address_hash))


def _want(email: NewEmail, *, may_claim: bool) -> int:
    if email.held:
        return _TO_BE_HELD
    return (2 if email.attempt else 1) if may_claim else 0


def _first_claims(request: Submit, code_of: Mapping[int, int], code: int) -> tuple[Claimed, ...]:
    return tuple(_first_claim(request, email) for index, email in enumerate(request.emails) if code_of[index] == code)


def _first_claim(request: Submit, email: NewEmail) -> Claimed:
    return Claimed(
        slot=slot_of(email.address_hash),
        intent=email.intent,
        worker=request.worker,
        claim=1,
        attempts=0,
        doubts=0,
        submitted_at_ms=request.now_ms,
        claimed_at_ms=request.now_ms,
    )


def _claimed(row: Sequence[Any], slot: int, worker: str, now_ms: int) -> Claimed:
    _, claim, attempts, doubts, submitted_at_ms, body = row
    return Claimed(
        slot=slot,
        intent=email_pb2.SendIntent.FromString(body),
        worker=worker,
        claim=claim,
        attempts=attempts,
        doubts=doubts,
        submitted_at_ms=int(submitted_at_ms),
        claimed_at_ms=now_ms,
    )


def _following(row: Sequence[Any] | None, before: Claimed, now_ms: int) -> Claimed | None:
    return _claimed(row, before.slot, before.worker, now_ms) if row else None


def _pairs(answer: Any) -> list[tuple[str, str]]:
    # A pipeline answers HGETALL as a mapping; execute_command, depending on the protocol, as a flat list.
    items = answer.items() if isinstance(answer, dict) else zip(answer[::2], answer[1::2], strict=True)
    return [(text_of(name), text_of(number)) for name, number in items]
