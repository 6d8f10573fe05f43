"""Counts of what a customer did, kept for the conditions that ask for them.

A tally without a window is one number. One with a window keeps the latest instants and no more than the largest bound
of all who ask for it needs: whether three came in ten days is seen from the third latest. An edit that asks for another
number goes on with the same tally.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b

import msgspec

from sendwhen.domain.condition import Condition
from sendwhen.domain.event_filter import EventFilter
from sendwhen.domain.predicate import All, AnyOf, History, Not, Since, When
from sendwhen.domain.span import Span

BOUND_LIMIT = 1_000
"""Largest bound of a count that may be asked for."""
_KEPT_MIN = 8
_encode = msgspec.msgpack.Encoder().encode
_decode_times = msgspec.msgpack.Decoder(list[int]).decode
_decode_number = msgspec.msgpack.Decoder(int).decode


def tally_name(of: EventFilter, within: Span | None) -> str:
    """Name of a tally: who asks alike shares one, for whatever number. 16 hexadecimal digits."""
    where = of.where.source if of.where else ""
    length = f"{within.months}mo{within.ms}" if within else ""
    parts = (of.event, where, length, "")
    joined = "".join(f"{len(part)}:{part}" for part in parts)
    return blake2b(joined.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def instants_kept(bound: int) -> int:
    """How many of the latest instants a tally keeps for a bound: some more, for edits that ask for a higher one."""
    return max(_KEPT_MIN, 1 << bound.bit_length())


def bound_of(history: History) -> int:
    """The largest count that makes a difference."""
    return max(history.at_least or 0, -1 if history.at_most is None else history.at_most) + 1


def histories(when: When | None) -> Iterator[History]:
    """All counts that something asks for."""
    match when:
        case History():
            yield when
        case All() | AnyOf():
            for part in when.parts:
                yield from histories(part)
        case Not():
            yield from histories(when.part)


def texts_of(when: When) -> Iterator[str]:
    """The texts of all conditions and expressions in it."""
    match when:
        case Condition():
            yield when.source
        case Since():
            yield when.value.source
        case All() | AnyOf():
            for part in when.parts:
                yield from texts_of(part)
        case Not():
            yield from texts_of(when.part)


def counted(packed: bytes, history: History, at_ms: int) -> bytes:
    """The tally with one event more."""
    if history.within is None:
        return _encode(_decode_number(packed) + 1 if packed else 1)
    times = _decode_times(packed) if packed else []
    times.append(at_ms)
    return _encode(times[-instants_kept(bound_of(history)) :])


def joined(own: bytes, other: bytes, history: History) -> bytes:
    """The tally of two customers who are one."""
    if not own or not other:
        return own or other
    if history.within is None:
        return _encode(_decode_number(own) + _decode_number(other))
    times = sorted((*_decode_times(own), *_decode_times(other)))
    return _encode(times[-instants_kept(bound_of(history)) :])


def count(packed: bytes, history: History, now_ms: int) -> int:
    """How often, as seen now; no more than is kept."""
    if not packed:
        return 0
    if history.within is None:
        return _decode_number(packed)
    return sum(1 for time_ms in _decode_times(packed) if history.within.after(time_ms) > now_ms)


def next_change_ms(packed: bytes, history: History, now_ms: int) -> int | None:
    """When the answer changes next by time alone; None: never."""
    if history.within is None or not packed:
        return None
    # Of calendar months, the earlier one may leave later: what came last on 28 February leaves before the 31 January.
    leaves = sorted(map(history.within.after, _decode_times(packed)))
    bounds = {history.at_least, None if history.at_most is None else history.at_most + 1} - {None, 0}
    changes = [leaves[-bound] for bound in bounds if bound is not None and bound <= len(leaves)]
    return min((change_ms for change_ms in changes if change_ms > now_ms), default=None)
