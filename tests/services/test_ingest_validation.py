from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendwhen.domain.partition import routing_hash
from sendwhen.v1 import event_pb2
from sendwhen.wire.event import event_of
from sendwhen.wire.json_object import complaint_about
from services.ingest.ports import LogEvent
from services.ingest.validation import normalised
from tests.fakes.fixed_clock import FixedClock

NOW_US = FixedClock().now_us()
NOW_MS = NOW_US // 1_000
GOOD_TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def an_event(**more: object) -> event_pb2.Event:
    return event_pb2.Event(**{"event_id": "e1", "name": "Order Completed", "user_id": "u1", **more})  # type: ignore[arg-type]


def take(event: event_pb2.Event, *, traceparent: str = "", event_clock: bool = False) -> LogEvent | dict[str, str]:
    ready = normalised(event, now_us=NOW_US, source="grpc", traceparent=traceparent, event_clock=event_clock)
    return {v.field: v.description for v in ready} if isinstance(ready, list) else ready


def logged(event: event_pb2.Event, **more: object) -> event_pb2.Event:
    ready = take(event, **more)  # type: ignore[arg-type]
    assert isinstance(ready, LogEvent), ready
    return event_pb2.Event.FromString(ready.payload)


def test_a_good_event_is_stamped_and_normalised_once() -> None:
    event = logged(an_event(email="  Ada@Example.COM ", received_at_us=5, source="forged"))
    assert event.email == "ada@example.com"
    assert (event.received_at_us, event.source) == (NOW_US, "grpc")
    assert event.occurred_at_ms == 0


def test_the_first_identity_decides_the_partition() -> None:
    ready = take(an_event(user_id="", anonymous_id="a", email="A@b.example"))
    assert isinstance(ready, LogEvent)
    assert ready.routing_hash == routing_hash("anon:a")
    ready = take(an_event(user_id="", email=" A@b.example"))
    assert isinstance(ready, LogEvent)
    assert ready.routing_hash == routing_hash("email:a@b.example")


def test_everything_wrong_is_told_at_once() -> None:
    wrong = take(event_pb2.Event(occurred_at_ms=-1, properties_json=b"[]", attributes_json=b"{"))
    assert isinstance(wrong, dict)
    assert set(wrong) == {"event_id", "name", "user_id", "occurred_at_ms", "properties_json", "attributes_json"}
    assert all(description.startswith("Send ") for description in wrong.values())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("event_id", "x" * 129),
        ("event_id", "a\x00b"),
        ("event_id", "   "),
        ("name", "x" * 129),
        ("name", "two\nlines"),
        ("user_id", "x" * 257),
        ("user_id", "tab\tbed"),
        ("anonymous_id", "x" * 257),
        ("anonymous_id", "del\x7f"),
        ("email", "x" * 250 + "@example.com"),
        ("email", "no-at.example.com"),
        ("email", "Ada <ada@example.com>"),
        ("email", "a@b"),
        ("email", "a@@example.com"),
        ("email", "a@.example.com"),
        ("email", "two words@example.com"),
        ("occurred_at_ms", 1_700_000_000),
        ("occurred_at_ms", NOW_US),
        ("occurred_at_ms", NOW_MS + 25 * 3_600_000),
        ("occurred_at_ms", -5),
        ("properties_json", b"{'a': 1}"),
        ("attributes_json", b"null"),
    ],
)
def test_a_field_that_cannot_be_is_refused_by_name(field: str, value: object) -> None:
    wrong = take(an_event(**{field: value}))
    assert isinstance(wrong, dict)
    assert set(wrong) == {field}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("event_id", "x" * 128),
        ("event_id", "Ünïcödé 🎉"),
        ("user_id", "x" * 256),
        ("email", "o'hara+tag@sub.example.co"),
        ("email", "jörg@exämple.de"),
        ("occurred_at_ms", NOW_MS + 23 * 3_600_000),
        ("occurred_at_ms", 946_684_800_000),
        ("properties_json", b""),
        ("properties_json", '{"ä": [1, 2.5, null, {"b": "😀"}]}'.encode()),
    ],
)
def test_what_is_merely_unusual_is_taken(field: str, value: object) -> None:
    logged(an_event(**{field: value}))


def test_seconds_and_microseconds_are_recognised_in_the_advice() -> None:
    wrong = take(an_event(occurred_at_ms=1_700_000_000))
    assert isinstance(wrong, dict)
    assert "multiply by 1000" in wrong["occurred_at_ms"]
    wrong = take(an_event(occurred_at_ms=NOW_US))
    assert isinstance(wrong, dict)
    assert "divide by 1000" in wrong["occurred_at_ms"]


def test_on_the_events_own_time_a_time_is_required_and_may_be_in_the_future() -> None:
    wrong = take(an_event(), event_clock=True)
    assert isinstance(wrong, dict)
    assert set(wrong) == {"occurred_at_ms"}
    logged(an_event(occurred_at_ms=NOW_MS + 10**10), event_clock=True)
    assert isinstance(take(an_event(occurred_at_ms=10**16), event_clock=True), dict)


def test_an_event_of_32_kb_passes_and_a_larger_one_does_not() -> None:
    event = an_event(properties_json=b'{"a":""}')
    room = 32 * 1024 - event.ByteSize() - 2
    logged(an_event(properties_json=b'{"a":"' + b"x" * room + b'"}'))
    wrong = take(an_event(properties_json=b'{"a":"' + b"x" * (room + 1) + b'"}'))
    assert isinstance(wrong, dict)
    assert set(wrong) == {"event"}


def test_the_event_s_own_trace_context_wins_and_a_bad_one_is_ignored() -> None:
    other = GOOD_TRACE.replace("b7ad", "c7ad")
    assert logged(an_event(traceparent=GOOD_TRACE), traceparent=other).traceparent == GOOD_TRACE
    assert logged(an_event(), traceparent=other).traceparent == other
    for bad in (
        "nonsense",
        GOOD_TRACE.upper(),
        "ff" + GOOD_TRACE[2:],
        GOOD_TRACE.replace("0af7651916cd43dd8448eb211c80319c", "0" * 32),
    ):
        assert logged(an_event(traceparent=bad)).traceparent == ""


def test_unknown_fields_of_a_newer_client_do_not_reach_the_log() -> None:
    event = event_pb2.Event.FromString(an_event().SerializeToString() + b"\xfa\x01\x03abc")
    ready = take(event)
    assert isinstance(ready, LogEvent)
    assert b"abc" not in ready.payload


@pytest.mark.parametrize(
    "text",
    [
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": 1e999}',
        b'{"a": 9223372036854775808}',
        b'{"a": -9223372036854775809}',
        b'{"a": "\\ud800"}',
        b'{"\\udc00": 1}',
        b'{"a": "\xff"}',
        b'{"a": ' + b"9" * 5_000 + b"}",
        b"\xef\xbb\xbf{}",
        b'{"a": 1} x',
        b"[" * 10_000,
        b'{"a":' * 33 + b"1" + b"}" * 33,
        b'{"a":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
    ],
)
def test_json_that_not_everything_can_read_is_refused(text: bytes) -> None:
    assert complaint_about(text).startswith("Send ")


def test_json_nested_32_deep_is_taken() -> None:
    assert complaint_about(b'{"a":' * 32 + b"1" + b"}" * 32) == ""
    assert complaint_about(b'{"a": 9223372036854775807, "b": -9223372036854775808}') == ""


@given(st.binary(max_size=200))
def test_any_bytes_get_an_answer(text: bytes) -> None:
    complaint_about(text)


def test_an_id_of_the_past_is_kept_and_checked() -> None:
    assert logged(an_event(previous_id="anon:a1")).previous_id == "anon:a1"
    for bad in (" ", "x" * 263, "a\nb"):
        wrong = take(an_event(previous_id=bad))
        assert isinstance(wrong, dict)
        assert set(wrong) == {"previous_id"}


def test_a_repetition_has_the_same_fingerprint_whatever_ingest_set() -> None:
    for previous_id in ("", "anon:a1"):
        first, again = an_event(previous_id=previous_id), an_event(previous_id=previous_id)
        one = normalised(first, now_us=NOW_US, source="grpc", traceparent="", event_clock=False)
        other = normalised(again, now_us=NOW_US + 7, source="replay", traceparent=GOOD_TRACE, event_clock=False)
        assert isinstance(one, LogEvent)
        assert isinstance(other, LogEvent)
        assert event_of(one.payload).fingerprint == event_of(other.payload).fingerprint
