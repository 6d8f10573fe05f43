"""What every ledger must do when a customer is deleted. Subclass once for each implementation."""

from __future__ import annotations

import msgspec

from services.sender.ledger import DELETED, Signal, State
from services.sender.ledger_port import Ledger
from tests.contract.ledger import AT_LEAST_ONCE, OpensLedgers, one_claimed, state_of
from tests.services.sender.emails import (
    EVIDENCE_MS,
    LEASE_MS,
    NOW_MS,
    a_new_email,
    an_intent,
    begin,
    claim_due,
    forget,
    release,
    settle,
    submit,
)

LATER_MS = NOW_MS + 10 * EVIDENCE_MS


class LedgerForgettingContract(OpensLedgers):
    def test_what_was_not_attempted_is_cancelled_whatever_address_it_goes_to(self) -> None:
        async def story(ledger: Ledger) -> None:
            held = msgspec.structs.replace(a_new_email("held", ordinal=4), held=True)
            first, other = a_new_email("first"), a_new_email("other", ordinal=2, address="ada@other.invalid")
            await ledger.submit(submit(first, other, a_new_email("behind", ordinal=3), held, claim_max=1))

            ended = await ledger.forget(forget())

            assert ended == 4
            for name in ("first", "other", "behind", "held"):
                (email,) = await ledger.emails([an_intent(name).send_id], [])
                assert (State(email.state), email.detail) == (State.CANCELLED, DELETED)
                assert (email.customer_uid, email.reason) == ("", "")
            assert (await ledger.claim_due(claim_due(LATER_MS))).claimed == ()
            assert (await ledger.release(release())).emails == 0
            assert await ledger.forget(forget()) == 0

        self.tell(story)

    def test_a_worker_that_has_it_does_not_begin(self) -> None:
        async def story(ledger: Ledger) -> None:
            claimed = await one_claimed(ledger)
            await ledger.forget(forget())

            begun = await ledger.begin(begin(claimed))

            assert (begun.granted, begun.state) == (False, State.CANCELLED)

        self.tell(story)

    def test_a_worker_that_asks_again_whether_it_began_is_told_no(self) -> None:
        async def story(ledger: Ledger) -> None:
            claimed = await one_claimed(ledger)
            await ledger.begin(begin(claimed))
            await ledger.forget(forget())

            again = await ledger.begin(begin(claimed))

            assert (again.granted, await state_of(ledger)) == (False, State.CANCELLED)

        self.tell(story)

    def test_what_may_have_gone_out_waits_for_evidence_without_what_it_says(self) -> None:
        async def story(ledger: Ledger) -> None:
            claimed = await one_claimed(ledger)
            await ledger.begin(begin(claimed))

            assert await ledger.forget(forget()) == 0
            (email,) = await ledger.emails([claimed.send_id], [])
            assert (State(email.state), email.customer_uid, email.reason) == (State.ATTEMPTED, "", "")
            settled = await ledger.settle(settle(claimed, Signal.ACCEPT, provider_message_id="m1"))

            assert settled.state is State.ACCEPTED

        self.tell(story)

    def test_what_turns_out_not_to_be_processed_is_not_tried_again(self) -> None:
        async def story(ledger: Ledger) -> None:
            claimed = await one_claimed(ledger)
            await ledger.begin(begin(claimed))
            await ledger.forget(forget())

            settled = await ledger.settle(settle(claimed, Signal.NOT_PROCESSED, next_at_ms=NOW_MS + 50))

            assert settled.state is State.CANCELLED
            assert (await ledger.claim_due(claim_due(LATER_MS))).claimed == ()

        self.tell(story)

    def test_what_is_in_doubt_is_given_up_though_its_policy_would_try_again(self) -> None:
        async def story(ledger: Ledger) -> None:
            claimed = await one_claimed(ledger, in_doubt=AT_LEAST_ONCE)
            await ledger.begin(begin(claimed))
            await ledger.settle(settle(claimed, Signal.DOUBT, next_at_ms=NOW_MS + EVIDENCE_MS))
            await ledger.forget(forget())

            due = await ledger.claim_due(claim_due(NOW_MS + EVIDENCE_MS))

            assert (due.claimed, due.gave_up, await state_of(ledger)) == ((), 1, State.GAVE_UP)

        self.tell(story)

    def test_what_waits_for_its_second_attempt_after_a_doubt_is_given_up_not_cancelled(self) -> None:
        async def story(ledger: Ledger) -> None:
            claimed = await one_claimed(ledger, in_doubt=AT_LEAST_ONCE)
            await ledger.begin(begin(claimed))
            await ledger.settle(settle(claimed, Signal.DOUBT, next_at_ms=NOW_MS + EVIDENCE_MS))
            (again,) = (await ledger.claim_due(claim_due(NOW_MS + EVIDENCE_MS))).claimed
            await ledger.begin(begin(again, at_ms=NOW_MS + EVIDENCE_MS))
            await ledger.settle(settle(again, Signal.NOT_PROCESSED, attempt=2, next_at_ms=LATER_MS))

            assert await ledger.forget(forget()) == 1
            assert await state_of(ledger) is State.GAVE_UP

        self.tell(story)

    def test_others_and_the_customers_next_life_keep_their_emails(self) -> None:
        async def story(ledger: Ledger) -> None:
            await ledger.submit(
                submit(
                    a_new_email("mine", customer_born_seq=7),
                    a_new_email("next", ordinal=2, customer_born_seq=8),
                    a_new_email("another's", ordinal=3, customer_uid="1" * 24, address="bob@example.invalid"),
                )
            )

            assert await ledger.forget(forget(born_seq=7)) == 1
            assert await state_of(ledger, "mine") is State.CANCELLED
            assert await state_of(ledger, "next") is State.PENDING
            assert await state_of(ledger, "another's") is State.CLAIMED
            assert [one.send_id for one in (await ledger.claim_due(claim_due(NOW_MS + 1))).claimed] == [
                an_intent("next").send_id
            ]

        self.tell(story)

    def test_whoever_shares_the_address_waits_for_the_attempt_under_way_and_no_longer(self) -> None:
        async def story(ledger: Ledger) -> None:
            first = await one_claimed(ledger)
            await ledger.begin(begin(first))
            await ledger.submit(
                submit(a_new_email("behind", ordinal=2), a_new_email("bob's", ordinal=3, customer_uid="1" * 24))
            )
            await ledger.forget(forget())

            due = await ledger.claim_due(claim_due(NOW_MS + 1))
            assert (due.claimed, due.doubted, await state_of(ledger)) == ((), 0, State.ATTEMPTED)
            settled = await ledger.settle(settle(first, Signal.ACCEPT, at_ms=NOW_MS + LEASE_MS // 2))

            assert settled.following is not None
            assert settled.following.send_id == an_intent("bob's").send_id

        self.tell(story)
