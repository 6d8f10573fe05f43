"""Sender as a whole, in this process: gRPC in, emails out, a real store, and a SendGrid that misbehaves."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest

from sendwhen.campaigns.templates import Template, template_hash
from sendwhen.chassis.grpc_channel import open_channel
from sendwhen.chassis.settings import InvalidSettings, read_settings
from sendwhen.v1 import email_pb2, sender_service_pb2, sender_service_pb2_grpc
from services.sender.__main__ import main
from services.sender.settings import PREFIX, SenderSettings
from tests.addresses import free_address
from tests.fakes.fake_sendgrid import Behaviour, FakeSendgrid
from tests.integration.valkey_process import ValkeyServer
from tests.services.sender.emails import an_intent

pytestmark = pytest.mark.integration
TEMPLATE = Template(subject="{{ event.properties.product }} waits", text="Hello {{ customer.first_name }}")
CONTEXT = b'{"event":{"name":"A","id":"e","properties":{"product":"Lamp"}},"customer":{"first_name":"Ada"}}'


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    stub: sender_service_pb2_grpc.SenderStub
    folder: Path
    listen: str

    async def submit(self, *intents: email_pb2.SendIntent, lineage: str = "l", first: int = 1) -> tuple[int, int]:
        rows = [sender_service_pb2.OutboxRow(ordinal=first + n, intent=intent) for n, intent in enumerate(intents)]
        answer = await self.stub.Submit(sender_service_pb2.SubmitRequest(partition=3, lineage=lineage, rows=rows))
        return answer.accepted, answer.repeated_rows

    async def email(self, intent: email_pb2.SendIntent) -> email_pb2.Email:
        answer = await self.stub.GetEmails(sender_service_pb2.GetEmailsRequest(send_ids=[intent.send_id]))
        return answer.emails[0]

    async def reaches(self, intent: email_pb2.SendIntent, state: int) -> email_pb2.Email:
        deadline = time.monotonic() + 10
        while (email := await self.email(intent)).state != state:
            assert time.monotonic() < deadline, email
            await asyncio.sleep(0.01)
        return email


def intent(name: str = "first", **fields: object) -> email_pb2.SendIntent:
    now_ms = time.time_ns() // 1_000_000
    values = {"decided_at_ms": now_ms, "template_hash": template_hash(TEMPLATE), "context_json": CONTEXT, **fields}
    return an_intent(name, **values)  # type: ignore[arg-type]  # fields of SendIntent by name


@asynccontextmanager
async def running(valkey: ValkeyServer, tmp_path: Path, **more: object) -> AsyncIterator[Running]:
    values: dict[str, object] = {
        "store_url": valkey.url,
        "service_token": "service",
        "admin_key": "admin",
        "address_key": "k" * 32,
        "listen": free_address(),
        "metrics_listen": "127.0.0.1:0",
        "eml_folder": tmp_path / "mail",
        "inbox_listen": "",
        "poll_ms": 20,
        "retry_first_ms": 20,
    }
    settings = SenderSettings(**{**values, **more})  # type: ignore[arg-type]  # settings by name
    stop = asyncio.Event()
    process = asyncio.create_task(main(settings, stop))
    channel = open_channel(settings.listen, key="service")
    await asyncio.wait_for(channel.channel_ready(), 10)
    stub = sender_service_pb2_grpc.SenderStub(channel)
    source = email_pb2.TemplateSource(subject=TEMPLATE.subject, text=TEMPLATE.text, html=TEMPLATE.html)
    await stub.PutTemplates(sender_service_pb2.PutTemplatesRequest(templates={template_hash(TEMPLATE): source}))
    try:
        yield Running(stub=stub, folder=tmp_path / "mail", listen=settings.listen)
    finally:
        await channel.close()
        stop.set()
        await process


def tell(story: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(story())  # type: ignore[arg-type]  # stories are coroutines


def test_a_decision_becomes_one_file_however_often_it_is_submitted(valkey: ValkeyServer, tmp_path: Path) -> None:
    async def story() -> None:
        async with running(valkey, tmp_path) as sender:
            assert await sender.submit(intent()) == (1, 0)
            assert await sender.submit(intent()) == (0, 1)
            assert await sender.submit(intent(), lineage="other", first=9) == (0, 1)

            email = await sender.reaches(intent(), email_pb2.EMAIL_STATE_ACCEPTED)

            assert (email.attempts, email.provider) == (1, "eml")
            (path,) = sender.folder.glob("*.eml")
            assert b"Subject: Lamp waits" in path.read_bytes()

    tell(story)


def test_what_exceeds_a_campaigns_volume_waits_until_it_is_released_or_discarded(
    valkey: ValkeyServer, tmp_path: Path
) -> None:
    async def decide(sender: Running, *, discard: bool) -> int:
        request = sender_service_pb2.ReleaseHeldRequest(campaign_id="abandoned-cart", discard=discard)
        return (await sender.stub.ReleaseHeld(request)).emails

    async def story() -> None:
        async with running(valkey, tmp_path) as sender:
            many = [intent(f"e{n}", address=f"u{n}@example.invalid", volume_per_day=2) for n in range(5)]
            assert await sender.submit(*many[:4]) == (4, 0)
            assert await sender.submit(*many[:4], lineage="other") == (0, 4)
            for one in many[:2]:
                await sender.reaches(one, email_pb2.EMAIL_STATE_ACCEPTED)
            for one in many[2:4]:
                await sender.reaches(one, email_pb2.EMAIL_STATE_HELD)
            assert len(list(sender.folder.glob("*.eml"))) == 2

            assert await decide(sender, discard=False) == 2
            for one in many[2:4]:
                await sender.reaches(one, email_pb2.EMAIL_STATE_ACCEPTED)
            await sender.submit(many[4], first=5)
            await sender.reaches(many[4], email_pb2.EMAIL_STATE_ACCEPTED)
            assert await decide(sender, discard=True) == 0

    tell(story)


def test_of_a_deleted_customer_what_is_held_is_cancelled_and_the_next_life_gets_its_email(
    valkey: ValkeyServer, tmp_path: Path
) -> None:
    async def story() -> None:
        async with running(valkey, tmp_path) as sender:
            sent, held = (intent(f"e{n}", address=f"u{n}@example.invalid", volume_per_day=1) for n in range(2))
            await sender.submit(sent, held)
            await sender.reaches(held, email_pb2.EMAIL_STATE_HELD)
            await sender.reaches(sent, email_pb2.EMAIL_STATE_ACCEPTED)
            forget = sender_service_pb2.ForgetCustomer(customer_uid=held.customer_uid, customer_born_seq=7)
            later = intent("later", customer_born_seq=8)
            rows = [
                sender_service_pb2.OutboxRow(ordinal=3, forget=forget),
                sender_service_pb2.OutboxRow(ordinal=4, intent=later),
            ]
            for _ in range(2):
                await sender.stub.Submit(sender_service_pb2.SubmitRequest(partition=3, lineage="l", rows=rows))

            cancelled = await sender.reaches(held, email_pb2.EMAIL_STATE_CANCELLED)
            assert cancelled.detail == "The customer was deleted."
            await sender.reaches(later, email_pb2.EMAIL_STATE_ACCEPTED)
            assert [path.stem for path in sender.folder.glob("*.eml")] == [later.send_id]

    tell(story)


def test_a_suppressed_address_gets_nothing_and_says_so(valkey: ValkeyServer, tmp_path: Path) -> None:
    async def story() -> None:
        async with running(valkey, tmp_path) as sender:
            request = sender_service_pb2.SuppressRequest(address=" Ada@Example.invalid ", reason="asked")
            assert (await sender.stub.Suppress(request)).changed
            await sender.submit(intent())

            await sender.reaches(intent(), email_pb2.EMAIL_STATE_SUPPRESSED)

            assert list(sender.folder.glob("*.eml")) == []
            counts = (await sender.stub.CountEmails(sender_service_pb2.CountEmailsRequest())).counts
            assert [(count.state, count.emails) for count in counts] == [(email_pb2.EMAIL_STATE_SUPPRESSED, 1)]
            gone = sender_service_pb2.UnsuppressRequest(address="ada@example.invalid")
            assert (await sender.stub.Unsuppress(gone)).changed

    tell(story)


def test_no_attempt_begins_once_a_suppression_is_answered(valkey: ValkeyServer, tmp_path: Path) -> None:
    begun = {email_pb2.EMAIL_STATE_ATTEMPTED, email_pb2.EMAIL_STATE_ACCEPTED}

    async def story() -> None:
        async with running(valkey, tmp_path) as sender:
            many = [intent(f"race-{n}", address=f"race-{n}@example.invalid") for n in range(120)]

            async def begun_when_answered(number: int) -> bool:
                await asyncio.sleep(number * 0.001)
                request = sender_service_pb2.SuppressRequest(address=many[number].to_address)
                await sender.stub.Suppress(request)
                ids = sender_service_pb2.GetEmailsRequest(send_ids=[many[number].send_id])
                return any(email.state in begun for email in (await sender.stub.GetEmails(ids)).emails)

            before = [await begun_when_answered(number) for number in (0, 1)]
            racing = [asyncio.create_task(begun_when_answered(number)) for number in range(2, 118)]
            for start in range(0, 120, 10):
                await sender.submit(*many[start : start + 10], first=start + 1)
            racing_begun = await asyncio.gather(*racing)
            for one in many[118:]:
                await sender.reaches(one, email_pb2.EMAIL_STATE_ACCEPTED)
            after = [await begun_when_answered(number) for number in (118, 119)]

            for one, attempted in zip(many, [*before, *racing_begun, *after], strict=True):
                ended = email_pb2.EMAIL_STATE_ACCEPTED if attempted else email_pb2.EMAIL_STATE_SUPPRESSED
                await sender.reaches(one, ended)
            assert (before, after) == ([False, False], [True, True])

    tell(story)


def test_a_missing_value_skips_the_email_by_name(valkey: ValkeyServer, tmp_path: Path) -> None:
    async def story() -> None:
        async with running(valkey, tmp_path) as sender:
            bare = intent(context_json=b'{"event":{"name":"A","properties":{"product":"Lamp"}},"customer":{}}')
            await sender.submit(bare)

            email = await sender.reaches(bare, email_pb2.EMAIL_STATE_REJECTED)

            assert "customer.first_name is absent" in email.detail

    tell(story)


@pytest.mark.parametrize(
    ("behaviours", "state", "taken", "attempts"),
    [
        ([Behaviour.RATE_LIMITED, Behaviour.ACCEPT], email_pb2.EMAIL_STATE_ACCEPTED, 1, 2),
        ([Behaviour.DOCUMENTED_5XX, Behaviour.ACCEPT], email_pb2.EMAIL_STATE_ACCEPTED, 1, 2),
        ([Behaviour.ACCEPT_AND_DROP], email_pb2.EMAIL_STATE_GAVE_UP, 1, 1),
        ([Behaviour.UNDOCUMENTED_5XX], email_pb2.EMAIL_STATE_GAVE_UP, 0, 1),
        ([Behaviour.BAD_REQUEST], email_pb2.EMAIL_STATE_REJECTED, 0, 1),
    ],
)
def test_sendgrids_misbehaviour_leads_to_an_honest_state(
    valkey: ValkeyServer, tmp_path: Path, behaviours: list[Behaviour], state: int, taken: int, attempts: int
) -> None:
    async def story() -> None:
        fake = FakeSendgrid()
        fake.script.extend(behaviours)
        await fake.start()
        sendgrid = {"provider": "sendgrid", "sendgrid_key": "k", "sendgrid_url": fake.url, "evidence_wait_ms": 50}
        async with running(valkey, tmp_path, **sendgrid) as sender:
            await sender.submit(intent())

            email = await sender.reaches(intent(), state)

            assert (len(fake.taken), email.attempts) == (taken, attempts)
        await fake.stop()

    tell(story)


def test_at_least_once_is_sent_again_after_a_lost_reply_and_counted(valkey: ValkeyServer, tmp_path: Path) -> None:
    async def story() -> None:
        fake = FakeSendgrid()
        fake.script.append(Behaviour.ACCEPT_AND_DROP)
        await fake.start()
        sendgrid = {"provider": "sendgrid", "sendgrid_key": "k", "sendgrid_url": fake.url, "evidence_wait_ms": 50}
        async with running(valkey, tmp_path, **sendgrid) as sender:
            receipt = intent(in_doubt=email_pb2.IN_DOUBT_POLICY_AT_LEAST_ONCE)
            await sender.submit(receipt)

            await sender.reaches(receipt, email_pb2.EMAIL_STATE_ACCEPTED)

            assert [message.attempt for message in fake.taken] == ["1", "2"]
            answer = await sender.stub.CountEmails(sender_service_pb2.CountEmailsRequest())
            assert answer.possible_duplicates == 1
        await fake.stop()

    tell(story)


def test_calls_are_refused_with_what_to_do(valkey: ValkeyServer, tmp_path: Path) -> None:
    async def story() -> None:
        async with running(valkey, tmp_path) as sender:
            source = email_pb2.TemplateSource(subject="s", text="t")
            with pytest.raises(grpc.aio.AioRpcError) as wrong_hash:
                await sender.stub.PutTemplates(sender_service_pb2.PutTemplatesRequest(templates={"x": source}))
            with pytest.raises(grpc.aio.AioRpcError) as wrong_id:
                await sender.submit(intent(send_id="../x"))
            admin = open_channel(sender.listen, key="admin")
            with pytest.raises(grpc.aio.AioRpcError) as wrong_key:
                await sender_service_pb2_grpc.SenderStub(admin).Submit(sender_service_pb2.SubmitRequest())
            await admin.close()

            assert wrong_hash.value.code() is grpc.StatusCode.INVALID_ARGUMENT
            assert wrong_id.value.code() is grpc.StatusCode.INVALID_ARGUMENT
            assert wrong_key.value.code() is grpc.StatusCode.PERMISSION_DENIED

    tell(story)


def test_settings_that_cannot_be_right_complain_all_at_once() -> None:
    environ = {"STORE_URL": "x", "SERVICE_TOKEN": "t", "ADMIN_KEY": "a", "ADDRESS_KEY": "short"}
    environ |= {"CLOCK": "events", "PROVIDER": "sendgrid", "KEPT_DAYS": "3"}

    with pytest.raises(InvalidSettings) as refused:
        read_settings(SenderSettings, {PREFIX + name: value for name, value in environ.items()}, prefix=PREFIX)

    for part in ("ADDRESS_KEY", "may only write files", "SENDGRID_KEY", "KEPT_DAYS"):
        assert part in str(refused.value)
