"""What the running system shows of itself (metrics, health, reflection, logs), to whom, and what it never tells."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import grpc
import psutil
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from sendwhen.chassis.grpc_channel import bearer
from sendwhen.client import Client, Event, connect
from sendwhen.errors import SendwhenError
from sendwhen.v1 import (
    email_pb2,
    event_pb2,
    ingest_service_pb2,
    profile_service_pb2,
    profile_service_pb2_grpc,
    sender_service_pb2,
    trigger_service_pb2,
    trigger_service_pb2_grpc,
)
from tests.e2e.installation import Installation
from tests.fakes.otlp_collector import OtlpCollector

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(400)]

SERVICES = {
    "ingest": "sendwhen.v1.Ingest",
    "trigger": "sendwhen.v1.Trigger",
    "profile": "sendwhen.v1.Profile",
    "sender": "sendwhen.v1.Sender",
}
MARK = "Q" + uuid4().hex[:10]
"""In every address, id and value that this module sends about anybody."""
EMAILS = 20
GOOD_EMAILS = EMAILS + EMAILS // 2 + 1
"""One for each order, one more where its price is a number, and one for the cart."""
DEADLINE_S = 20.0
WITHIN_S = 60.0
DAY_MS = 86_400_000
CAMPAIGNS = {
    "thanks": ("match: {event: Ordered}", "Thanks, {{ customer.first_name }}", "{{ event.properties.product }}"),
    "dear": ("match: {event: Ordered, where: event.properties.price > 10}", "Dear", "{{ event.properties.product }}"),
    "bare": ("match: {event: Bare}", "Hello {{ customer.nickname }}", "{{ event.properties.product }}"),
    "broken": ("match: {event: Broken}", "Broken", "{{ event.properties.product | uniq: 'k' }}"),
    "cart": (
        "absence: {start: {event: Put In Cart}, unless: [{event: Ordered}], for: 500ms}",
        "Still there?",
        "{{ start.properties.product }}",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """A running system through which all sorts of events went."""

    installation: Installation
    collector: OtlpCollector

    def key(self, name: str) -> str:
        return self.installation.secrets[name]

    def channel(self, service: str) -> grpc.Channel:
        return grpc.insecure_channel(self.installation.target(service))

    def pages(self) -> dict[str, str]:
        """Every metrics page there is."""
        host, _, port = self.installation.target("shard_metrics").rpartition(":")
        targets = {name: self.installation.target(f"{name}_metrics") for name in SERVICES}
        targets |= {f"shard {number}": f"{host}:{int(port) + number}" for number in range(2)}
        return {name: page(target) for name, target in targets.items()}


def page(target: str) -> str:
    with urllib.request.urlopen(f"http://{target}/metrics", timeout=DEADLINE_S) as answer:
        assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
        body: str = answer.read().decode()
    return body


def a_customer(number: int, **more: object) -> Event:
    mark = f"{MARK}-{number}"
    values: dict[str, object] = {
        "name": "Ordered",
        "user_id": f"user-{mark}",
        "email": f"box-{mark}@example.invalid",
        "properties": {"product": f"lamp-{mark}", "price": f"dear-{mark}" if number % 2 else 20},
        "attributes": {"first_name": f"ada-{mark}"},
    }
    return Event(**{**values, **more})  # type: ignore[arg-type]  # fields of Event by name


async def feed(life: Life) -> None:
    now_ms = time.time_ns() // 1_000_000
    async with connect(life.installation.target("ingest"), write_key=life.key("write_key")) as client:
        await client.track_batch([a_customer(number) for number in range(EMAILS)])
        # Those for whom something is wrong: no value, a filter that fails, no address, too late, too early, nobody.
        strange = [
            a_customer(100, name="Bare"),
            a_customer(101, name="Broken"),
            a_customer(102, email=""),
            a_customer(103, occurred_at_ms=now_ms - 3 * DAY_MS),
            a_customer(104, occurred_at_ms=now_ms + 3 * DAY_MS),
            a_customer(105, user_id="", email=""),
            a_customer(106, email=f"no address {MARK}"),
            a_customer(107, user_id=f"user {MARK}\n"),
            a_customer(108, properties={"product": MARK * 4_000}),
            a_customer(109, name="Put In Cart"),
        ]
        await client.track_batch(strange)
        for event in strange[5:9]:
            with contextlib.suppress(SendwhenError):
                await client.track(event.name, user_id=event.user_id, email=event.email, properties=event.properties)
        await applied(client, a_customer(0, name="Seen"))
    await asyncio.to_thread(pester, life)


async def applied(client: Client, event: Event) -> tuple[int, int]:
    position = await client.track(
        event.name, user_id=event.user_id, email=event.email, attributes=event.attributes, wait_applied=True
    )
    return position.partition, position.seq


def pester(life: Life) -> None:
    """Calls with personal values that are refused, or that come to nothing."""
    rubbish = b"\xff\xff" + MARK.encode()
    broken = event_pb2.Event(event_id="e", name="n", user_id=MARK, properties_json=b'{"a": "' + MARK.encode())
    append = trigger_service_pb2.AppendRequest(events=[rubbish], routing_hashes=[1], occurred_at_ms=[0])
    nobody = profile_service_pb2.CustomerId(user_id=f"nobody-{MARK}")
    intent = email_pb2.SendIntent(send_id=f"../{MARK}", to_address=f"{MARK}@example.invalid")
    row = sender_service_pb2.OutboxRow(ordinal=1, intent=intent)
    calls: list[tuple[str, str, str, object]] = [
        ("ingest", "Track", "write_key", ingest_service_pb2.TrackRequest(event=broken)),
        ("ingest", "Track", "write_key", rubbish),
        ("trigger", "Append", "service_token", append),
        ("trigger", "Why", "admin_key", trigger_service_pb2.WhyRequest(id=nobody, campaign_id="thanks")),
        ("profile", "Get", "service_token", profile_service_pb2.GetRequest(id=nobody)),
        ("sender", "Submit", "service_token", sender_service_pb2.SubmitRequest(rows=[row])),
        ("sender", "GetEmails", "admin_key", sender_service_pb2.GetEmailsRequest(send_ids=[MARK])),
        ("sender", "Suppress", "admin_key", sender_service_pb2.SuppressRequest(address=f"no {MARK}", reason=MARK)),
        ("sender", "Suppress", "admin_key", sender_service_pb2.SuppressRequest(address=f"box-{MARK}-200@a.invalid")),
    ]
    for service, method, key, request in calls:
        call_raw(life, service, method, life.key(key), request)


def call_raw(life: Life, service: str, method: str, key: str, request: object) -> grpc.StatusCode:
    content = request if isinstance(request, bytes) else request.SerializeToString()  # type: ignore[attr-defined]
    with life.channel(service) as channel:
        try:
            channel.unary_unary(f"/{SERVICES[service]}/{method}")(
                content, metadata=bearer(key) if key else (), timeout=DEADLINE_S
            )
        except grpc.RpcError as error:
            code: grpc.StatusCode = error.code()
            return code
    return grpc.StatusCode.OK


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    folder = tmp_path_factory.mktemp("seeing")
    for name, (trigger, subject, text) in CAMPAIGNS.items():
        place = folder / "campaigns" / name
        place.mkdir(parents=True)
        (place / "campaign.yaml").write_text(
            f"campaign: {name}\ntrigger:\n  {trigger}\nsteps: [{{send: mail}}]\nsend: {{category: transactional}}\n"
        )
        (place / "mail.subject.liquid").write_text(subject)
        (place / "mail.text.liquid").write_text(text)
    with OtlpCollector() as collector:
        # The chattiest level shows the most.
        environ = {f"SENDWHEN_{name.upper()}_LOG_LEVEL": "debug" for name in SERVICES}
        environ["SENDWHEN_SENDER_OTLP_ENDPOINT"] = collector.endpoint
        installation = Installation(folder / "data", environ=environ)
        try:
            installation.start()
            installation.cli("campaigns", "put", str(folder / "campaigns"))
            life = Life(installation=installation, collector=collector)
            asyncio.run(feed(life))
            installation.wait_for_emails(GOOD_EMAILS, within_s=WITHIN_S)
            yield life
        finally:
            installation.kill()


def headline(life: Life, *, emails: int) -> Metric:
    """``event_to_send``, once it has counted so many: an email's file is there before its figures."""
    deadline = time.monotonic() + WITHIN_S
    while True:
        families = text_string_to_metric_families(page(life.installation.target("sender_metrics")))
        found = next((family for family in families if family.name == "sendwhen_event_to_send_seconds"), None)
        if found and sum(sample.value for sample in found.samples if sample.name.endswith("_count")) >= emails:
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.1)


def test_every_process_serves_openmetrics(life: Life) -> None:
    for name, text in life.pages().items():
        families = list(text_string_to_metric_families(text))
        assert text.endswith("# EOF\n")
        assert any(family.samples for family in families), name
        assert all(family.name.startswith("sendwhen_") for family in families), name


def test_event_to_send_has_exemplars_that_lead_to_traces(life: Life) -> None:
    samples = headline(life, emails=GOOD_EMAILS).samples
    counts = {s.labels["campaign"]: s.value for s in samples if s.name.endswith("_count")}
    exemplars = {(s.labels["campaign"], s.exemplar.labels["trace_id"]) for s in samples if s.exemplar is not None}

    assert counts == {"thanks": EMAILS, "dear": EMAILS // 2, "cart": 1}
    assert {campaign for campaign, _ in exemplars} == set(counts)
    life.collector.wait_for(
        lambda spans: {trace for _, trace in exemplars} <= {span.trace_id for span in spans}, timeout_s=WITHIN_S
    )
    for campaign, trace in exemplars:
        decides = [span for span in life.collector.spans() if span.trace_id == trace and span.name == "decide"]
        assert campaign in {span.attributes["sendwhen.campaign"] for span in decides}


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_says_that_it_serves_and_lists_itself(life: Life, service: str) -> None:
    with life.channel(service) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        for name in ("", SERVICES[service]):
            answer = health.Check(health_pb2.HealthCheckRequest(service=name), timeout=DEADLINE_S)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
        asked = reflection_pb2.ServerReflectionRequest(list_services="")
        (listed,) = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(
            iter([asked]), timeout=DEADLINE_S
        )
        assert SERVICES[service] in {found.name for found in listed.list_services_response.service}


def test_a_tool_that_knows_no_protos_calls_a_method_through_reflection(life: Life) -> None:
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("buf")), "curl", "--protocol", "grpc", "--http2-prior-knowledge",
            "-H", f"authorization: Bearer {life.key('admin_key')}",
            f"http://{life.installation.target('trigger')}/sendwhen.v1.Trigger/GetStatus",
        ],
        capture_output=True, text=True, timeout=WITHIN_S, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["partitions"]) == 16


async def test_applied_means_committed_and_profile_shows_it(life: Life) -> None:
    admin, service = bearer(life.key("admin_key")), bearer(life.key("service_token"))
    async with (
        connect(life.installation.target("ingest"), write_key=life.key("write_key")) as client,
        grpc.aio.insecure_channel(life.installation.target("trigger")) as trigger_channel,
        grpc.aio.insecure_channel(life.installation.target("profile")) as profile_channel,
    ):
        trigger = trigger_service_pb2_grpc.TriggerStub(trigger_channel)
        profile = profile_service_pb2_grpc.ProfileStub(profile_channel)
        for number in range(20):
            told = f"told-{MARK}-{number}"
            event = a_customer(number % 3, name="Told", attributes={"first_name": told})
            partition, seq = await applied(client, event)

            status = await trigger.GetStatus(trigger_service_pb2.GetStatusRequest(), metadata=admin, timeout=DEADLINE_S)
            assert status.partitions[partition].position >= seq
            request = profile_service_pb2.GetRequest(
                id=profile_service_pb2.CustomerId(user_id=event.user_id),
                freshness=profile_service_pb2.Freshness(at_least_seq=seq),
            )
            found = await profile.Get(request, metadata=service, timeout=DEADLINE_S)
            assert found.as_of_seq >= seq
            assert (found.customer.partition, found.customer.seq) == (partition, seq)
            first_name = found.customer.fields["first_name"]
            assert (json.loads(first_name.value_json), first_name.seq) == (told, seq)


@pytest.mark.parametrize(
    ("service", "opened_by"),
    [("ingest", {"write_key"}), ("trigger", {"admin_key"}), ("profile", {"service_token"}), ("sender", {"admin_key"})],
)
def test_a_key_opens_only_what_it_is_for(life: Life, service: str, opened_by: set[str]) -> None:
    module = {
        "ingest": ingest_service_pb2,
        "trigger": trigger_service_pb2,
        "profile": profile_service_pb2,
        "sender": sender_service_pb2,
    }[service]
    between = {"Append", "WaitApplied", "Submit", "PutTemplates"}
    for method in module.DESCRIPTOR.services_by_name[SERVICES[service].rpartition(".")[2]].methods:
        if method.client_streaming:
            continue
        openers = {"service_token"} if method.name in between else set(opened_by)
        if service == "sender" and method.name not in between:
            openers.add("service_token")
        for key in ("write_key", "admin_key", "service_token"):
            refused = call_raw(life, service, method.name, life.key(key), b"") in (
                grpc.StatusCode.PERMISSION_DENIED,
                grpc.StatusCode.UNAUTHENTICATED,
            )
            assert refused == (key not in openers), (method.name, key)
        for key in ("", "wrong"):
            assert call_raw(life, service, method.name, key, b"") is grpc.StatusCode.UNAUTHENTICATED


def files_that_say(folder: Path, words: Sequence[str], *, but: Sequence[Path]) -> list[tuple[str, str]]:
    """Which file below a folder holds which word, in any case; and everything under ``but`` is left out."""
    found = []
    for path in folder.rglob("*"):
        if path.is_symlink() or not path.is_file() or any(path.is_relative_to(other) for other in but):
            continue
        try:
            content = path.read_bytes().lower()
        except FileNotFoundError:  # a part has just replaced it
            continue
        found += [(str(path.relative_to(folder)), word) for word in words if word.lower().encode() in content]
    return found


def test_neither_logs_nor_metrics_tell_who_a_customer_is(life: Life) -> None:
    data = life.installation.folder
    for name, text in life.pages().items():
        assert MARK.lower() not in text.lower(), name
        assert "example.invalid" not in text, name
    assert files_that_say(data, [MARK, "example.invalid"], but=[data / "mail", data / "store"]) == []
    assert MARK not in life.installation.said()
    # The search would find what is there.
    assert files_that_say(data, [MARK], but=[]) != []
    assert files_that_say(data / "logs", ["email.settled"], but=[]) != []


def test_services_that_share_a_process_are_told_apart_in_its_log(life: Life) -> None:
    lines = (life.installation.folder / "logs" / "front.log").read_text().splitlines()
    said = [json.loads(line) for line in lines if line.startswith("{")]

    started = {line["event"]: line["service"] for line in said}
    assert (started["ingest.started"], started["trigger.started"]) == ("ingest", "trigger")


def test_no_key_is_in_a_log_a_metric_or_an_argument(life: Life) -> None:
    data = life.installation.folder
    ray_token = (data / "ray" / "token").read_text().strip()
    keys = [*life.installation.secrets.values(), ray_token]
    assert len(keys) == 7
    assert all(len(key) >= 32 for key in keys)
    kept = [data / "secrets.json", data / "ray" / "token"]

    assert files_that_say(data, keys, but=kept) == []
    for path in kept:
        assert path.stat().st_mode & 0o077 == 0
    said = life.installation.said() + "".join(life.pages().values())
    assert not [key for key in keys if key in said]
    assert life.installation.process is not None
    processes = [psutil.Process(life.installation.process.pid), *life.installation.descendants()]
    assert len(processes) >= 8
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            arguments = "\0".join(process.cmdline())
            assert not [key for key in keys if key in arguments], process.name()
