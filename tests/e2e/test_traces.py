"""Every email that the running system sends has one tree of spans, from the client's own to the provider's."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email import message_from_bytes
from pathlib import Path
from uuid import uuid4

import pytest

from sendwhen.client import Client, Event, connect
from services.sender.span_places import event_span
from tests.e2e.installation import Installation
from tests.fakes.otlp_collector import OtlpCollector, Seen, tree

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(400)]

EMAILS = 100
"""Of each sort: sent at once, and after a wait."""
WITHOUT_PARENT = 15
CANCELLED = 5
WAIT_MS = 1_500
ARRIVED_WITHIN_S = 90.0
MS_US = 1_000
TOKEN = "Q" + uuid4().hex[:10]
"""In every address, id and property value of this module, and in nothing else."""

AT_ONCE = {
    "campaign": """campaign: at-once
trigger: {match: {event: Ordered}}
steps: [{send: thanks}]
send: {category: transactional}
""",
    "template": "thanks",
}
LATER = {
    "campaign": f"""campaign: later
trigger:
  absence:
    start: {{event: Put In Cart}}
    unless: [{{event: Bought}}]
    for: {WAIT_MS}ms
steps: [{{send: reminder}}]
send: {{category: transactional}}
""",
    "template": "reminder",
}

INGEST, APPEND = "sendwhen-ingest sendwhen.v1.Ingest/Track", "sendwhen-trigger append"
PROCESS, DECIDE = "sendwhen-shard process", "sendwhen-shard decide"
SEND, RENDER, PROVIDER = "sendwhen-sender send", "sendwhen-sender render", "sendwhen-sender provider"
AFTER_DECIDING = {DECIDE: PROCESS, SEND: DECIDE, RENDER: SEND, PROVIDER: SEND}
TREE_AT_ONCE = {INGEST: "", APPEND: INGEST, PROCESS: APPEND, **AFTER_DECIDING}
TREE_LATER = {PROCESS: "", **AFTER_DECIDING}
KINDS = {INGEST: 2, APPEND: 4, PROCESS: 5, DECIDE: 1, SEND: 5, RENDER: 1, PROVIDER: 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracked:
    """An event, when the client's call began and ended, and its own span ("" where it made none)."""

    event: Event
    began_us: int
    ended_us: int

    @property
    def client_trace(self) -> str:
        return self.event.traceparent.split("-")[1] if self.event.traceparent else ""

    @property
    def client_span(self) -> str:
        return self.event.traceparent.split("-")[2] if self.event.traceparent else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What was done and what came of it. ``mails``: each email's send_id to its address."""

    began_us: int
    ended_us: int
    at_once: dict[str, Tracked]
    later: dict[str, Tracked]
    mails: dict[str, str]
    spans: Sequence[Seen]
    raw: bytes

    def trees(self) -> dict[str, list[Seen]]:
        """Each email's spans, by send_id: those of the trace that its ``send`` is in."""
        by_trace: dict[str, list[Seen]] = {}
        for span in self.spans:
            by_trace.setdefault(span.trace_id, []).append(span)
        return {
            str(span.attributes["messaging.message.id"]): by_trace[span.trace_id]
            for span in self.spans
            if span.name == "send"
        }


def customer(kind: str, number: int, *, with_parent: bool) -> Event:
    """An event whose every personal value holds TOKEN."""
    mark = f"{TOKEN}-{kind}-{number}"
    parent = f"00-{uuid4().hex}-{uuid4().hex[:16]}-01" if with_parent else ""
    return Event(
        name={"at-once": "Ordered", "later": "Put In Cart", "cancelled": "Put In Cart"}[kind],
        event_id=f"event-{uuid4().hex}",
        user_id=f"user-{mark}",
        email=f"Box.{mark}@example.invalid",
        properties={"product": f"lamp-{mark}", "nested": {"note": f"note-{mark}"}},
        attributes={"first_name": f"ada-{mark}"},
        traceparent=parent,
    )


async def track(client: Client, event: Event) -> Tracked:
    began_us = time.time_ns() // 1_000
    await client.track(
        event.name, user_id=event.user_id, email=event.email, properties=event.properties,
        attributes=event.attributes, event_id=event.event_id, traceparent=event.traceparent,
    )  # fmt: skip
    return Tracked(event=event, began_us=began_us, ended_us=time.time_ns() // 1_000)


async def feed(installation: Installation) -> tuple[list[Tracked], list[Tracked]]:
    """Track everything; (events to be answered at once, events to be answered later)."""
    cancelled = [customer("cancelled", n, with_parent=True) for n in range(CANCELLED)]
    at_once = [customer("at-once", n, with_parent=n >= WITHOUT_PARENT) for n in range(EMAILS)]
    later = [customer("later", n, with_parent=n >= WITHOUT_PARENT) for n in range(EMAILS)]
    async with connect(installation.target("ingest"), write_key=installation.secrets["write_key"]) as client:
        # One batch, so that what cancels lies in the log at once after what starts.
        bought = [Event(name="Bought", user_id=event.user_id) for event in cancelled]
        await client.track_batch([*cancelled, *bought])
        tracked = list(await asyncio.gather(*(track(client, event) for event in [*later, *at_once])))
    return tracked[EMAILS:], tracked[:EMAILS]


def put_campaigns(installation: Installation, folder: Path) -> None:
    for campaign in (AT_ONCE, LATER):
        place = folder / campaign["template"]
        place.mkdir()
        (place / "campaign.yaml").write_text(campaign["campaign"])
        (place / f"{campaign['template']}.subject.liquid").write_text("{{ customer.first_name }}")
        text = "{% if start %}{{ start.properties.product }}{% else %}{{ event.properties.product }}{% endif %}"
        (place / f"{campaign['template']}.text.liquid").write_text(text)
    installation.cli("campaigns", "put", str(folder))


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("traces")
    (folder / "campaigns").mkdir()
    with OtlpCollector() as collector:
        exported = {"SENDWHEN_SENDER_OTLP_ENDPOINT": collector.endpoint}
        installation = Installation(folder / "data", environ=exported)
        try:
            installation.start()
            put_campaigns(installation, folder / "campaigns")
            began_us = time.time_ns() // 1_000
            at_once, later = asyncio.run(feed(installation))
            paths = installation.wait_for_emails(2 * EMAILS, within_s=ARRIVED_WITHIN_S)
            collector.wait_for(_enough, timeout_s=ARRIVED_WITHIN_S)
            ended_us = time.time_ns() // 1_000
            # Stopping exports what waits: had an email more than one tree, it would be here.
            assert installation.stop() == 0
            assert len(installation.emails()) == 2 * EMAILS
            yield Story(
                began_us=began_us,
                ended_us=ended_us,
                at_once={tracked.event.email.lower(): tracked for tracked in at_once},
                later={tracked.event.email.lower(): tracked for tracked in later},
                mails={path.stem: str(message_from_bytes(path.read_bytes())["To"]).lower() for path in paths},
                spans=collector.spans(),
                raw=collector.raw(),
            )
        finally:
            installation.kill()


def _enough(spans: list[Seen]) -> bool:
    return sum(span.name == "provider" for span in spans) >= 2 * EMAILS


def full_name(span: Seen) -> str:
    return f"{span.service} {span.name}"


def test_two_hundred_of_two_hundred_emails_have_one_tree_each(story: Story) -> None:
    trees = story.trees()

    assert sorted(story.mails.values()) == sorted([*story.at_once, *story.later])
    assert set(trees) == set(story.mails)
    assert Counter(span.name for span in story.spans)["send"] == 2 * EMAILS
    assert len({spans[0].trace_id for spans in trees.values()}) == 2 * EMAILS
    assert len({(span.trace_id, span.span_id) for span in story.spans}) == len(story.spans)
    for send_id, spans in trees.items():
        at_once = story.mails[send_id] in story.at_once
        assert tree(spans) == (TREE_AT_ONCE if at_once else TREE_LATER)
        assert len(spans) == len(tree(spans))
        assert all(span.kind == KINDS[full_name(span)] for span in spans)
        assert not any(span.error for span in spans)
        (decide,) = (span for span in spans if span.name == "decide")
        assert decide.attributes["sendwhen.campaign"] == ("at-once" if at_once else "later")


def test_nothing_but_emails_is_traced(story: Story) -> None:
    of_emails = {spans[0].trace_id for spans in story.trees().values()}
    others = [span for span in story.spans if span.trace_id not in of_emails]

    # The event behind a wait, where its client traced nothing that a link could lead to.
    untraced = [tracked.event.event_id for tracked in story.later.values() if not tracked.event.traceparent]
    assert len(untraced) == WITHOUT_PARENT
    assert {full_name(span) for span in others} == {INGEST}
    assert sorted(span.trace_id for span in others) == sorted(
        f"{event_span(event_id).trace_id:032x}" for event_id in untraced
    )


def test_an_immediate_email_continues_its_clients_trace(story: Story) -> None:
    for send_id, spans in story.trees().items():
        tracked = story.at_once.get(story.mails[send_id])
        if tracked is None:
            continue
        (ingest,) = (span for span in spans if span.service == "sendwhen-ingest")
        assert ingest.parent_id == tracked.client_span
        if tracked.client_trace:
            assert ingest.trace_id == tracked.client_trace
        else:
            assert ingest.trace_id == f"{event_span(tracked.event.event_id).trace_id:032x}"
        assert not any(span.links for span in spans)


def test_a_delayed_email_links_to_the_event_that_started_it(story: Story) -> None:
    for send_id, spans in story.trees().items():
        tracked = story.later.get(story.mails[send_id])
        if tracked is None:
            continue
        (process,) = (span for span in spans if span.name == "process")
        own = event_span(tracked.event.event_id)
        event = (
            (tracked.client_trace, tracked.client_span)
            if tracked.client_trace
            else (f"{own.trace_id:032x}", f"{own.span_id:016x}")
        )
        assert process.links == (event,)
        assert process.parent_id == ""
        assert process.trace_id != event[0]
        assert not any(span.links for span in spans if span is not process)


def test_times_are_those_at_which_things_happened(story: Story) -> None:
    for span in story.spans:
        assert story.began_us <= span.start_us <= span.end_us <= story.ended_us, span
        # All processes share one clock, so only what is known to the millisecond may lie before what it follows.
        assert span.attributes.get("sendwhen.clock_moved_us", 0) <= MS_US, span
    for send_id, spans in story.trees().items():
        at = {span.span_id: span for span in spans}
        for span in spans:
            parent = at.get(span.parent_id)
            assert parent is None or parent.start_us <= span.start_us, (parent, span)
        named = {span.name: span for span in spans}
        address = story.mails[send_id]
        if address in story.at_once:
            tracked, ingest = story.at_once[address], named["sendwhen.v1.Ingest/Track"]
            # The event was received and on disk while its client waited for the answer, and decided on after that.
            assert tracked.began_us <= ingest.start_us <= named["append"].end_us <= tracked.ended_us
            assert ingest.end_us <= tracked.ended_us
            assert named["append"].end_us <= named["process"].start_us
        else:
            # Log time counts in milliseconds.
            put_at_us = story.later[address].began_us // MS_US * MS_US
            assert named["process"].start_us >= put_at_us + WAIT_MS * MS_US
        assert named["process"].start_us <= named["decide"].end_us <= named["process"].end_us
        assert named["process"].end_us <= named["render"].start_us <= named["render"].end_us
        assert named["render"].end_us <= named["provider"].start_us
        assert named["provider"].end_us <= named["send"].end_us


def test_no_span_tells_who_the_customer_is(story: Story) -> None:
    raw = story.raw.lower()
    assert len(raw) > 100_000
    assert TOKEN.lower().encode() not in raw
    for tracked in [*story.at_once.values(), *story.later.values()]:
        event = tracked.event
        values = [event.email, event.user_id, *event.attributes.values(), event.properties["product"]]
        values.append(event.properties["nested"]["note"])
        assert not [value for value in values if value.lower().encode() in raw]
