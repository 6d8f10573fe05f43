"""What the store, the services and the provider say after the last round, compared with what was acknowledged."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from redis import Redis

from sendwhen.domain.changes import DeadLetter
from sendwhen.domain.partition import customer_uid, routing_key
from sendwhen.v1 import event_pb2, log_pb2
from sendwhen.v1.email_pb2 import EmailState
from services.sender.addresses import SLOTS
from services.trigger import store_keys
from tests.e2e.kills.expectation import Email, Logged, expected_emails
from tests.e2e.kills.shop import Shop
from tests.fakes.fake_sendgrid import Taken

PARTITIONS: Final = 16
AT_LEAST_ONCE: Final = "seat-freed"
SHOWN_MAX: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """An email in the ledger."""

    send_id: str
    email: Email
    state: str
    attempts: int
    doubts: int
    may_be_double: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that is compared.

    Attributes:
        events: By partition, in the order of the log, repetitions included.
        counters: The heads' totals: applied, duplicates, dead.
    """

    events: Mapping[int, Sequence[tuple[int, int, Logged]]]
    dead: Sequence[tuple[int, DeadLetter]]
    counters: Counter[str]
    rows: Sequence[Row]


def gather(store: Redis, shop: Shop) -> Evidence:
    """Read the log, the dead letters and the ledger as they stand in the store."""
    return Evidence(
        events={partition: list(_log(store, partition)) for partition in range(PARTITIONS)},
        dead=[(partition, letter) for partition in range(PARTITIONS) for letter in _dead(store, partition)],
        counters=_counters(store),
        rows=list(_ledger(store, {_uid(customer.user_id): customer.user_id for customer in shop.everyone})),
    )


def at_rest(evidence: Evidence) -> bool:
    """Whether every email that must be decided has come to an end."""
    open_states = {"PENDING", "CLAIMED", "ATTEMPTED", "RETRY_AT", "IN_DOUBT"}
    ended = sum(row.state not in open_states for row in evidence.rows)
    return ended == len(evidence.rows) >= expected_of(evidence).total()


def expected_of(evidence: Evidence) -> Counter[Email]:
    """The emails that the log's events must lead to."""
    set_aside = {(partition, letter.seq, letter.index) for partition, letter in evidence.dead}

    def applied() -> Iterator[Logged]:
        for partition, entries in evidence.events.items():
            seen: set[str] = set()
            for seq, index, event in entries:
                if event.event_id in seen or {(partition, seq, index), (partition, seq, -1)} & set_aside:
                    continue
                seen.add(event.event_id)
                yield event

    return expected_emails(applied())


def complaints(evidence: Evidence, shop: Shop, taken: Sequence[Taken]) -> list[str]:
    """What does not hold; empty where all does."""
    return [*_of_events(evidence, shop), *_of_decisions(evidence), *_of_emails(evidence, taken)]


def _of_events(evidence: Evidence, shop: Shop) -> Iterator[str]:
    places: defaultdict[str, set[tuple[int, int]]] = defaultdict(set)
    for partition, entries in evidence.events.items():
        for seq, _, event in entries:
            places[event.event_id].add((partition, seq))
    lost = [f"{name} at {p}" for name, p in shop.acknowledged.items() if (p.partition, p.seq) not in places[name]]
    yield from _some("acknowledged events are not where their acknowledgement said", lost)
    yield from _some("events were refused", shop.refused)
    if len(shop.acknowledged) != shop.made:
        yield f"{shop.made - len(shop.acknowledged)} events were never acknowledged"
    logged, distinct = sum(map(len, evidence.events.values())), sum(bool(found) for found in places.values())
    counted = evidence.counters
    if counted["applied"] + counted["dead"] != distinct or counted["duplicates"] != logged - distinct:
        yield f"of {logged} logged events, {distinct} distinct, the shards counted {dict(counted)}"
    reasons = Counter(letter.reason for _, letter in evidence.dead)
    # Three owners dying of one entry is what quarantine is for; everything else would be a mistake.
    if reasons.keys() - {"quarantined"}:
        yield f"dead letters: {dict(reasons)}"


def _of_decisions(evidence: Evidence) -> Iterator[str]:
    expected, decided = expected_of(evidence), Counter(row.email for row in evidence.rows)
    yield from _some("emails were not decided", sorted((expected - decided).elements()))
    yield from _some("emails were decided for no reason", sorted((decided - expected).elements()))


def _of_emails(evidence: Evidence, taken: Sequence[Taken]) -> Iterator[str]:
    times, attempts = Counter(take.send_id for take in taken), Counter((take.send_id, take.attempt) for take in taken)
    rows = {row.send_id: row for row in evidence.rows}
    yield from _some("emails were sent that the ledger does not know", sorted(times.keys() - rows.keys()))
    yield from _some("attempts reached the provider twice", [str(a) for a, number in attempts.items() if number > 1])
    for row in rows.values():
        number = times[row.send_id]
        if row.state == "ACCEPTED":
            explained = number >= 1
        else:
            # Given up: somebody died with the attempt open, and whether it arrived is not known.
            explained = row.state == "GAVE_UP" and row.doubts > 0 and row.attempts > 0
        if not explained:
            yield f"{row} was taken {number} times"
        if number > 1 and not (row.email.campaign == AT_LEAST_ONCE and row.may_be_double and row.attempts >= number):
            yield f"{row} was doubled: taken {number} times"


def _some(what: str, which: Sequence[object]) -> Iterator[str]:
    if which:
        yield f"{len(which)} {what}: {', '.join(map(str, which[:SHOWN_MAX]))}{' …' if len(which) > SHOWN_MAX else ''}"


def _log(store: Redis, partition: int) -> Iterator[tuple[int, int, Logged]]:
    rows: Any = store.xrange(store_keys.log(partition))
    for entry_id, fields in rows:
        seq = int(entry_id.partition(b"-")[0])
        for index, payload in enumerate(log_pb2.LogEntry.FromString(fields[b"b"]).events.events):
            event = event_pb2.Event.FromString(payload)
            properties = msgspec.json.decode(event.properties_json or b"{}", type=dict[str, Any])
            yield seq, index, Logged(event.event_id, event.name, event.user_id, int(fields[b"t"]), properties)


def _dead(store: Redis, partition: int) -> list[DeadLetter]:
    rows: Any = store.xrange(store_keys.dead_letters(partition))
    return [msgspec.msgpack.decode(fields[b"d"], type=DeadLetter) for _, fields in rows]


def _counters(store: Redis) -> Counter[str]:
    totals: Counter[str] = Counter()
    for partition in range(PARTITIONS):
        names = ("applied", "duplicates", "dead")
        values: Any = store.hmget(store_keys.head(partition), names)
        totals.update({name: int(value or 0) for name, value in zip(names, values, strict=True)})
    return totals


def _ledger(store: Redis, users: Mapping[str, str]) -> Iterator[Row]:
    for slot in range(SLOTS):
        keys: Any = list(store.scan_iter(f"sw:{{s{slot:02d}}}:row:*", count=1_000))
        with store.pipeline(transaction=False) as pipeline:
            for key in keys:
                pipeline.hmget(key, ("s", "c", "u", "d", "a", "o", "k"))
            values = pipeline.execute()
        for key, (state, campaign, uid, due_ms, attempts, doubts, double) in zip(keys, values, strict=True):
            yield Row(
                send_id=key.rpartition(b":")[2].decode(),
                email=Email(campaign.decode(), users.get(uid.decode(), uid.decode()), int(due_ms)),
                state=EmailState.Name(int(state)).removeprefix("EMAIL_STATE_"),
                attempts=int(attempts),
                doubts=int(doubts),
                may_be_double=bool(double),
            )


def _uid(user_id: str) -> str:
    return customer_uid(routing_key(user_id=user_id, anonymous_id="", email=""))
