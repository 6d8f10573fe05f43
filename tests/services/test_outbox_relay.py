"""The relay moved request by request over an outbox that is a list."""

from __future__ import annotations

from collections.abc import Sequence

from services.trigger.host_limits import RelayLimits
from services.trigger.outbox_relay import OutboxRelay
from services.trigger.ports import (
    TO_SENDER_FORGET,
    DeleteOutbox,
    OutboxRow,
    Pause,
    Push,
    ReadOutbox,
    RelayRequest,
    SenderLost,
    SenderRefused,
    StoreLost,
)
from services.trigger.refused_row import letter_of


class Outboxes:
    """Stores, sender and clock of one relay."""

    def __init__(self, **limits: int) -> None:
        self.now_ms = 0
        self.rows: dict[int, list[OutboxRow]] = {}
        self.released: dict[int, tuple[OutboxRow, ...]] = {}
        self.got: list[tuple[int, int]] = []
        self.requests: list[RelayRequest] = []
        self.refused: set[int] = set()
        self.store_down = False
        self.never: set[int] = set()
        self.letters: list[str] = []
        self._steps = OutboxRelay(
            monotonic_ms=lambda: self.now_ms, letter=letter_of, limits=RelayLimits(**limits)
        ).run()
        self.pending: RelayRequest = next(self._steps)

    def decide(self, partition: int, ordinals: Sequence[int], *, lineage: str = "l1", release: bool = True) -> None:
        rows = tuple(OutboxRow(ordinal=n, lineage=lineage, intent=b"") for n in ordinals)
        self.rows.setdefault(partition, []).extend(rows)
        # As ReleasedRows does: after a claim the outbox tells, not what was released.
        if release and self.released.get(partition) != ():
            self.released[partition] = (*self.released.get(partition, ()), *rows)

    def claim(self, partition: int) -> None:
        self.released[partition] = ()

    def run(self, steps: int = 60) -> None:
        for _ in range(steps):
            self.step()

    def step(self) -> None:
        request = self.pending
        self.requests.append(request)
        match request:
            case Pause():
                self.now_ms += request.at_most_ms
                answer: object = self.released
                self.released = {}
            case ReadOutbox() | DeleteOutbox() if self.store_down:
                self.pending = self._steps.throw(StoreLost("down"))
                return
            case ReadOutbox():
                rows = [row for row in self.rows.get(request.partition, []) if row.ordinal > request.after_ordinal]
                answer = tuple(rows[: request.rows_max])
            case Push() if request.partition in self.refused:
                self.pending = self._steps.throw(SenderLost("no"))
                return
            case Push() if any(row.ordinal in self.never for row in request.rows):
                self.pending = self._steps.throw(SenderRefused("rows[0].intent.send_id: 32 hexadecimal digits."))
                return
            case Push():
                self.got += [(request.partition, row.ordinal) for row in request.rows]
                answer = None
            case DeleteOutbox():
                kept = [row for row in self.rows[request.partition] if row.ordinal > request.up_to_ordinal]
                self.rows[request.partition] = kept
                self.letters += [request.letter.detail] if request.letter else []
                answer = None
        self.pending = self._steps.send(answer)


def test_released_rows_go_out_in_order_and_leave_the_outbox() -> None:
    boxes = Outboxes()
    boxes.claim(0)
    boxes.run(6)
    boxes.decide(0, [1, 2, 3])
    boxes.run()
    boxes.decide(0, [4])
    boxes.run()

    assert boxes.got == [(0, 1), (0, 2), (0, 3), (0, 4)]
    assert boxes.rows[0] == []


def test_once_the_outbox_is_read_released_rows_need_no_reading() -> None:
    boxes = Outboxes()
    boxes.claim(0)
    boxes.decide(0, [1], release=False)
    boxes.run()
    reads = sum(isinstance(request, ReadOutbox) for request in boxes.requests)

    boxes.decide(0, [2])
    boxes.run()

    assert boxes.got == [(0, 1), (0, 2)]
    assert sum(isinstance(request, ReadOutbox) for request in boxes.requests) == reads


def test_after_a_claim_what_an_owner_before_left_is_sent() -> None:
    boxes = Outboxes(push_rows=2)
    boxes.decide(0, range(5, 10), lineage="before", release=False)
    boxes.claim(0)

    boxes.run()

    assert boxes.got == [(0, n) for n in range(5, 10)]
    assert max(len(request.rows) for request in boxes.requests if isinstance(request, Push)) == 2


def test_a_partition_that_sender_refuses_waits_alone_and_then_goes_on_in_order() -> None:
    boxes = Outboxes()
    for partition in (0, 1):
        boxes.claim(partition)
    boxes.run(10)
    boxes.refused = {0}
    boxes.decide(0, [1, 2])
    boxes.decide(1, [1, 2])
    boxes.run(40)

    assert boxes.got == [(1, 1), (1, 2)]
    pushes = sum(isinstance(request, Push) and request.partition == 0 for request in boxes.requests)
    assert pushes < 20

    boxes.refused = set()
    boxes.decide(0, [3])
    boxes.run(40)
    assert boxes.got == [(1, 1), (1, 2), (0, 1), (0, 2), (0, 3)]


def test_rows_beyond_the_memory_limit_are_read_from_the_outbox() -> None:
    boxes = Outboxes(memory_rows=10, push_rows=5)
    boxes.claim(0)
    boxes.run(6)
    boxes.refused = {0}
    for start in range(1, 50, 5):
        boxes.decide(0, range(start, start + 5))
        boxes.run(3)
    boxes.refused = set()
    boxes.run(100)

    assert boxes.got == [(0, n) for n in range(1, 51)]


def test_ordinals_used_again_after_a_lost_tail_are_other_rows() -> None:
    boxes = Outboxes()
    boxes.claim(0)
    boxes.decide(0, [1, 2, 3])
    boxes.run()
    boxes.rows[0] = []
    boxes.claim(0)
    boxes.decide(0, [2, 3], lineage="l2")
    boxes.run()

    assert boxes.got == [(0, 1), (0, 2), (0, 3), (0, 2), (0, 3)]


def test_while_the_store_is_away_rows_stay_and_are_sent_afterwards() -> None:
    boxes = Outboxes()
    boxes.store_down = True
    boxes.claim(0)
    boxes.decide(0, [1])
    boxes.run()
    assert boxes.got == []

    boxes.store_down = False
    boxes.run()

    assert boxes.got == [(0, 1)]


def test_a_row_that_sender_will_never_take_is_set_aside_alone_and_the_others_arrive_in_order() -> None:
    boxes = Outboxes()
    boxes.claim(0)
    boxes.decide(0, range(1, 6), release=False)
    boxes.never = {2, 7}
    boxes.run(40)
    boxes.decide(0, range(6, 10))
    boxes.run(40)

    assert boxes.got == [(0, n) for n in (1, 3, 4, 5, 6, 8, 9)]
    assert boxes.letters == [f"Email {n}: rows[0].intent.send_id: 32 hexadecimal digits." for n in (2, 7)]
    assert boxes.rows[0] == []
    boxes.decide(0, [10, 11])
    boxes.run()
    pushes = [request for request in boxes.requests if isinstance(request, Push)]
    assert [row.ordinal for row in pushes[-1].rows] == [10, 11]


def test_rows_are_pushed_in_calls_of_bounded_size() -> None:
    boxes = Outboxes(push_bytes=100)
    boxes.claim(0)
    boxes.run(6)
    boxes.rows[0] = [
        OutboxRow(ordinal=n, lineage="l1", intent=bytes(size)) for n, size in enumerate([40, 40, 40, 300, 9], 1)
    ]
    boxes.released[0] = tuple(boxes.rows[0])
    boxes.run()

    pushes = [request for request in boxes.requests if isinstance(request, Push)]
    assert [[row.ordinal for row in push.rows] for push in pushes] == [[1, 2], [3], [4], [5]]


def test_deletions_go_to_sender_behind_the_decisions_before_them_and_one_that_is_refused_holds_up_nobody() -> None:
    boxes = Outboxes()
    boxes.claim(0)
    boxes.run(6)
    boxes.decide(0, [1])
    deletion = OutboxRow(ordinal=2, lineage="l1", intent=b"", target=TO_SENDER_FORGET)
    boxes.rows[0].append(deletion)
    boxes.released[0] = (*boxes.released[0], deletion)
    boxes.decide(0, [3])
    boxes.never = {2}
    boxes.run()

    assert boxes.got == [(0, 1), (0, 3)]
    assert boxes.letters == ["Deletion 2: rows[0].intent.send_id: 32 hexadecimal digits."]


def test_what_was_taken_is_deleted_only_when_nothing_waits() -> None:
    boxes = Outboxes()
    for partition in range(3):
        boxes.claim(partition)
    boxes.run(12)
    before = len(boxes.requests)
    for partition in range(3):
        boxes.decide(partition, [1, 2])
    boxes.step()
    boxes.decide(0, [3])
    boxes.run(20)

    asked = [type(request) for request in boxes.requests[before:] if isinstance(request, Push | DeleteOutbox)]
    assert asked == [Push] * 4 + [DeleteOutbox] * 3
    assert not any(boxes.rows.values())


def test_as_many_rows_as_one_call_takes_are_deleted_whoever_waits() -> None:
    boxes = Outboxes(push_rows=3)
    boxes.claim(0)
    boxes.decide(0, range(1, 20), release=False)
    boxes.run(8)

    assert boxes.got[-1] == (0, 6)
    assert [row.ordinal for row in boxes.rows[0]] == list(range(7, 20))


def test_a_deletion_that_failed_is_tried_again_and_its_rows_are_not_sent_twice() -> None:
    boxes = Outboxes()
    boxes.claim(0)
    boxes.run(6)
    boxes.decide(0, [1, 2])
    while not isinstance(boxes.pending, DeleteOutbox):
        boxes.step()
    boxes.store_down = True
    boxes.run(10)
    assert len(boxes.rows[0]) == 2

    boxes.store_down = False
    boxes.run(20)

    assert boxes.got == [(0, 1), (0, 2)]
    assert boxes.rows[0] == []
