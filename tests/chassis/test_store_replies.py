"""However the bytes are cut, the replies are the same."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from sendwhen.chassis.store_replies import Replies

VALUES = st.recursive(
    st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1), st.binary(max_size=40)),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=8,
)


def encoded(value: Any) -> bytes:
    match value:
        case None:
            return b"$-1\r\n"
        case int():
            return b":%d\r\n" % value
        case bytes():
            return b"$%d\r\n%s\r\n" % (len(value), value)
        case _:
            return b"*%d\r\n" % len(value) + b"".join(map(encoded, value))


def read(pieces: Sequence[bytes]) -> list[Any]:
    replies = Replies()
    # Behind the piece stand bytes of others, as in a buffer that is used again.
    return [reply for piece in pieces for reply in replies.of(piece + b":9\r\n", len(piece))]


@given(st.lists(VALUES, max_size=5), st.lists(st.integers(0, 400), max_size=8))
def test_any_cut_of_the_bytes_gives_the_same_replies(values: list[Any], cuts: list[int]) -> None:
    data = b"".join(map(encoded, values))
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]

    assert read([data[start:end] for start, end in pairwise(places)]) == values


def test_a_refusal_is_a_reply_wherever_it_stands_and_of_the_clients_kind() -> None:
    alone, within = read([b"-OOM no room\r\n*2\r\n:1\r\n-ERR wrong\r\n"])

    assert isinstance(alone, redis.exceptions.OutOfMemoryError)
    assert within[0] == 1
    assert isinstance(within[1], redis.ResponseError)


@pytest.mark.parametrize("data", [b"-LOADING soon\r\n", b"-NOAUTH who?\r\n", b"what is this\r\n"])
def test_what_is_no_answer_to_a_command_is_an_error_of_the_connection(data: bytes) -> None:
    with pytest.raises(redis.ConnectionError):
        read([data])
