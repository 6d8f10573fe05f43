"""Everything known of one customer, and how an event changes it.

Every value inside is replaced, never changed in place: a shallow copy of a ``Customer`` is a complete one. The shard
applies each event to such a copy and drops it when the application fails.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from sendwhen.domain import facts
from sendwhen.domain.event import Event
from sendwhen.domain.facts import CustomerView
from sendwhen.domain.past import behind, chunk_events
from sendwhen.domain.properties import read_parts, read_value
from sendwhen.domain.run import Alarm, Run
from sendwhen.domain.shard_limits import ShardLimits
from sendwhen.domain.ties import NO_TIES, Ties
from sendwhen.domain.transfer import Place

_pack = msgspec.msgpack.Encoder().encode


class Field(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An attribute: the last writer by (occurred_at_ms, seq) wins.

    Attributes:
        value: JSON. b"" where it was removed: the tombstone keeps older data from bringing it back.
        source: Who told it.
    """

    value: bytes
    occurred_at_ms: int
    seq: int
    source: str


class Memory(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a campaign remembers of a customer between runs.

    Attributes:
        stopped: One of ``stop_after`` was seen.
        fired: Run key to the logical instant of its last firing, the one that fired first in front.
        trigger: The trigger kind's own memory, in its own coding; b"" for none.
        trigger_version: Version of the campaign that wrote it, with the generation of its trigger (see ``written_by``);
            another trigger starts with none, and so does the same one after a break.
    """

    stopped: bool = False
    fired: Mapping[str, int] = {}
    trigger: bytes = b""
    trigger_version: str = ""


NO_MEMORY = Memory()


def written_by(version: str, generation: int) -> str:
    """Mark of what a version remembers: with how often its trigger came after a break, where it did."""
    return f"{version}#{generation}" if generation else version


class AwaitedGoal(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The email to which a campaign's goal would be attributed.

    Attributes:
        version: The campaign's, which says what the goal is.
        emailed_at_ms: The email's logical instant. until_ms: the goal counts before it.
        withheld: It was not sent, because the customer is held out.
    """

    version: str
    run_id: str
    key: str
    send_id: str
    start_at_ms: int
    emailed_at_ms: int
    until_ms: int
    withheld: bool = False


_NOTHING: Final[dict[str, Any]] = {}
_MAPPINGS = ("fields", "memories", "tallies", "sent", "goals")


def _nothing() -> dict[str, Any]:
    # One for all customers, most of whom have none of most things: as many objects less to hold and to touch.
    return _NOTHING


class Customer(msgspec.Struct, array_like=True, gc=False):
    """One customer, as of entry ``seq``.

    Attributes:
        anonymous_ids: Latest last.
        email_occurred_at_ms, email_seq: When the address was told: last writer wins, as for fields.
        seq: Last entry that changed the customer. changed_at_ms: its log time.
        first_seen_at_ms, last_seen_at_ms: Log times of the first and the latest event.
        recent: Packed young events, oldest first (``sendwhen.domain.record`` reads them); recent_count: how many.
        memories: By campaign_id.
        decisions: The latest, packed, oldest first.
        alarms: Deadlines that are no run's.
        tallies: Counts of what conditions ask for, by name (``sendwhen.domain.tally``).
        edits_seen: Entry of the latest edit of a campaign that the runs have followed (``sendwhen.domain.edits``).
        looked: Mark of the watching triggers by which the customer was last looked at (``CampaignBook.watch_mark``).
        commerce: Cart and orders, packed (``sendwhen.domain.commerce``).
        sessions, session_at_ms: How many, and when the latest began. actions: the latest ones, packed
            (``sendwhen.domain.facts``).
        past_chunks: How many chunks of older events were cut off (``sendwhen.domain.past``).
        born_seq: Entry that created the customer (0: before that was noted); tells one life from the next.
        ties: None: of no other identity.
        sent: Packed instants of the latest emails, by what a cap counts (``sendwhen.domain.sent_mail``).
        goals: The latest email of each campaign that has a goal, until the goal comes or its time is over.
    """

    uid: str
    user_id: str = ""
    anonymous_ids: tuple[str, ...] = ()
    email: str = ""
    email_occurred_at_ms: int = 0
    email_seq: int = 0
    fields: Mapping[str, Field] = msgspec.field(default_factory=_nothing)
    seq: int = 0
    changed_at_ms: int = 0
    first_seen_at_ms: int = 0
    last_seen_at_ms: int = 0
    recent: bytes = b""
    recent_count: int = 0
    runs: tuple[Run, ...] = ()
    memories: Mapping[str, Memory] = msgspec.field(default_factory=_nothing)
    decisions: tuple[bytes, ...] = ()
    alarms: tuple[Alarm, ...] = ()
    tallies: Mapping[str, bytes] = msgspec.field(default_factory=_nothing)
    looked: str = ""
    past_chunks: int = 0
    born_seq: int = 0
    ties: Ties | None = None
    edits_seen: int = 0
    sent: Mapping[str, bytes] = msgspec.field(default_factory=_nothing)
    goals: Mapping[str, AwaitedGoal] = msgspec.field(default_factory=_nothing)
    commerce: bytes = b""
    sessions: int = 0
    session_at_ms: int = 0
    actions: bytes = b""

    def compacted(self) -> Customer:
        """The same after it was read, holding no empty mappings of its own."""
        for name in _MAPPINGS:
            if not getattr(self, name):
                setattr(self, name, _NOTHING)
        return self

    @property
    def exists(self) -> bool:
        """Something is known of the customer; nobody is like a record that was never written, or deleted."""
        return self.seq > 0

    @property
    def into(self) -> Place | None:
        """Where the survivor is; None: this is no tombstone."""
        return None if self.ties is None else self.ties.into

    def known_ties(self) -> Ties:
        """The ties, or none."""
        return self.ties or NO_TIES

    def memory(self, campaign_id: str) -> Memory:
        """What the campaign remembers."""
        return self.memories.get(campaign_id, NO_MEMORY)

    def remember(self, campaign_id: str, memory: Memory) -> None:
        """Let the campaign remember this."""
        self.memories = {**self.memories, campaign_id: memory}

    def consents(self) -> bool:
        """The attribute ``consent`` is true; unknown counts as no."""
        field = self.fields.get("consent")
        return field is not None and field.value == b"true"

    def due_at_ms(self) -> int | None:
        """Earliest deadline among runs and alarms."""
        if not self.alarms:
            return min([run.due_at_ms for run in self.runs]) if self.runs else None
        return min([run.due_at_ms for run in self.runs] + [alarm.due_at_ms for alarm in self.alarms])

    def due(self, due_at_ms: int, armed: tuple[int, ...]) -> Run | Alarm | None:
        """The open run or alarm with this deadline."""
        for run in self.runs:
            if run.due_at_ms == due_at_ms and run.armed == armed:
                return run
        for alarm in self.alarms:
            if alarm.due_at_ms == due_at_ms and alarm.armed == armed:
                return alarm
        return None

    def scope(self) -> CustomerView:
        """As conditions see it. Identities that are not known are null."""
        seen = {name: read_value(field.value) for name, field in self.fields.items() if field.value}
        seen["email"] = self.email or None
        seen["user_id"] = self.user_id or None
        seen["anonymous_id"] = self.anonymous_ids[-1] if self.anonymous_ids else None
        if not facts.NAMES.isdisjoint(seen):
            seen = {name: value for name, value in seen.items() if name not in facts.NAMES}
        return CustomerView(seen, self)


def learn(known: Customer, event: Event, *, seq: int, at_ms: int, limits: ShardLimits) -> tuple[Customer, int]:
    """The customer after what an event tells, and how many limits overflowed; ``known`` stays as it is.

    Raises:
        msgspec.DecodeError: The attributes are not a JSON object.
    """
    recent, recent_count, past_chunks = _with_event(known, event, at_ms, limits)
    customer = replace(
        known,
        seq=seq,
        changed_at_ms=at_ms,
        last_seen_at_ms=at_ms,
        recent=recent,
        recent_count=recent_count,
        past_chunks=past_chunks,
        actions=facts.actions_after(known.actions, event.name, at_ms),
    )
    if not known.seq:
        customer.born_seq = seq
    if not known.first_seen_at_ms:
        customer.first_seen_at_ms = at_ms
    overflows = facts.keep_up(customer, event, at_ms, last_seen_at_ms=known.last_seen_at_ms)
    if event.user_id and not known.user_id:
        customer.user_id = event.user_id
    if event.anonymous_id and (not known.anonymous_ids or known.anonymous_ids[-1] != event.anonymous_id):
        others = [other for other in known.anonymous_ids if other != event.anonymous_id]
        if len(others) >= limits.anonymous_ids:
            overflows += 1
            del others[0]
        customer.anonymous_ids = (*others, event.anonymous_id)
    if event.email:
        _learn_email(customer, event, seq)
    if event.attributes and event.attributes != b"{}":
        overflows += _learn_fields(customer, event, seq, limits)
    return customer, overflows


def tell(customer: Customer, name: str, value: bytes, *, at_ms: int, seq: int, source: str, limits: ShardLimits) -> int:
    """Set one attribute (JSON; null removes it), as if told at that instant; how many limits overflowed."""
    known = customer.fields.get(name)
    if known is not None and (known.occurred_at_ms, known.seq) > (at_ms, seq):
        return 0
    if len(value) > limits.field_bytes or (known is None and len(customer.fields) >= limits.fields):
        return 1
    told = b"" if value == b"null" else value
    # What is told again counts from now on, too: what was told before it may still be on its way.
    if known is None or (known.value, known.occurred_at_ms) != (told, at_ms):
        customer.fields = {**customer.fields, name: Field(told, at_ms, seq, source)}
    return 0


def _learn_email(customer: Customer, event: Event, seq: int) -> None:
    told_ms, known_ms = event.occurred_at_ms, customer.email_occurred_at_ms
    if told_ms > known_ms or (told_ms == known_ms and seq >= customer.email_seq):
        customer.email = event.email
        customer.email_occurred_at_ms = told_ms
        customer.email_seq = seq


def _learn_fields(customer: Customer, event: Event, seq: int, limits: ShardLimits) -> int:
    overflows = 0
    fields = dict(customer.fields)
    for name, value in read_parts(event.attributes).items():
        known = fields.get(name)
        if known is not None and (known.occurred_at_ms, known.seq) > (event.occurred_at_ms, seq):
            continue
        if len(value) > limits.field_bytes or (known is None and len(fields) >= limits.fields):
            overflows += 1
            continue
        fields[name] = Field(b"" if value == b"null" else value, event.occurred_at_ms, seq, event.source)
    customer.fields = fields
    return overflows


def _with_event(customer: Customer, event: Event, at_ms: int, limits: ShardLimits) -> tuple[bytes, int, int]:
    """Recent events with this one, how many, and how many chunks were cut off."""
    properties, occurred_at_ms = event.properties, event.occurred_at_ms
    if len(properties) > limits.recent_properties_bytes:
        properties = b""
    # The log time as a difference: it is a few bytes instead of nine.
    packed = _pack((event.event_id, event.name, occurred_at_ms, at_ms - occurred_at_ms, properties))
    kept, count, chunks = customer.recent, customer.recent_count, customer.past_chunks
    if count > limits.recent_events:
        events = chunk_events(limits.recent_events)
        if count >= limits.recent_events + events:
            # Never written: the chunk behind it takes its place with the next commit.
            kept = kept[behind(kept, events) :]
            count -= events
            chunks += 1
    return kept + (len(packed).to_bytes(2, "big") + packed), count + 1, chunks
