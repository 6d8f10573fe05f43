"""Takes decisions in: checked, durable, and handed to the dispatcher without a detour."""

from __future__ import annotations

from collections.abc import Sequence

from sendwhen.chassis.clock import Clock
from sendwhen.chassis.metrics import Meter
from sendwhen.errors import Invalid, Violation
from sendwhen.v1 import email_pb2, sender_service_pb2
from services.sender.addresses import AddressBook
from services.sender.dispatcher import Dispatcher
from services.sender.ledger_port import Forget, Ledger, NewEmail
from services.sender.ports import Keeper

ROWS_MAX = 1_000
"""Rows of one Submit."""
ID_CHARACTERS_MAX = 256
_WRONG_MAX = 20


class Submission:
    """The use case behind Submit."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        ledger: Ledger,
        keeper: Keeper | None = None,
        *,
        addresses: AddressBook,
        metrics: Meter,
        clock: Clock,
    ) -> None:
        self._keeper = keeper
        self._dispatcher = dispatcher
        self._ledger = ledger
        self._clock = clock
        self._addresses = addresses
        self._metrics = metrics

    async def submit(
        self, partition: int, lineage: str, rows: Sequence[sender_service_pb2.OutboxRow]
    ) -> tuple[int, int]:
        """Make rows durable; (new ones, known ones).

        Raises:
            Invalid: A row that no sender could have made.
            Overloaded: Too many emails are open.
            LedgerLost: Unknown; submit the same again.
        """
        _check(partition, rows)
        emails = tuple(
            NewEmail(
                partition=partition,
                ordinal=row.ordinal,
                lineage=row.lineage or lineage,
                address_hash=self._addresses.hash_of(row.intent.to_address),
                intent=row.intent,
            )
            for row in rows
            if not row.HasField("forget")
        )
        answer = await self._dispatcher.submit(emails)
        if answer.repeated:
            self._metrics.count("sendwhen_duplicates_dropped_total", answer.repeated, source="outbox")
        await self._forget([row.forget for row in rows if row.HasField("forget")])
        return answer.accepted, answer.repeated

    async def _forget(self, customers: Sequence[sender_service_pb2.ForgetCustomer]) -> None:
        # After the decisions of the same call: those of the life that ended are there, those of the next are others.
        if not customers:
            return
        forget = Forget(
            customers=tuple((one.customer_uid, one.customer_born_seq) for one in customers), now_ms=self._clock.now_ms()
        )
        if ended := await self._ledger.forget(forget):
            self._metrics.count("sendwhen_emails_total", ended, campaign="_resolved", state="cancelled")
        if self._keeper is not None:
            await self._keeper.forget(forget.customers)


def _check(partition: int, rows: Sequence[sender_service_pb2.OutboxRow]) -> None:
    wrong: list[Violation] = []
    if len(rows) > ROWS_MAX:
        wrong.append(Violation(field="rows", description=f"At most {ROWS_MAX} rows in one call."))
    if partition < 0:
        wrong.append(Violation(field="partition", description="A partition's number, from 0."))
    last: dict[str, int] = {}
    for index, row in enumerate(rows[:ROWS_MAX]):
        place = f"rows[{index}]"
        if row.ordinal <= last.get(row.lineage, 0):
            wrong.append(Violation(field=f"{place}.ordinal", description="Ordinals start at 1 and ascend."))
        last[row.lineage] = row.ordinal
        wrong += _wrong_of_row(row, place)
        if len(wrong) > _WRONG_MAX:
            break
    if wrong:
        raise Invalid.of(wrong[:_WRONG_MAX])


def _wrong_of(intent: email_pb2.SendIntent, place: str) -> list[Violation]:
    wrong = [
        _wrong_id(f"{place}.{name}")
        for name in ("send_id", "campaign_id", "customer_uid", "template_hash")
        if not is_id(getattr(intent, name))
    ]
    if intent.volume_per_day < 0:
        wrong.append(Violation(field=f"{place}.volume_per_day", description="A number of emails, 0 for no bound."))
    # The id becomes the name of a file.
    if not intent.send_id.isalnum() or not intent.send_id.isascii():
        wrong.append(Violation(field=f"{place}.send_id", description="32 hexadecimal digits."))
    # An address that is none is taken and rejected by name later: refusing it here would hold up all rows behind it.
    return wrong


def _wrong_of_row(row: sender_service_pb2.OutboxRow, place: str) -> list[Violation]:
    if not row.HasField("forget"):
        return _wrong_of(row.intent, f"{place}.intent")
    return [] if is_id(row.forget.customer_uid) else [_wrong_id(f"{place}.forget.customer_uid")]


def _wrong_id(field: str) -> Violation:
    return Violation(field=field, description=f"1 to {ID_CHARACTERS_MAX} characters, no control characters.")


def is_id(text: str) -> bool:
    """Whether it may be an id: the ledger keeps it, and makes names of keys of it."""
    return 0 < len(text) <= ID_CHARACTERS_MAX and text.isprintable()
