"""Bad input at sender and profile, which only other services call: never our fault, never stopped, never growing."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message

from sendwhen.campaigns.templates import Template, template_hash
from sendwhen.chassis.grpc_channel import bearer
from sendwhen.domain.customer import Customer, Field
from sendwhen.domain.partition import customer_uid
from sendwhen.domain.record import write_record
from sendwhen.v1 import email_pb2, profile_service_pb2, profile_service_pb2_grpc, sender_service_pb2
from sendwhen.v1 import profile_service_pb2 as profile_pb
from sendwhen.v1 import sender_service_pb2 as sender_pb
from sendwhen.v1 import sender_service_pb2_grpc as sender_grpc
from services.profile.__main__ import main as run_profile
from services.profile.settings import Settings as ProfileSettings
from services.sender.__main__ import main as run_sender
from services.sender.settings import SenderSettings
from tests.addresses import free_address
from tests.fuzz.storm import OURS_TO_MEND, rss_bytes, storm
from tests.integration.valkey_process import ValkeyServer
from tests.services.sender.emails import an_intent

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(600)]

SEED = int(os.environ.get("SENDWHEN_FUZZ_SEED", "1"))
CALLS = int(os.environ.get("SENDWHEN_FUZZ_CALLS", "5000"))
GROWTH_BYTES_MAX = 60_000_000
TOKEN, ADMIN = "token", "admin"
TEMPLATE = Template(subject="Hello", text="Hello {{ customer.first_name | default: 'you' }}")
DEADLINE_S = 20.0


async def weather(
    service: Callable[[asyncio.Event], Coroutine[Any, Any, None]],
    target: str,
    module: Any,
    name: str,
    valid: Mapping[str, Message],
    after: Callable[[grpc.aio.Channel], Coroutine[Any, Any, None]],
) -> dict[str, Counter[grpc.StatusCode]]:
    """Let a service live through a short storm and the whole one; it must then work and not have grown."""
    stop = asyncio.Event()
    living = asyncio.create_task(service(stop))
    descriptor = module.DESCRIPTOR.services_by_name[name]
    keys = {"": TOKEN}
    try:
        async with grpc.aio.insecure_channel(target) as channel:
            await asyncio.wait_for(channel.channel_ready(), DEADLINE_S)
        await storm(target, descriptor, key_of=keys, calls=min(100, CALLS), seed=SEED + 1, valid=valid)
        gc.collect()
        before = rss_bytes()
        codes = await storm(target, descriptor, key_of=keys, calls=CALLS, seed=SEED, valid=valid)
        gc.collect()
        growth = rss_bytes() - before
        sys.stdout.write(f"{told(codes)} {growth}\n")
        assert not living.done()
        async with grpc.aio.insecure_channel(target) as channel:
            await after(channel)
        assert growth < GROWTH_BYTES_MAX, f"memory grew by {growth} bytes"
    finally:
        stop.set()
        await asyncio.wait_for(living, 60)
    for counts in codes.values():
        assert sum(counts.values()) == 2 * CALLS
        assert not OURS_TO_MEND & set(counts), told(codes)
    return codes


def told(codes: Mapping[str, Counter[grpc.StatusCode]]) -> dict[str, dict[str, int]]:
    return {method: {code.name: count for code, count in counts.items()} for method, counts in codes.items()}


async def test_sender_weathers_random_bytes_and_messages(valkey: ValkeyServer, tmp_path: Path) -> None:
    settings = SenderSettings(
        store_url=valkey.url, service_token=TOKEN, admin_key=ADMIN, address_key="k" * 32, listen=free_address(),
        metrics_listen="127.0.0.1:0", eml_folder=tmp_path / "mail", inbox_listen="", log_level="error",
    )  # fmt: skip
    intent = an_intent(template_hash=template_hash(TEMPLATE), decided_at_ms=time.time_ns() // 1_000_000)
    source = email_pb2.TemplateSource(subject=TEMPLATE.subject, text=TEMPLATE.text)
    submit = sender_pb.SubmitRequest(
        partition=3, lineage="l", rows=[sender_pb.OutboxRow(ordinal=n, intent=intent) for n in (1, 2)]
    )
    put = sender_pb.PutTemplatesRequest(templates={template_hash(TEMPLATE): source})
    valid: dict[str, Message] = {
        "Submit": submit,
        "PutTemplates": put,
        "GetEmails": sender_pb.GetEmailsRequest(send_ids=[intent.send_id, "a"], slots=[1, 2]),
        "Suppress": sender_pb.SuppressRequest(address="bob@example.invalid", reason="asked"),
        "Unsuppress": sender_pb.UnsuppressRequest(address="bob@example.invalid"),
    }

    async def works(channel: grpc.aio.Channel) -> None:
        sender, key = sender_grpc.SenderStub(channel), bearer(TOKEN)
        await sender.PutTemplates(put, metadata=key, timeout=DEADLINE_S)
        fresh = an_intent("afterwards", address="carl@example.invalid", template_hash=template_hash(TEMPLATE))
        fresh.decided_at_ms = time.time_ns() // 1_000_000
        row = sender_pb.OutboxRow(ordinal=1, intent=fresh)
        await sender.Submit(
            sender_pb.SubmitRequest(partition=4, lineage="own", rows=[row]), metadata=key, timeout=DEADLINE_S
        )
        deadline = time.monotonic() + 60
        while not (settings.eml_folder / f"{fresh.send_id}.eml").exists():
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)

    codes = await weather(
        lambda stop: run_sender(settings, stop), settings.listen, sender_service_pb2, "Sender", valid, works
    )
    assert set(codes) == set(sender_service_pb2.DESCRIPTOR.services_by_name["Sender"].methods_by_name)
    assert all(counts[grpc.StatusCode.OK] for counts in codes.values())


async def test_profile_weathers_random_bytes_and_messages(valkey: ValkeyServer) -> None:
    uid = customer_uid("user:ada@example.com")
    ada = Customer(uid=uid, user_id="ada@example.com", seq=3, fields={"plan": Field(b'"pro"', 1, 3, "grpc")})
    with valkey.client() as store:
        store.hset("sw:installation", mapping={"format": 1, "partitions": 1, "clock": "wall", "created_at_ms": 1})
        store.hset("sw:{p0}:head", mapping={"changes": 0, "position": 3, "position_ts": 1})
        store.hset("sw:{p0}:rec", uid, write_record(ada))
    settings = ProfileSettings(
        store_url=valkey.url, service_token=TOKEN, listen=free_address(), metrics_listen="", log_level="error"
    )
    get = profile_pb.GetRequest(
        id=profile_pb.CustomerId(user_id="ada@example.com"),
        freshness=profile_pb.Freshness(at_least_seq=3, max_age_ms={"plan": 1}),
    )
    valid: dict[str, Message] = {"Get": get, "BatchGet": profile_pb.BatchGetRequest(requests=[get, get])}

    async def works(channel: grpc.aio.Channel) -> None:
        profile = profile_service_pb2_grpc.ProfileStub(channel)
        found = await profile.Get(profile_pb.GetRequest(id=get.id), metadata=bearer(TOKEN), timeout=DEADLINE_S)
        assert found.customer.fields["plan"].value_json == b'"pro"'

    codes = await weather(
        lambda stop: run_profile(settings, stop), settings.listen, profile_service_pb2, "Profile", valid, works
    )
    assert len(codes) == 2
    assert all(counts[grpc.StatusCode.OK] for counts in codes.values())
