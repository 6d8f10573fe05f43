"""The SendGrid adapter against a SendGrid that misbehaves, over a real socket."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from sendwhen.chassis.clock import SystemClock
from services.sender.ports import Verdict
from services.sender.sendgrid_provider import SendgridProvider
from tests.contract.provider import Outlet, ProviderContract, a_message
from tests.fakes.fake_sendgrid import Behaviour, FakeSendgrid

pytestmark = pytest.mark.integration


class Posted:
    def __init__(self, fake: FakeSendgrid, *, timeout_ms: int = 5_000) -> None:
        self.fake = fake
        self.provider = SendgridProvider(
            key="SG.test",
            base_url=fake.url,
            sender_address="Shop <shop@example.com>",
            timeout_ms=timeout_ms,
            connections_max=20,
            clock=SystemClock(),
        )

    def texts(self) -> Sequence[tuple[str, str, str, str]]:
        found = []
        for body in (taken.body for taken in self.fake.taken):
            parts = {content["type"]: content["value"] for content in body["content"]}
            to = body["personalizations"][0]["to"][0]["email"]
            found.append((to, body["subject"], parts["text/plain"], parts.get("text/html", "")))
        return found

    async def away(self) -> None:
        await self.fake.stop()


@asynccontextmanager
async def posted(*script: Behaviour, timeout_ms: int = 5_000) -> AsyncIterator[Posted]:
    fake = FakeSendgrid()
    fake.script.extend(script)
    await fake.start()
    outlet = Posted(fake, timeout_ms=timeout_ms)
    yield outlet
    await outlet.provider.close()
    await fake.stop()


class TestSendgridProvider(ProviderContract):
    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Outlet]:
        async with posted() as outlet:
            yield outlet


@pytest.mark.parametrize(
    ("behaviour", "verdict", "taken"),
    [
        (Behaviour.ACCEPT, Verdict.ACCEPTED, 1),
        (Behaviour.ACCEPT_TWICE, Verdict.ACCEPTED, 2),
        (Behaviour.ACCEPT_AND_DROP, Verdict.UNKNOWN, 1),
        (Behaviour.HALF_A_REPLY, Verdict.UNKNOWN, 1),
        (Behaviour.READ_AND_RESET, Verdict.UNKNOWN, 0),
        (Behaviour.ACCEPT_SLOWLY, Verdict.UNKNOWN, 1),
        (Behaviour.UNDOCUMENTED_5XX, Verdict.UNKNOWN, 0),
        (Behaviour.PROXY_503, Verdict.UNKNOWN, 0),
        (Behaviour.DOCUMENTED_5XX, Verdict.NOT_PROCESSED, 0),
        (Behaviour.RATE_LIMITED, Verdict.NOT_PROCESSED, 0),
        (Behaviour.BAD_REQUEST, Verdict.REJECTED, 0),
    ],
)
def test_each_misbehaviour_is_classified_by_what_is_proven(behaviour: Behaviour, verdict: Verdict, taken: int) -> None:
    async def story() -> None:
        async with posted(behaviour, timeout_ms=300) as outlet:
            answer = await outlet.provider.send(a_message())

            assert answer.verdict is verdict
            assert answer.first_byte_at_us > 0
            assert len(outlet.fake.taken) == taken
            assert outlet.fake.requests == 1

    asyncio.run(story())


def test_a_429_says_when_to_come_back_and_an_absurd_reset_is_ignored() -> None:
    async def story() -> None:
        async with posted(Behaviour.RATE_LIMITED, Behaviour.RATE_LIMITED) as outlet:
            outlet.fake.reset_s = int(time.time()) + 60
            assert (await outlet.provider.send(a_message())).retry_at_ms == outlet.fake.reset_s * 1_000
            outlet.fake.reset_s = int(time.time()) + 1_000_000
            assert (await outlet.provider.send(a_message())).retry_at_ms == 0

    asyncio.run(story())


def test_a_name_that_does_not_resolve_is_proven_unprocessed() -> None:
    async def story() -> None:
        provider = SendgridProvider(
            key="k",
            base_url="http://nowhere.invalid",
            sender_address="a@example.com",
            timeout_ms=2_000,
            connections_max=1,
            clock=SystemClock(),
        )
        answer = await provider.send(a_message())
        await provider.close()

        assert (answer.verdict, answer.first_byte_at_us) == (Verdict.NOT_PROCESSED, 0)

    asyncio.run(story())


def test_messages_share_connections_and_carry_nothing_personal_but_the_message() -> None:
    async def story() -> None:
        async with posted() as outlet:
            for number in range(20):
                await outlet.provider.send(a_message(f"{number:032x}"))

            assert outlet.fake.connections == 1
            body = outlet.fake.taken[0].body
            assert body["personalizations"] == [
                {
                    "to": [{"email": "ada@example.invalid"}],
                    "custom_args": {"sendwhen_send_id": "0" * 32, "sendwhen_attempt": "1"},
                }
            ]
            assert body["categories"] == ["abandoned-cart"]

    asyncio.run(story())
