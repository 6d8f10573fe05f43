from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from sendwhen.client.event_file import (
    LINE_BYTES_MAX,
    BadLine,
    by_time,
    count_lines,
    event_of,
    identity_of,
    in_file_order,
    instant_ms,
)


def a_file(path: Path, times: list[int]) -> Path:
    lines = [
        json.dumps({"event_id": f"e{i}", "name": "A", "user_id": "u", "occurred_at_ms": t}) for i, t in enumerate(times)
    ]
    path.write_text("\n".join(lines) + "\n")
    return path


def ids(lines: object) -> list[str]:
    return [json.loads(line)["event_id"] for _, line in lines]


def test_a_line_that_is_too_long_is_refused_in_its_place_and_the_next_ones_are_read(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    short = b'{"name": "A", "user_id": "u", "occurred_at_ms": 1700000000000}\n'
    path.write_bytes(short + b'{"name": "' + b"x" * (5 * LINE_BYTES_MAX) + b'"}\n' + short + b" " * LINE_BYTES_MAX)

    for lines in (list(in_file_order(path)), list(by_time(path)), list(by_time(path, run_bytes=1))):
        assert [number for number, _ in lines] == [1, 2, 3]
        assert [len(line) <= LINE_BYTES_MAX + 1 for _, line in lines] == [True] * 3
        assert event_of(lines[2][1], 3, file_identity="f").name == "A"
        with pytest.raises(BadLine, match="longer than 1 MB"):
            event_of(lines[1][1], 2, file_identity="f")


@pytest.mark.parametrize("run_lines", [1, 7, 1000])
def test_events_are_sorted_by_time_and_keep_the_files_order_where_times_are_equal(
    tmp_path: Path, run_lines: int
) -> None:
    chance = random.Random(1)
    times = [chance.randrange(20) for _ in range(200)]
    path = a_file(tmp_path / "events", times)

    found = ids(by_time(path, run_lines=run_lines))

    assert found == [f"e{i}" for i, _ in sorted(enumerate(times), key=lambda pair: pair[1])]


def test_a_line_without_a_time_stays_behind_the_one_before_it(tmp_path: Path) -> None:
    path = tmp_path / "events"
    path.write_text('{"name":"A","occurred_at_ms":5}\nrubbish\n\n{"name":"B","occurred_at_ms":1}\n')

    assert [number for number, _ in by_time(path)] == [4, 1, 2]
    assert [number for number, _ in in_file_order(path)] == [1, 2, 4]
    assert count_lines(path) == 3


def test_a_line_becomes_an_event_whose_properties_stay_as_they_were_written() -> None:
    line = b'{"name":"A","email":"ada@example.com","occurred_at":"2026-01-01T00:00:00","properties":{"x": 1.50}}'

    event = event_of(line, 7, file_identity="f")

    assert event.occurred_at_ms == 1_767_225_600_000
    assert event.properties_json == b'{"x": 1.50}'
    assert event.event_id == "replay-f-7"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b"rubbish", "not an event"),
        (b'{"user_id":"u","occurred_at_ms":1}', "name"),
        (b'{"name":"A"}', "occurred_at"),
        (b'{"name":"A","occurred_at":"yesterday"}', "not a time"),
        (b'{"name":"A","occurred_at_ms":1,"properties":[]}', "properties is not a JSON object"),
        (b'{"name":"A","occurred_at_ms":1,"userid":"u"}', "userid"),
        (b'{"name":"A","occurred_at_ms":18446744073709551615}', "beyond all calendars"),
        (b'{"name":"A","occurred_at":"%s"}' % (b"1" * 5_000), "beyond all calendars"),
        ('{"name":"A"}'.encode("utf-16"), "save it as UTF-8"),
        (b"[", "one whole JSON object"),
        (b'[{"name":"A","occurred_at_ms":1}]', "one whole JSON object"),
    ],
)
def test_a_line_that_is_no_event_says_what_is_wrong(line: bytes, says: str) -> None:
    with pytest.raises(BadLine, match=says):
        event_of(line, 1, file_identity="f")


def test_a_file_written_on_windows_is_read_like_any_other(tmp_path: Path) -> None:
    path = tmp_path / "events"
    text = '{"name":"A","user_id":"u","occurred_at_ms":2}\r\n{"name":"B","user_id":"u","occurred_at_ms":1}\r\n'
    path.write_bytes(text.encode("utf-8-sig"))

    names = [event_of(line, number, file_identity="f").name for number, line in by_time(path)]

    assert names == ["B", "A"]


def test_null_is_nothing() -> None:
    line = b'{"name":"A","user_id":"u","email":null,"event_id":null,"occurred_at_ms":1,"properties":null}'

    event = event_of(line, 3, file_identity="f")

    assert (event.user_id, event.email, event.event_id) == ("u", "", "replay-f-3")
    assert event.properties_json == event.attributes_json == b"{}"


def test_a_time_that_no_calendar_has_stands_in_nobodys_way(tmp_path: Path) -> None:
    path = tmp_path / "events"
    path.write_bytes(
        b'{"name":"B","occurred_at_ms":2}\n{"name":"?","occurred_at_ms":18446744073709551615}\n'
        b'{"name":"?","occurred_at":"%s"}\n{"name":"A","occurred_at_ms":1}\n' % (b"1" * 5_000)
    )

    assert [number for number, _ in by_time(path, run_lines=2)] == [4, 1, 2, 3]


def test_a_file_is_known_again_under_another_name_and_not_after_a_change(tmp_path: Path) -> None:
    first = a_file(tmp_path / "a", [1, 2])
    second = a_file(tmp_path / "b", [1, 2])
    third = a_file(tmp_path / "c", [1, 3])

    assert identity_of(first) == identity_of(second) != identity_of(third)


def test_an_instant_is_read_with_and_without_a_zone_and_as_milliseconds() -> None:
    assert instant_ms("1970-01-01T01:00:00+01:00") == 0
    assert instant_ms("1970-01-01") == 0
    assert instant_ms("1970-01-01 00:00:02") == 2_000
    assert instant_ms("1500") == 1500
