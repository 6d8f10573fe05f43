"""The ledger in a real store keeps the contract, answers like the one in memory, and outlives the store's death."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from sendwhen.chassis.store_pool import open_async_store
from sendwhen.errors import Precondition
from sendwhen.v1 import email_pb2
from services.sender.ledger import Signal
from services.sender.ledger_port import Begun, Claimed, Ledger, LedgerLost
from services.sender.valkey_ledger import ValkeyLedger, ledger_library
from services.sender.valkey_pipeline import ValkeyPipeline
from tests.contract.ledger import ADA, LedgerContract
from tests.contract.ledger_forgetting import LedgerForgettingContract
from tests.contract.ledger_volume import LedgerVolumeContract
from tests.fakes.memory_ledger import MemoryLedger
from tests.integration.valkey_process import ValkeyServer
from tests.services.sender.emails import (
    ADDRESSES,
    EVIDENCE_MS,
    LEASE_MS,
    NOW_MS,
    a_new_email,
    an_intent,
    begin,
    claim_due,
    forget,
    settle,
    submit,
)

pytestmark = pytest.mark.integration
KEPT_S = 700_000


@asynccontextmanager
async def ledger_in(server: ValkeyServer, *, open_max: int = 1_000_000) -> AsyncIterator[ValkeyLedger]:
    store = open_async_store(server.url)
    pipeline = ValkeyPipeline(store, library=ledger_library())
    # The contract's limit is of the whole; here every slot has its share.
    ledger = ValkeyLedger(pipeline, kept_s=KEPT_S, open_max=open_max if open_max > 64 else open_max * 64)
    await ledger.start(key_check=ADDRESSES.key_check())
    yield ledger
    await pipeline.close()
    await store.aclose()


class TestValkeyLedger(LedgerContract, LedgerForgettingContract, LedgerVolumeContract):
    @pytest.fixture(autouse=True)
    def _server(self, valkey: ValkeyServer) -> None:
        self.server = valkey

    @asynccontextmanager
    async def opened(self, *, open_max: int = 1_000_000) -> AsyncIterator[Ledger]:
        async with ledger_in(self.server, open_max=open_max) as ledger:
            yield ledger


def test_content_and_address_go_when_an_email_is_over_and_the_row_stays_for_days(valkey: ValkeyServer) -> None:
    async def story() -> None:
        async with ledger_in(valkey) as ledger:
            (claimed,) = (await ledger.submit(submit(a_new_email()))).claimed
            await ledger.begin(begin(claimed))
            await ledger.settle(settle(claimed, Signal.ACCEPT))

    asyncio.run(story())

    with valkey.client() as client:
        (key,) = client.keys("*row:*")
        everything = b"".join(client.dump(name) for name in client.keys("*"))
        assert KEPT_S - 5 < client.ttl(key) <= KEPT_S
        assert b"ada@example" not in everything
        assert ADA.encode() not in everything


def test_of_a_deleted_customer_nothing_stays_that_names_or_tells(valkey: ValkeyServer) -> None:
    async def story() -> None:
        async with ledger_in(valkey) as ledger:
            held = msgspec.structs.replace(a_new_email("held", ordinal=2), held=True)
            emails = (a_new_email(), held, a_new_email("behind", ordinal=3))
            (attempted,) = (await ledger.submit(submit(*emails))).claimed
            await ledger.begin(begin(attempted))
            await ledger.forget(forget())

    asyncio.run(story())

    with valkey.client() as client:
        everything = b"".join(client.dump(name) for name in client.keys("*"))
        telling = (b"ada@example", b"Lamp", b"0" * 24, b"the cart was left")
        assert not any(word in everything for word in telling)
        assert client.keys("*cus:*") == client.keys("*hld:*") == []


def test_another_address_key_is_refused_at_start(valkey: ValkeyServer) -> None:
    async def story() -> None:
        async with ledger_in(valkey) as ledger:
            with pytest.raises(Precondition, match="another address key"):
                await ledger.start(key_check="else")

    asyncio.run(story())


def test_a_ledger_whose_store_dies_says_that_the_step_is_unknown_and_goes_on_after_a_restart(
    own_valkey: ValkeyServer,
) -> None:
    async def story() -> None:
        async with ledger_in(own_valkey) as ledger:
            (claimed,) = (await ledger.submit(submit(a_new_email()))).claimed
            own_valkey.kill()
            with pytest.raises(LedgerLost):
                await ledger.begin(begin(claimed))
            own_valkey.start()

            assert (await ledger.begin(begin(claimed))).granted

    asyncio.run(story())


def test_an_emptied_store_gets_its_functions_back(valkey: ValkeyServer) -> None:
    async def story() -> None:
        async with ledger_in(valkey) as ledger:
            with valkey.client() as client:
                client.execute_command("FUNCTION", "FLUSH")
            with pytest.raises(LedgerLost):
                await ledger.submit(submit(a_new_email()))

            assert (await ledger.submit(submit(a_new_email()))).accepted == 1

    asyncio.run(story())


STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["submit", "due", "begin", "settle", "settle", "begin", "suppress", "wait", "unsuppress", "forget"]
        ),
        st.integers(0, 5),
        st.sampled_from(list(Signal)),
        st.sampled_from([0, 1, LEASE_MS - 1, LEASE_MS, EVIDENCE_MS]),
    ),
    min_size=8,
    max_size=60,
)


@settings(
    max_examples=80,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps=STEPS)
def test_the_store_and_the_memory_answer_alike(valkey: ValkeyServer, steps: list[tuple[str, int, Signal, int]]) -> None:
    """Kills any difference between the Lua functions and the table, such as a doubt that is not taken back."""

    async def story() -> None:
        with valkey.client() as client:
            client.flushall()
        async with ledger_in(valkey) as real:
            await _compare(real, MemoryLedger(), steps)

    asyncio.run(story())


async def _compare(real: Ledger, model: Ledger, steps: list[tuple[str, int, Signal, int]]) -> None:
    now_ms = NOW_MS
    claims: list[Claimed] = []
    attempts: dict[str, int] = {}
    for place, (step, number, signal, wait_ms) in enumerate(steps):
        answers: list[object] = []
        for ledger in (real, model):
            chosen = claims[-1 - number % min(len(claims), 3)] if claims else None
            match step:
                case "submit":
                    policy = email_pb2.IN_DOUBT_POLICY_AT_LEAST_ONCE if number % 2 else 0
                    email = a_new_email(
                        "repeated" if number == 5 else f"e{place}",
                        ordinal=place + 1 if number != 4 else max(1, place),
                        address=f"c{number % 3}@example.invalid",
                        in_doubt=policy,
                        expires_at_ms=NOW_MS + 2 * EVIDENCE_MS,
                        customer_uid=str(number % 2) * 24,
                        customer_born_seq=place,
                    )
                    request = submit(email, at_ms=now_ms, claim_max=number, worker=f"w{number % 2}")
                    answers.append(await ledger.submit(request))
                case "due":
                    due = await ledger.claim_due(claim_due(now_ms, worker=f"w{number % 2}"))
                    found = sorted(due.claimed, key=lambda claimed: claimed.send_id)
                    answers.append((found, due.doubted, due.gave_up))
                case "begin" if chosen:
                    answers.append(await ledger.begin(begin(chosen, at_ms=now_ms)))
                case "settle" if chosen:
                    attempt = attempts.get(chosen.send_id, 1) if signal >= Signal.ACCEPT else 0
                    told = Signal.DOUBT if signal in (Signal.CLAIM, Signal.LEASE_OVER, Signal.EVIDENCE) else signal
                    next_at_ms = now_ms + EVIDENCE_MS
                    request_ = settle(chosen, told, attempt=attempt, at_ms=now_ms, next_at_ms=next_at_ms)
                    answers.append(await ledger.settle(request_))
                case "suppress":
                    answers.append(await ledger.suppress(ADDRESSES.hash_of(f"c{number % 3}@example.invalid"), "r"))
                case "unsuppress":
                    answers.append(await ledger.unsuppress(ADDRESSES.hash_of(f"c{number % 3}@example.invalid")))
                case "forget":
                    answers.append(await ledger.forget(forget(uid=str(number % 2) * 24, born_seq=place - number)))
                case _:
                    answers.append(None)
        assert answers[0] == answers[1], (step, place)
        if isinstance(answers[0], Begun) and chosen:
            attempts[chosen.send_id] = answers[0].attempt
        now_ms += wait_ms
        claims += _claims_in(answers[0])
    ids = [an_intent(name).send_id for name in ("repeated", *(f"e{n}" for n in range(len(steps))))]
    rows = [sorted(await ledger.emails(ids, []), key=lambda email: email.send_id) for ledger in (real, model)]
    assert rows[0] == rows[1]
    assert await real.counts() == await model.counts()


def _claims_in(answer: object) -> list[Claimed]:
    if isinstance(answer, tuple):
        return list(answer[0])
    found = list(getattr(answer, "claimed", ()))
    following = getattr(answer, "following", None)
    return found + ([following] if following else [])
