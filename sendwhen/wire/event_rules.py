"""What an event must be to enter, wherever it is told: over the wire, or in a file that a backtest reads."""

from __future__ import annotations

import re
from typing import Final

from sendwhen.domain.event import EARLIEST_MS, LATEST_MS
from sendwhen.domain.partition import normalised_email
from sendwhen.errors import Violation
from sendwhen.v1 import event_pb2
from sendwhen.wire.json_object import complaint_about

EVENT_BYTES_MAX: Final = 32 * 1024
ID_CHARS_MAX: Final = 128
IDENTITY_CHARS_MAX: Final = 256
EMAIL_CHARS_MAX: Final = 254
PREVIOUS_CHARS_MAX: Final = IDENTITY_CHARS_MAX + len("email:")
AHEAD_MS_MAX: Final = 24 * 3_600_000

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
# Pragmatic: what no mail system would take is refused, what is merely odd is not.
_ADDRESS: Final = re.compile(
    r"[^\s@<>()\[\],;:\\\"\x00-\x1f\x7f]{1,64}@[^\s@<>()\[\],;:\\\"\x00-\x1f\x7f.]+(\.[^\s@<>()\[\],;:\\\"\x00-\x1f\x7f.]+)+"
)


def violations_of(event: event_pb2.Event, *, now_ms: int, event_clock: bool) -> list[Violation]:
    """Everything that is wrong with an event at once.

    Args:
        event: As it was told.
        now_ms: When it was taken in.
        event_clock: The installation runs on the events' own time.
    """
    wrong: list[Violation] = []
    size = event.ByteSize()
    if size > EVENT_BYTES_MAX:
        # Nothing else is looked at: what is too large is not worth reading.
        return [_violation("event", f"Send at most {EVENT_BYTES_MAX} bytes for one event; this one has {size}.")]
    _check_text(wrong, "event_id", event.event_id, ID_CHARS_MAX, missing="Send an id of your own, the same on retries.")
    _check_text(wrong, "name", event.name, ID_CHARS_MAX, missing='Send what happened, such as "Order Completed".')
    user_id, anonymous_id, email = event.user_id, event.anonymous_id, event.email
    if email:
        email = normalised_email(email)
    if not (user_id or anonymous_id or email):
        wrong.append(_violation("user_id", "Send at least one of user_id, anonymous_id and email."))
    if user_id:
        _check_text(wrong, "user_id", user_id, IDENTITY_CHARS_MAX, missing="Send more than blanks, or nothing.")
    if anonymous_id:
        _check_text(wrong, "anonymous_id", anonymous_id, IDENTITY_CHARS_MAX, missing="Send more than blanks.")
    if email:
        _check_email(wrong, email)
    if event.previous_id:
        _check_text(wrong, "previous_id", event.previous_id, PREVIOUS_CHARS_MAX, missing="Send more than blanks.")
    _check_time(wrong, event.occurred_at_ms, now_ms=now_ms, event_clock=event_clock)
    for field, text in (("properties_json", event.properties_json), ("attributes_json", event.attributes_json)):
        complaint = complaint_about(text)
        if complaint:
            wrong.append(_violation(field, complaint))
    return wrong


def _check_text(wrong: list[Violation], field: str, text: str, chars_max: int, *, missing: str) -> None:
    if text.isascii() and text.isprintable() and 0 < len(text) <= chars_max and text[0] != " ":
        return
    if not text.strip():
        wrong.append(_violation(field, missing))
    elif len(text) > chars_max:
        wrong.append(_violation(field, f"Send at most {chars_max} characters; these are {len(text)}."))
    elif _CONTROL.search(text):
        wrong.append(_violation(field, "Send text without control characters (line breaks, tabs, NUL)."))


def _check_email(wrong: list[Violation], email: str) -> None:
    if len(email) > EMAIL_CHARS_MAX:
        wrong.append(_violation("email", f"Send at most {EMAIL_CHARS_MAX} characters; these are {len(email)}."))
    elif not _ADDRESS.fullmatch(email):
        wrong.append(_violation("email", "Send an address such as ada@example.com, without a display name."))


def _check_time(wrong: list[Violation], occurred_at_ms: int, *, now_ms: int, event_clock: bool) -> None:
    complaint = ""
    if occurred_at_ms == 0:
        if event_clock:
            complaint = "Send when it happened: this installation runs on the events' own time."
    elif occurred_at_ms < EARLIEST_MS:
        complaint = "Send milliseconds since 1970-01-01 UTC, 2000-01-01 (946684800000) at the earliest."
        if occurred_at_ms * 1_000 >= EARLIEST_MS:
            complaint += " These look like seconds: multiply by 1000."
    elif event_clock:
        if occurred_at_ms > LATEST_MS:
            complaint = "Send milliseconds since 1970-01-01 UTC, before 2100-01-01."
    elif occurred_at_ms > now_ms + AHEAD_MS_MAX:
        complaint = "Send milliseconds since 1970-01-01 UTC, at most 24 hours ahead of now."
        if occurred_at_ms // 1_000 <= now_ms + AHEAD_MS_MAX:
            complaint += " These look like microseconds: divide by 1000."
    if complaint:
        wrong.append(_violation("occurred_at_ms", complaint))


def _violation(field: str, description: str) -> Violation:
    return Violation(field=field, description=description)
