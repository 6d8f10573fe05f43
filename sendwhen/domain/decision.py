"""What was decided: data, not deeds. The shard host carries decisions out after the commit that contains them."""

from __future__ import annotations

from enum import Enum

import msgspec

from sendwhen.domain.sending_rules import Category, InDoubt


class Kind(Enum):
    """Kinds of decisions; the same words as sendwhen.v1.Decision.Kind."""

    ENTERED = "entered"
    WAITING = "waiting"
    CANCELLED = "cancelled"
    SEND = "send"
    SKIPPED = "skipped"
    REFUSED = "refused"
    RESET = "reset"
    FINISHED = "finished"
    EXITED = "exited"
    TOOK = "took"
    GOAL = "goal"


class Decision(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing a campaign decided about one customer, as remembered with the customer (the latest 32).

    Attributes:
        at_ms: Log time (for what a timer decided: of the entry that made it visible).
        due_at_ms: The logical instant: the deadline, or the event's log time. For WAITING: the coming deadline.
        start_at_ms: Log time of the event that started the run.
        reason: A stable word: no_address, no_consent, guard, cooldown, once, stopped, paused, expired, too_old,
            bad_duration, no_key, answered, exited, goal, waited, superseded, kept, limit, holdout, cap, quiet_hours,
            priority, outranked, split, branch …
        detail: The same in a sentence with the values that mattered.
    """

    kind: Kind
    campaign_id: str
    version: str
    run_id: str = ""
    key: str = ""
    at_ms: int
    due_at_ms: int = 0
    start_at_ms: int = 0
    reason: str = ""
    detail: str = ""
    send_id: str = ""
    template: str = ""
    event_id: str = ""
    seq: int = 0


class Send(msgspec.Struct, frozen=True, kw_only=True):
    """Hand this email to sender, once the commit that contains it is durable.

    Attributes:
        send_id: H(send key, run_id, step, occurrence); 32 hexadecimal digits; the same after every failure.
        step: Index of the step, as text.
        customer_seq: Last entry that changed the customer, the present one included.
        at_ms: Log time of the decision. due_at_ms: the logical instant (see Decision).
        expires_at_ms: Not to be sent at or after this; 0: no limit (due_at_ms + max_lateness).
        context: JSON object with "event", "start" ({name, id, occurred_at_ms, properties}) and "customer".
        delayed: A wait lies between the event and this email.
        traceparent, event_id, event_name, received_at_us: Of the event that led here (for a delayed one: that started
            it).
        volume_per_day: As the campaign's Sending says; 0: no bound.
        entry_seq: Entry in which it was decided. front_received_at_us, appended_at_us: of that entry, for traces.
        grace_ms: How far the campaign runs behind log time: in log time it was due so much later.
        born_seq: Entry that created the customer; tells one life from the next.
    """

    send_id: str
    run_id: str
    campaign_id: str
    version: str
    step: str
    template: str
    template_hash: str
    category: Category
    in_doubt: InDoubt
    uid: str
    email: str
    customer_seq: int
    at_ms: int
    due_at_ms: int
    start_at_ms: int
    expires_at_ms: int
    key: str
    reason: str
    context: bytes
    delayed: bool
    traceparent: str
    event_id: str
    event_name: str
    received_at_us: int
    entry_seq: int
    front_received_at_us: int
    appended_at_us: int
    volume_per_day: int = 0
    grace_ms: int = 0
    born_seq: int = 0
