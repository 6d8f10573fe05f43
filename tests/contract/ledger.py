"""What every ledger must do. Subclass once for each implementation."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

import pytest

from sendwhen.errors import Overloaded
from sendwhen.v1 import email_pb2
from services.sender.ledger import Signal, State
from services.sender.ledger_port import Claimed, Ledger
from tests.services.sender.emails import (
    ADDRESSES,
    ATTEMPT_LEASE_MS,
    EVIDENCE_MS,
    LEASE_MS,
    NOW_MS,
    a_new_email,
    an_intent,
    begin,
    claim_due,
    settle,
    submit,
)

ADA = ADDRESSES.hash_of("ada@example.invalid")
AT_LEAST_ONCE = email_pb2.IN_DOUBT_POLICY_AT_LEAST_ONCE


async def state_of(ledger: Ledger, name: str = "first") -> State:
    (email,) = await ledger.emails([an_intent(name).send_id], [])
    return State(email.state)


async def one_claimed(ledger: Ledger, **fields: object) -> Claimed:
    (claimed,) = (await ledger.submit(submit(a_new_email(**fields)))).claimed  # type: ignore[arg-type]  # by name
    return claimed


class OpensLedgers(ABC):
    @abstractmethod
    def opened(self, *, open_max: int = 1_000_000) -> AbstractAsyncContextManager[Ledger]: ...

    def tell(self, story: Callable[[Ledger], Awaitable[None]], *, open_max: int = 1_000_000) -> None:
        async def telling() -> None:
            async with self.opened(open_max=open_max) as ledger:
                await story(ledger)

        asyncio.run(telling())


class LedgerContract(OpensLedgers):
    def test_a_submitted_email_is_claimed_at_once_with_all_it_needs(self) -> None:
        async def story(ledger: Ledger) -> None:
            answer = await ledger.submit(submit(a_new_email()))

            assert (answer.accepted, answer.repeated, answer.left_pending) == (1, 0, 0)
            assert answer.claimed[0].intent == an_intent()
            assert answer.claimed[0].submitted_at_ms == NOW_MS
            assert await state_of(ledger) is State.CLAIMED

        self.tell(story)

    def test_the_same_row_again_is_known_by_its_ordinal_and_by_its_send_id(self) -> None:
        async def story(ledger: Ledger) -> None:
            await ledger.submit(submit(a_new_email(ordinal=4)))

            same_place = await ledger.submit(submit(a_new_email("other", ordinal=4)))
            earlier_place = await ledger.submit(submit(a_new_email("other", ordinal=3)))
            same_id = await ledger.submit(submit(a_new_email(ordinal=9)))

            assert [(a.accepted, a.repeated) for a in (same_place, earlier_place, same_id)] == [(0, 1)] * 3
            assert await ledger.emails([an_intent("other").send_id], []) == []

        self.tell(story)

    def test_the_highest_ordinal_of_a_lineage_counts_not_the_first(self) -> None:
        async def story(ledger: Ledger) -> None:
            for number in (4, 9):
                await ledger.submit(submit(a_new_email(f"e{number}", ordinal=number)))

            answer = await ledger.submit(submit(a_new_email("other", ordinal=9)))

            assert (answer.accepted, answer.repeated) == (0, 1)

        self.tell(story)

    def test_ordinals_count_anew_in_another_lineage_and_the_last_sixteen_are_remembered(self) -> None:
        async def story(ledger: Ledger) -> None:
            for number in range(17):
                answer = await ledger.submit(submit(a_new_email(f"e{number}", lineage=f"l{number}")))
                assert answer.accepted == 1

            remembered = await ledger.submit(submit(a_new_email("x", lineage="l1")))
            forgotten = await ledger.submit(submit(a_new_email("y", lineage="l0")))

            assert (remembered.accepted, forgotten.accepted) == (0, 1)

        self.tell(story)

    def test_what_is_not_claimed_at_once_is_found_as_due(self) -> None:
        async def story(ledger: Ledger) -> None:
            emails = [a_new_email(f"e{n}", ordinal=n, address=f"c{n}@example.invalid") for n in range(1, 4)]
            answer = await ledger.submit(submit(*emails, claim_max=1))

            found = await ledger.claim_due(claim_due(NOW_MS))
            again = await ledger.claim_due(claim_due(NOW_MS))

            assert (len(answer.claimed), answer.left_pending) == (1, 2)
            assert {claimed.send_id for claimed in found.claimed} == {email.intent.send_id for email in emails[1:]}
            assert again.claimed == ()

        self.tell(story)

    def test_an_attempt_may_begin_with_the_acceptance_and_is_settled_as_any_other(self) -> None:
        async def story(ledger: Ledger) -> None:
            answer = await ledger.submit(submit(a_new_email(attempt=True)))

            assert (answer.accepted, answer.claimed, answer.left_pending) == (1, (), 0)
            (begun,) = answer.begun
            assert (begun.intent, begun.attempts, begun.claim) == (an_intent(), 0, 1)
            assert await state_of(ledger) is State.ATTEMPTED
            assert (await ledger.settle(settle(begun, Signal.ACCEPT))).state is State.ACCEPTED
            (email,) = await ledger.emails([begun.send_id], [])
            assert email.attempts == 1
            counts, _ = await ledger.counts()
            assert [(count.state, count.emails) for count in counts] == [(State.ACCEPTED, 1)]

        self.tell(story)

    def test_no_attempt_begins_with_the_acceptance_of_what_the_last_look_forbids(self) -> None:
        async def story(ledger: Ledger) -> None:
            await ledger.suppress(ADA, "asked")
            emails = (
                a_new_email("listed", ordinal=1, attempt=True),
                a_new_email("late", ordinal=2, address="b@x.invalid", expires_at_ms=NOW_MS, attempt=True),
                a_new_email("early", ordinal=3, address="c@x.invalid", expires_at_ms=NOW_MS + 1, attempt=True),
                a_new_email("second", ordinal=4, address="c@x.invalid", attempt=True),
            )
            answer = await ledger.submit(submit(*emails))

            assert [begun.send_id for begun in answer.begun] == [an_intent("early").send_id]
            listed, late = answer.claimed
            assert (await ledger.begin(begin(listed))).state is State.SUPPRESSED
            assert (await ledger.begin(begin(late))).state is State.EXPIRED
            assert await state_of(ledger, "second") is State.PENDING
            heedless = a_new_email("d", ordinal=5, address="d@x.invalid", expires_at_ms=NOW_MS, attempt=True)
            assert len((await ledger.submit(submit(heedless, look_at_expiry=False))).begun) == 1

        self.tell(story)

    def test_an_attempt_begun_with_its_acceptance_and_never_carried_out_is_in_doubt_after_its_lease(self) -> None:
        async def story(ledger: Ledger) -> None:
            await ledger.submit(submit(a_new_email(attempt=True)))

            assert (await ledger.claim_due(claim_due(NOW_MS + ATTEMPT_LEASE_MS - 1))).doubted == 0
            assert (await ledger.claim_due(claim_due(NOW_MS + ATTEMPT_LEASE_MS))).doubted == 1
            assert await state_of(ledger) is State.IN_DOUBT

        self.tell(story)

    def test_a_submission_asked_again_has_its_attempt_and_any_other_has_not(self) -> None:
        async def story(ledger: Ledger) -> None:
            email = a_new_email(attempt=True)
            await ledger.submit(submit(email, worker="w1/1"))

            other = await ledger.submit(submit(email, worker="w1/2"))
            assert (other.accepted, other.repeated, other.claimed, other.begun) == (0, 1, (), ())
            again = await ledger.submit(submit(email, worker="w1/1"))
            (claimed,) = again.claimed
            first, second = await ledger.begin(begin(claimed)), await ledger.begin(begin(claimed))

            assert first == second
            assert (first.granted, first.attempt, again.begun) == (True, 1, ())
            await ledger.suppress(ADA, "asked")
            assert (await ledger.begin(begin(claimed))).state is State.SUPPRESSED

        self.tell(story)

    def test_a_decision_twice_in_one_submission_is_attempted_once(self) -> None:
        async def story(ledger: Ledger) -> None:
            rows = (a_new_email(ordinal=9, attempt=True), a_new_email(ordinal=1, lineage="l2", attempt=True))

            answer = await ledger.submit(submit(*rows, worker="w1/1"))
            assert (len(answer.begun), answer.claimed, answer.repeated) == (1, (), 1)
            again = await ledger.submit(submit(*rows, worker="w1/1"))
            assert (again.begun, len(again.claimed)) == ((), 1)

        self.tell(story)

    @pytest.mark.parametrize("worker", ["w2", "w1"])
    def test_a_claim_whose_lease_is_over_goes_to_another_and_the_first_may_not_attempt(self, worker: str) -> None:
        async def story(ledger: Ledger) -> None:
            first = await one_claimed(ledger)

            assert (await ledger.claim_due(claim_due(NOW_MS + LEASE_MS - 1, worker=worker))).claimed == ()
            (second,) = (await ledger.claim_due(claim_due(NOW_MS + LEASE_MS, worker=worker))).claimed

            assert not (await ledger.begin(begin(first))).granted
            assert (await ledger.begin(begin(second))).granted

        self.tell(story)

    def test_an_attempt_is_granted_once_counted_and_granted_again_to_its_own_worker(self) -> None:
        async def story(ledger: Ledger) -> None:
            claimed = await one_claimed(ledger)

            first, again = await ledger.begin(begin(claimed)), await ledger.begin(begin(claimed))

            assert first == again
            assert (first.granted, first.state, first.attempt) == (True, State.ATTEMPTED, 1)

        self.tell(story)

    def test_no_attempt_begins_after_the_address_was_suppressed(self) -> None:
        async def story(ledger: Ledger) -> None:
            claimed = await one_claimed(ledger)
            assert await ledger.suppress(ADA, "asked")
            assert not await ledger.suppress(ADA, "asked")

            begun = await ledger.begin(begin(claimed))

            assert (begun.granted, begun.state) == (False, State.SUPPRESSED)
            assert await state_of(ledger) is State.SUPPRESSED
            assert await ledger.unsuppress(ADA)
            assert not await ledger.unsuppress(ADA)

        self.tell(story)

    def test_an_attempt_asked_again_after_a_suppression_is_refused(self) -> None:
        async def story(ledger: Ledger) -> None:
            claimed = await one_claimed(ledger)
            await ledger.begin(begin(claimed))
            await ledger.suppress(ADA, "asked")

            again = await ledger.begin(begin(claimed))

            assert (again.granted, again.state) == (False, State.SUPPRESSED)

        self.tell(story)

    def test_an_email_expires_at_its_instant_and_not_before(self) -> None:
        async def story(ledger: Ledger) -> None:
            late = await one_claimed(ledger, expires_at_ms=NOW_MS)
            early = await one_claimed(ledger, name="b", ordinal=2, address="b@x.invalid", expires_at_ms=NOW_MS + 1)
            heedless = await one_claimed(ledger, name="c", ordinal=3, address="c@x.invalid", expires_at_ms=NOW_MS)

            assert (await ledger.begin(begin(late))).state is State.EXPIRED
            assert (await ledger.begin(begin(early))).granted
            assert (await ledger.begin(begin(heedless, look_at_expiry=False))).granted

        self.tell(story)

    def test_an_accepted_email_keeps_its_row_and_what_the_provider_said(self) -> None:
        async def story(ledger: Ledger) -> None:
            claimed = await one_claimed(ledger)
            await ledger.begin(begin(claimed))

            settled = await ledger.settle(
                settle(claimed, Signal.ACCEPT, provider_message_id="m1", first_byte_at_us=5, at_ms=NOW_MS + 3)
            )
            again = await ledger.settle(settle(claimed, Signal.ACCEPT, provider_message_id="m1"))

            assert (settled.state, settled.applied) == (State.ACCEPTED, True)
            assert (again.state, again.applied) == (State.ACCEPTED, False)
            (email,) = await ledger.emails([claimed.send_id], [claimed.slot])
            assert email == email_pb2.Email(
                send_id=claimed.send_id,
                campaign_id="abandoned-cart",
                customer_uid="0" * 24,
                state="EMAIL_STATE_ACCEPTED",
                attempts=1,
                provider_message_id="m1",
                provider="fake",
                changed_at_ms=NOW_MS + 3,
                due_at_ms=NOW_MS,
                first_byte_at_us=5,
                reason="the cart was left",
            )

        self.tell(story)

    def test_what_was_not_processed_is_due_again_at_its_time(self) -> None:
        async def story(ledger: Ledger) -> None:
            claimed = await one_claimed(ledger)
            await ledger.begin(begin(claimed))
            await ledger.settle(settle(claimed, Signal.NOT_PROCESSED, next_at_ms=NOW_MS + 50))

            assert (await ledger.claim_due(claim_due(NOW_MS + 49))).claimed == ()
            (again,) = (await ledger.claim_due(claim_due(NOW_MS + 50))).claimed

            assert (again.attempts, again.claim) == (1, 2)
            assert (await ledger.begin(begin(again))).attempt == 2

        self.tell(story)

    def test_an_open_attempt_whose_worker_is_gone_is_in_doubt_and_then_given_up(self) -> None:
        async def story(ledger: Ledger) -> None:
            claimed = await one_claimed(ledger)
            await ledger.begin(begin(claimed))

            doubted = await ledger.claim_due(claim_due(NOW_MS + LEASE_MS))
            assert (doubted.doubted, doubted.claimed, await state_of(ledger)) == (1, (), State.IN_DOUBT)
            gave_up = await ledger.claim_due(claim_due(NOW_MS + LEASE_MS + EVIDENCE_MS))

            assert (gave_up.gave_up, await state_of(ledger)) == (1, State.GAVE_UP)
            assert (await ledger.counts())[1] == 0

        self.tell(story)

    def test_at_least_once_makes_one_more_attempt_and_counts_a_possible_duplicate(self) -> None:
        async def story(ledger: Ledger) -> None:
            claimed = await one_claimed(ledger, in_doubt=AT_LEAST_ONCE)
            await ledger.begin(begin(claimed))
            await ledger.settle(settle(claimed, Signal.DOUBT, next_at_ms=NOW_MS + EVIDENCE_MS))

            (again,) = (await ledger.claim_due(claim_due(NOW_MS + EVIDENCE_MS))).claimed
            begun = await ledger.begin(begin(again))
            assert (begun.attempt, begun.possible_duplicate) == (2, True)
            await ledger.settle(settle(again, Signal.DOUBT, attempt=2, next_at_ms=NOW_MS + 2 * EVIDENCE_MS))
            end = await ledger.claim_due(claim_due(NOW_MS + 2 * EVIDENCE_MS))

            assert (end.gave_up, end.claimed) == (1, ())
            assert (await ledger.counts())[1] == 1
            (email,) = await ledger.emails([claimed.send_id], [])
            assert (email.attempts, email.doubts) == (2, 2)

        self.tell(story)

    def test_a_final_no_after_a_doubt_is_given_up_not_rejected(self) -> None:
        async def story(ledger: Ledger) -> None:
            claimed = await one_claimed(ledger, in_doubt=AT_LEAST_ONCE)
            await ledger.begin(begin(claimed))
            await ledger.settle(settle(claimed, Signal.DOUBT, next_at_ms=NOW_MS + 1))
            (again,) = (await ledger.claim_due(claim_due(NOW_MS + 1))).claimed
            await ledger.suppress(ADA, "asked")

            assert (await ledger.begin(begin(again))).state is State.GAVE_UP

        self.tell(story)

    def test_an_answer_that_comes_after_the_lease_resolves_the_doubt(self) -> None:
        async def story(ledger: Ledger) -> None:
            claimed = await one_claimed(ledger)
            await ledger.begin(begin(claimed))
            await ledger.claim_due(claim_due(NOW_MS + LEASE_MS))

            settled = await ledger.settle(settle(claimed, Signal.ACCEPT))

            assert (settled.state, settled.applied) == (State.ACCEPTED, True)
            (email,) = await ledger.emails([claimed.send_id], [])
            assert email.doubts == 0

        self.tell(story)

    def test_an_acceptance_is_kept_even_after_giving_up(self) -> None:
        async def story(ledger: Ledger) -> None:
            claimed = await one_claimed(ledger)
            await ledger.begin(begin(claimed))
            await ledger.claim_due(claim_due(NOW_MS + LEASE_MS))
            await ledger.claim_due(claim_due(NOW_MS + LEASE_MS + EVIDENCE_MS))

            settled = await ledger.settle(settle(claimed, Signal.ACCEPT))

            assert (settled.state, settled.applied) == (State.ACCEPTED, True)
            counts, _ = await ledger.counts()
            assert [(count.state, count.emails) for count in counts] == [(State.ACCEPTED, 1)]

        self.tell(story)

    def test_an_outcome_under_an_older_claim_changes_nothing(self) -> None:
        async def story(ledger: Ledger) -> None:
            first = await one_claimed(ledger)
            await ledger.claim_due(claim_due(NOW_MS + LEASE_MS, worker="w2"))

            settled = await ledger.settle(settle(first, Signal.REFUSE, attempt=0))

            assert (settled.state, settled.applied) == (State.CLAIMED, False)

        self.tell(story)

    def test_emails_to_one_address_go_out_in_order(self) -> None:
        async def story(ledger: Ledger) -> None:
            answer = await ledger.submit(submit(*(a_new_email(f"e{n}", ordinal=n) for n in (1, 2, 3))))
            (first,) = answer.claimed
            assert (await ledger.claim_due(claim_due(NOW_MS))).claimed == ()
            await ledger.begin(begin(first))

            settled = await ledger.settle(settle(first, Signal.ACCEPT))

            assert settled.following is not None
            assert settled.following.send_id == an_intent("e2").send_id
            assert await state_of(ledger, "e3") is State.PENDING

        self.tell(story)

    def test_later_emails_wait_for_a_retry_but_not_for_a_doubt(self) -> None:
        async def story(ledger: Ledger) -> None:
            await ledger.submit(submit(a_new_email("e1", ordinal=1), a_new_email("e2", ordinal=2), claim_max=0))
            (first,) = (await ledger.claim_due(claim_due(NOW_MS))).claimed
            await ledger.begin(begin(first))
            retried = await ledger.settle(settle(first, Signal.NOT_PROCESSED, next_at_ms=NOW_MS + 9))
            assert retried.following is None
            assert (await ledger.claim_due(claim_due(NOW_MS + 8))).claimed == ()
            (first,) = (await ledger.claim_due(claim_due(NOW_MS + 9))).claimed
            await ledger.begin(begin(first))

            doubted = await ledger.settle(settle(first, Signal.DOUBT, attempt=2, next_at_ms=NOW_MS + EVIDENCE_MS))

            assert doubted.following is not None
            assert doubted.following.send_id == an_intent("e2").send_id

        self.tell(story)

    def test_counts_say_where_emails_stand_now(self) -> None:
        async def story(ledger: Ledger) -> None:
            await one_claimed(ledger)
            other = await one_claimed(ledger, name="b", ordinal=2, address="b@x.invalid", campaign_id="welcome")
            await ledger.begin(begin(other))
            await ledger.settle(settle(other, Signal.REJECT))

            counts, _ = await ledger.counts()

            assert [(count.campaign_id, count.state, count.emails) for count in counts] == [
                ("abandoned-cart", State.CLAIMED, 1),
                ("welcome", State.REJECTED, 1),
            ]

        self.tell(story)

    def test_too_many_open_emails_are_refused_by_name(self) -> None:
        async def story(ledger: Ledger) -> None:
            first = await one_claimed(ledger)
            with pytest.raises(Overloaded):
                await ledger.submit(submit(a_new_email("second", ordinal=2)))

            await ledger.settle(settle(first, Signal.REFUSE, attempt=0))

            assert (await ledger.submit(submit(a_new_email("second", ordinal=2)))).accepted == 1

        self.tell(story, open_max=1)
