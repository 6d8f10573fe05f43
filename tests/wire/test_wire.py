from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendwhen.domain.decision import Decision, Kind, Send
from sendwhen.domain.entry import (
    CampaignArchived,
    CampaignPaused,
    CampaignPut,
    EventBatch,
    Review,
    Skip,
    Tick,
    Unreadable,
)
from sendwhen.domain.event import Event
from sendwhen.domain.migrate import Migrate
from sendwhen.domain.partition import customer_uid, routing_key
from sendwhen.domain.sending_rules import Category, InDoubt
from sendwhen.v1 import event_pb2, log_pb2
from sendwhen.wire.decision import decision_message, decision_of
from sendwhen.wire.email import intent_of, send_of
from sendwhen.wire.entry import (
    campaign_archived_entry,
    campaign_paused_entry,
    campaign_put_entry,
    campaign_source,
    entry_of,
    event_entry,
    review_entry,
    skip_entry,
    tick_entry,
)
from sendwhen.wire.event import event_message, event_of, events_of

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
some = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
whole = st.integers(0, 2**62)
addresses = st.sampled_from(["", "ada@example.com"])


@st.composite
def messages(draw: st.DrawFn) -> event_pb2.Event:
    return event_pb2.Event(
        event_id=draw(some),
        name=draw(some),
        user_id=draw(text),
        anonymous_id=draw(some),
        email=draw(addresses),
        occurred_at_ms=draw(st.integers(1, 2**62)),
        properties_json=draw(st.binary(max_size=200)),
        attributes_json=draw(st.binary(max_size=200)),
        source=draw(text),
        traceparent=draw(text),
        received_at_us=draw(whole),
    )


@given(messages())
def test_an_event_comes_back_as_it_went(message: event_pb2.Event) -> None:
    event = event_of(message.SerializeToString())
    assert isinstance(event, Event)
    assert event_message(event) == message
    key = routing_key(user_id=message.user_id, anonymous_id=message.anonymous_id, email=message.email)
    assert event.uid == customer_uid(key)


@given(messages(), whole, text, text)
def test_what_ingest_sets_does_not_change_the_fingerprint(
    message: event_pb2.Event, received_at_us: int, source: str, traceparent: str
) -> None:
    first = event_of(message.SerializeToString())
    message.received_at_us, message.source, message.traceparent = received_at_us, source, traceparent
    second = event_of(message.SerializeToString())
    assert isinstance(first, Event)
    assert isinstance(second, Event)
    assert first.fingerprint == second.fingerprint


@given(messages(), some)
def test_another_payload_has_another_fingerprint(message: event_pb2.Event, more: str) -> None:
    first = event_of(message.SerializeToString())
    message.name += more
    second = event_of(message.SerializeToString())
    assert isinstance(first, Event)
    assert isinstance(second, Event)
    assert first.fingerprint != second.fingerprint


def test_a_repetition_without_a_time_of_its_own_is_recognised() -> None:
    message = event_pb2.Event(event_id="e", name="n", user_id="u", source="grpc", received_at_us=1_780_000_000_123_456)
    first = event_of(message.SerializeToString())
    message.received_at_us += 5_000_000
    second = event_of(message.SerializeToString())
    assert isinstance(first, Event)
    assert isinstance(second, Event)
    assert first.occurred_at_ms == 1_780_000_000_123
    assert first.fingerprint == second.fingerprint


@given(st.lists(st.one_of(st.binary(max_size=60), messages().map(event_pb2.Event.SerializeToString)), max_size=8))
def test_many_are_read_like_one_by_one_whatever_the_bytes(payloads: list[bytes]) -> None:
    assert events_of(log_pb2.EventEntry(events=payloads)) == tuple(map(event_of, payloads))


def test_an_event_of_nobody_without_id_or_name_is_unreadable() -> None:
    for message in (
        event_pb2.Event(event_id="e", name="n", email="  "),
        event_pb2.Event(name="n", user_id="u"),
        event_pb2.Event(event_id="e", user_id="u"),
    ):
        payload = message.SerializeToString()
        assert event_of(payload) == Unreadable(payload=payload)


@given(st.lists(messages(), max_size=5), whole)
def test_an_entry_of_events_comes_back_in_order(sent: list[event_pb2.Event], received_at_us: int) -> None:
    payloads = [message.SerializeToString() for message in sent]
    entry = entry_of(7, 8, 9, event_entry(payloads, received_at_us))
    assert entry == EventBatch(
        seq=7, at_ms=8, appended_at_us=9, front_received_at_us=received_at_us, events=tuple(map(event_of, payloads))
    )


@given(some, st.booleans(), st.dictionaries(some, some, max_size=4), st.binary(max_size=50))
def test_the_other_entries_come_back(word: str, paused: bool, hashes: dict[str, str], yaml: bytes) -> None:
    source = campaign_source(version=word, source_yaml=yaml, template_hashes=hashes)
    assert entry_of(1, 2, 3, tick_entry()) == Tick(seq=1, at_ms=2)
    assert entry_of(1, 2, 3, skip_entry(skipped_seq=4, index=-1, reason=word)) == Skip(
        seq=1, at_ms=2, skipped_seq=4, index=-1, reason=word
    )
    assert entry_of(1, 2, 3, campaign_paused_entry(word, paused=paused)) == CampaignPaused(
        seq=1, at_ms=2, campaign_id=word, paused=paused
    )
    assert entry_of(1, 2, 3, campaign_put_entry(word, source)) == CampaignPut(
        seq=1, at_ms=2, campaign_id=word, version=word, source=source
    )


@given(st.binary(max_size=100))
def test_any_bytes_are_an_entry_of_some_kind(body: bytes) -> None:
    assert entry_of(1, 2, 3, body).seq == 1


@given(st.sampled_from(Category), st.sampled_from(InDoubt), some, whole, st.booleans(), st.binary(max_size=50))
def test_a_send_comes_back(
    category: Category, in_doubt: InDoubt, word: str, number: int, delayed: bool, context: bytes
) -> None:
    send = Send(
        send_id=word + "1",
        run_id=word + "2",
        campaign_id=word + "3",
        version=word + "4",
        step="0",
        template=word + "5",
        template_hash=word + "6",
        category=category,
        in_doubt=in_doubt,
        uid=word + "7",
        email=word + "8",
        customer_seq=number,
        at_ms=number + 1,
        due_at_ms=number + 2,
        start_at_ms=number + 3,
        expires_at_ms=number + 4,
        key=word + "9",
        reason=word + "a",
        context=context,
        delayed=delayed,
        traceparent=word + "b",
        event_id=word + "c",
        event_name=word + "d",
        received_at_us=number + 5,
        entry_seq=number,
        front_received_at_us=number + 6,
        appended_at_us=number + 7,
        volume_per_day=number,
        grace_ms=number + 10,
    )
    intent = intent_of(send, partition=3, shard_read_at_us=number + 8, decided_at_us=number + 9)
    assert send_of(type(intent).FromString(intent.SerializeToString())) == send
    assert (intent.partition, intent.trace.shard_read_at_us, intent.trace.decided_at_us) == (3, number + 8, number + 9)


@given(st.sampled_from(Kind), some, whole)
def test_a_decision_comes_back(kind: Kind, word: str, number: int) -> None:
    decision = Decision(
        kind=kind,
        campaign_id=word + "1",
        version=word + "2",
        run_id=word + "3",
        key=word + "4",
        at_ms=number,
        due_at_ms=number + 1,
        reason=word + "5",
        detail=word + "6",
        send_id=word + "7",
        template=word + "8",
        event_id=word + "9",
        seq=number + 2,
    )
    message = decision_message(decision)
    assert decision_of(type(message).FromString(message.SerializeToString())) == decision


@pytest.mark.parametrize("migrate", list(Migrate))
def test_what_becomes_of_open_runs_travels_with_a_put_and_nothing_where_they_finish(migrate: Migrate) -> None:
    source = campaign_source(version="v", source_yaml=b"campaign: x", template_hashes={})
    body = campaign_put_entry("x", source, migrate)
    entry = entry_of(1, 2, 3, body)

    assert isinstance(entry, CampaignPut)
    assert (entry.migrate, entry.source) == (migrate, source)
    assert (body == campaign_put_entry("x", source)) == (migrate is Migrate.FINISH)


def test_an_archived_campaign_is_an_entry() -> None:
    assert entry_of(1, 2, 3, campaign_archived_entry("x")) == CampaignArchived(seq=1, at_ms=2, campaign_id="x")


def test_a_review_names_its_customers_in_order() -> None:
    uids = ("a" * 24, "b" * 24)

    assert entry_of(7, 70, 0, review_entry(uids)) == Review(seq=7, at_ms=70, uids=uids)
