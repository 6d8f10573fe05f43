"""What libraries log is told once a minute, as our own lines are."""

from __future__ import annotations

import logging
from typing import Any

import structlog

from sendwhen.chassis.library_logs import LibraryHandler


def a_record(at_s: float, target: str = "there", *, name: str = "otlp") -> logging.LogRecord:
    record = logging.LogRecord(name, logging.ERROR, "otlp.py", 1, "Failed to export to %s", (target,), None)
    record.created = at_s
    return record


def told(*records: logging.LogRecord) -> list[dict[str, Any]]:
    handler = LibraryHandler()
    with structlog.testing.capture_logs() as lines:
        for record in records:
            handler.handle(record)
    return [dict(line) for line in lines]


def test_a_library_that_complains_all_the_time_is_heard_once_a_minute_with_the_number_of_times() -> None:
    lines = told(*[a_record(1_000.0 + second, f"{second}") for second in range(61)])

    assert [(line["event"], line["log_level"], line["logger"]) for line in lines] == [
        ("library.logged", "error", "otlp")
    ] * 2
    assert [line["message"] for line in lines] == ["Failed to export to 0", "Failed to export to 60"]
    assert [line.get("left_out") for line in lines] == [None, 59]


def test_others_are_heard_meanwhile() -> None:
    assert len(told(a_record(0.0), a_record(1.0), a_record(2.0, name="grpc"))) == 2


def test_a_clock_that_goes_back_silences_nobody() -> None:
    assert len(told(a_record(1_000.0), a_record(10.0))) == 2


def test_a_record_whose_arguments_do_not_fit_is_told_as_it_stands() -> None:
    record = logging.LogRecord("otlp", logging.WARNING, "otlp.py", 1, "%d spans", ("many",), None)

    assert [line["message"] for line in told(record)] == ["%d spans"]
