"""What every store does so that shards look at all customers who were known before."""

from __future__ import annotations

from sendwhen.domain.entry import Review
from sendwhen.wire.entry import entry_of, review_entry
from services.trigger.review_port import ReviewCustomers, Reviewed
from tests.contract.log_contract import OpensWorlds
from tests.contract.store_world import Owner, World, customer

UIDS = [f"{number:024x}" for number in range(1_000)]


class ReviewContract(OpensWorlds):
    def test_all_customers_are_named_once_for_each_mark_a_few_at_a_time(self) -> None:
        owner, world = self._owner_of_customers()

        answers = _all(owner, "mark")

        assert sum(answer.customers for answer in answers) >= len(UIDS)
        assert all(answer.customers < 300 for answer in answers)
        assert [answer.done for answer in answers] == [False] * (len(answers) - 1) + [True]
        entries = owner.read(after=1)
        named = [entry_of(one.seq, one.at_ms, one.appended_at_us, one.body) for one in entries]
        assert all(isinstance(one, Review) for one in named)
        assert {uid for one in named for uid in one.uids} == set(UIDS)
        assert entries[0].body == review_entry(named[0].uids)
        assert world.run(world.log.heads([0]))[0].lag_events == 0

        again = _review(owner, "mark")
        assert again == Reviewed(customers=0, done=True)
        assert _review(owner, "another").customers > 0

    def test_the_next_owner_goes_on_and_a_former_one_writes_nothing(self) -> None:
        old, world = self._owner_of_customers()
        _review(old, "mark")
        new = Owner(world, "new")
        entries = len(new.read(after=1))

        assert old.store.review(_request(old, "mark")) is None
        assert len(new.read(after=1)) == entries
        _all(new, "mark")

        named = {uid for one in new.read(after=1) for uid in entry_of(1, 1, 1, one.body).uids}  # type: ignore[union-attr]  # all are reviews
        assert named == set(UIDS)
        assert sum(1 for one in new.read(after=1)) < 2 * len(UIDS) / 100

    def test_without_customers_there_is_no_entry(self) -> None:
        world = self.open()
        owner = Owner(world)

        assert _review(owner, "mark") == Reviewed(customers=0, done=True)
        assert world.run(world.log.heads([0]))[0].head_seq == 0

    def test_on_the_events_own_time_the_time_stays_as_it_is(self) -> None:
        world = self.open(events_clock=True)
        world.append(at_ms=77)
        owner = Owner(world)
        owner.commit(1, customers=[customer(UIDS[0])])

        assert _review(owner, "mark").customers == 1
        assert owner.read()[-1].at_ms == 77

    def _owner_of_customers(self) -> tuple[Owner, World]:
        world = self.open()
        world.append()
        owner = Owner(world)
        assert owner.commit(1, customers=[customer(uid, b"r" * 200) for uid in UIDS]) is None
        return owner, world


def _request(owner: Owner, mark: str) -> ReviewCustomers:
    return ReviewCustomers(partition=0, epoch=owner.claimed.epoch, owner=owner.name, mark=mark, customers_max=100)


def _review(owner: Owner, mark: str) -> Reviewed:
    answer = owner.store.review(_request(owner, mark))
    assert answer is not None
    return answer


def _all(owner: Owner, mark: str) -> list[Reviewed]:
    answers = [_review(owner, mark)]
    while not answers[-1].done:
        answers.append(_review(owner, mark))
    return answers
