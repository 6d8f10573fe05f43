"""How fast sender takes decisions and how soon they are files: Submit over gRPC, a real store."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from pathlib import Path

from bench.figures import Figure
from sendwhen.campaigns.templates import Template, template_hash
from sendwhen.chassis.grpc_channel import open_channel
from sendwhen.v1 import email_pb2, sender_service_pb2, sender_service_pb2_grpc
from services.local.valkey_server import ValkeyConfig
from services.sender.__main__ import main
from services.sender.settings import SenderSettings
from tests.integration.valkey_process import ValkeyServer

TEMPLATE = Template(
    subject="{{ customer.first_name | default: 'Hello' }}, your {{ event.properties.product }} waits",
    text="Hello {{ customer.first_name | default: 'you' }},\n\nyour {{ event.properties.product }} is in the cart.\n",
    html="<h1>Hello</h1><p>Your <b>{{ event.properties.product }}</b> is in the cart.</p>",
)
CONTEXT = (
    b'{"event":{"name":"Product Added","id":"e1","occurred_at_ms":1,"properties":{"product":"Lamp","price":12.5}},'
    b'"customer":{"first_name":"Ada","email":"ada@example.invalid"}}'
)


def intent(number: int) -> email_pb2.SendIntent:
    now_ms = time.time_ns() // 1_000_000
    return email_pb2.SendIntent(
        send_id=f"{number:032x}",
        run_id="r",
        campaign_id="bench",
        step="0",
        template="cart",
        template_hash=template_hash(TEMPLATE),
        customer_uid=f"{number:024x}",
        to_address=f"customer-{number}@example.invalid",
        customer_seq=1,
        decided_at_ms=now_ms,
        due_at_ms=now_ms,
        context_json=CONTEXT,
        reason="because",
        trace=email_pb2.TraceStamps(event_id=str(number), ingest_received_at_us=now_ms * 1_000),
    )


def request(first: int, rows: int) -> sender_service_pb2.SubmitRequest:
    return sender_service_pb2.SubmitRequest(
        partition=0,
        lineage="bench",
        rows=[sender_service_pb2.OutboxRow(ordinal=n, intent=intent(n)) for n in range(first, first + rows)],
    )


async def _measured(
    stub: sender_service_pb2_grpc.SenderStub, folder: Path, *, emails: int, rows: int
) -> dict[str, float]:
    await stub.PutTemplates(
        sender_service_pb2.PutTemplatesRequest(
            templates={
                template_hash(TEMPLATE): email_pb2.TemplateSource(
                    subject=TEMPLATE.subject, text=TEMPLATE.text, html=TEMPLATE.html
                )
            }
        )
    )
    waits = []
    for n in range(1, 201):
        started = time.perf_counter()
        await stub.Submit(request(n, 1))
        path = folder / f"{n:032x}.eml"
        while not path.exists():  # noqa: ASYNC110  a file tells nobody that it is there
            await asyncio.sleep(0)
        waits.append((time.perf_counter() - started) * 1e3)
    started, cpu_started = time.perf_counter(), time.process_time()
    for first in range(1_000, 1_000 + emails, rows):
        await stub.Submit(request(first, rows))
    submitted = time.perf_counter() - started
    while (await _accepted(stub)) < emails + 200:  # noqa: ASYNC110  the ledger tells nobody either
        await asyncio.sleep(0.02)
    total = time.perf_counter() - started
    return {
        "submit_to_file_ms_p50": statistics.median(waits),
        "submit_to_file_ms_p99": sorted(waits)[int(len(waits) * 0.99)],
        "submit_emails_per_s": emails / submitted,
        "emails_per_s": emails / total,
        "cpu_ms_per_email": (time.process_time() - cpu_started) * 1e3 / emails,
    }


async def _accepted(stub: sender_service_pb2_grpc.SenderStub) -> int:
    answer = await stub.CountEmails(sender_service_pb2.CountEmailsRequest())
    return sum(count.emails for count in answer.counts if count.state == email_pb2.EMAIL_STATE_ACCEPTED)


async def _run(*, emails: int, rows: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="sw-") as name:
        folder = Path(name)
        config = ValkeyConfig(folder=folder / "store", socket=folder / "s", password="bench")
        server = ValkeyServer(config)
        server.start()
        stop = asyncio.Event()
        settings = SenderSettings(
            store_url=config.url(), service_token="t", admin_key="a", address_key="k" * 32, listen="127.0.0.1:7904",
            metrics_listen="127.0.0.1:0", eml_folder=folder / "mail", inbox_listen="127.0.0.1:0",
        )  # fmt: skip
        running = asyncio.create_task(main(settings, stop))
        try:
            channel = open_channel(settings.listen, key="t")
            await asyncio.wait_for(channel.channel_ready(), 10)
            figures = await _measured(
                sender_service_pb2_grpc.SenderStub(channel), folder / "mail", emails=emails, rows=rows
            )
            await channel.close()
        finally:
            stop.set()
            await running
            server.stop()
    return figures


def measure(*, emails: int = 5_000, rows: int = 100) -> list[Figure]:
    """Figures of sender alone; load generator and sender share one event loop, the store has its own process."""
    found = asyncio.run(_run(emails=emails, rows=rows))
    return [
        Figure(name="sender.submit_to_file.p50", value=found["submit_to_file_ms_p50"], unit="ms"),
        Figure(name="sender.submit_to_file.p99", value=found["submit_to_file_ms_p99"], unit="ms"),
        Figure(name="sender.submit", value=found["submit_emails_per_s"], unit="emails/s"),
        Figure(name="sender.emails", value=found["emails_per_s"], unit="emails/s", must="at least", bound=1_000),
        Figure(name="sender.cpu_per_email", value=found["cpu_ms_per_email"], unit="ms"),
    ]
