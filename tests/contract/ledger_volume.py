"""What every ledger must do about a campaign's volume. Subclass once for each implementation."""

from __future__ import annotations

import msgspec

from services.sender.ledger import State
from services.sender.ledger_port import Ledger
from tests.contract.ledger import OpensLedgers, state_of
from tests.services.sender.emails import (
    EVIDENCE_MS,
    LEASE_MS,
    NOW_MS,
    a_new_email,
    an_intent,
    begin,
    claim_due,
    release,
    reserve,
    submit,
)


class LedgerVolumeContract(OpensLedgers):
    def test_a_day_has_room_for_so_many_and_what_was_granted_is_granted_again(self) -> None:
        async def story(ledger: Ledger) -> None:
            first = await ledger.reserve(reserve("a", "b", at_most=3))
            again = await ledger.reserve(reserve("a", "b", at_most=3))
            over = await ledger.reserve(reserve("c", "d", "e", "a", at_most=3))
            later = await ledger.reserve(reserve("f", at_most=3))
            other_day = await ledger.reserve(reserve("f", at_most=3, day="2027-01-16"))
            other_campaign = await ledger.reserve(reserve("f", at_most=3, campaign="other"))

            assert (first.held, again.held, over.held, later.held) == ((), (), ("d", "e"), ("f",))
            assert (first.is_first, over.is_first, later.is_first) == (False, True, False)
            assert other_day.held == other_campaign.held == ()

        self.tell(story)

    def test_what_is_held_is_neither_claimed_nor_waited_for(self) -> None:
        async def story(ledger: Ledger) -> None:
            held = msgspec.structs.replace(a_new_email(ordinal=1), held=True)

            answer = await ledger.submit(submit(held, a_new_email("second", ordinal=2)))

            assert [claimed.intent for claimed in answer.claimed] == [an_intent("second")]
            assert answer.accepted == 2
            assert await state_of(ledger) is State.HELD
            later = await ledger.claim_due(claim_due(at_ms=NOW_MS + 2 * LEASE_MS))
            assert [claimed.intent for claimed in later.claimed] == [an_intent("second")]
            assert (await ledger.submit(submit(held))).repeated == 1

        self.tell(story)

    def test_what_is_released_goes_out_and_is_late_only_as_long_after_its_release(self) -> None:
        async def story(ledger: Ledger) -> None:
            email = a_new_email(expires_at_ms=NOW_MS + 5_000)
            await ledger.submit(submit(msgspec.structs.replace(email, held=True)))
            now_ms = NOW_MS + 86_400_000

            released = await ledger.release(release(at_ms=now_ms))

            assert (released.emails, released.more) == (1, False)
            (claimed,) = (await ledger.claim_due(claim_due(at_ms=now_ms))).claimed
            assert claimed.intent.expires_at_ms == now_ms + 5_000
            assert claimed.submitted_at_ms == now_ms
            assert (await ledger.begin(begin(claimed, at_ms=now_ms + 4_999))).granted
            assert (await ledger.release(release(at_ms=now_ms))).emails == 0

        self.tell(story)

    def test_releasing_lifts_the_bound_for_that_day_alone(self) -> None:
        async def story(ledger: Ledger) -> None:
            assert (await ledger.reserve(reserve("a", "b", at_most=1))).held == ("b",)

            await ledger.release(release())

            assert (await ledger.reserve(reserve("c", "d", at_most=1))).held == ()
            assert (await ledger.reserve(reserve("c", "d", at_most=1, day="2027-01-16"))).held == ("d",)

        self.tell(story)

    def test_what_is_discarded_is_over_and_the_bound_stays(self) -> None:
        async def story(ledger: Ledger) -> None:
            await ledger.reserve(reserve("a", at_most=1))
            await ledger.submit(submit(msgspec.structs.replace(a_new_email(), held=True)))
            other = a_new_email("x", campaign_id="y", ordinal=2)
            await ledger.submit(submit(msgspec.structs.replace(other, held=True)))

            assert (await ledger.release(release(discard=True))).emails == 1

            assert await state_of(ledger) is State.DISCARDED
            assert await state_of(ledger, "x") is State.HELD
            assert (await ledger.reserve(reserve("b", at_most=1))).held == ("b",)
            assert (await ledger.claim_due(claim_due(at_ms=NOW_MS + EVIDENCE_MS))).claimed == ()

        self.tell(story)

    def test_released_emails_to_one_address_go_one_after_the_other(self) -> None:
        async def story(ledger: Ledger) -> None:
            for number in range(3):
                email = a_new_email(f"e{number}", ordinal=number + 1)
                await ledger.submit(submit(msgspec.structs.replace(email, held=True), at_ms=NOW_MS + number))
            await ledger.release(release())

            claimed = (await ledger.claim_due(claim_due(at_ms=NOW_MS))).claimed

            assert [one.intent for one in claimed] == [an_intent("e0")]

        self.tell(story)

    def test_many_are_released_part_by_part(self) -> None:
        async def story(ledger: Ledger) -> None:
            emails = [a_new_email(f"e{n}", ordinal=n + 1, address=f"u{n % 7}@example.invalid") for n in range(300)]
            await ledger.submit(submit(*(msgspec.structs.replace(email, held=True) for email in emails)))

            done, more = 0, True
            while more:
                answer = await ledger.release(release(emails_max=128))
                done, more = done + answer.emails, answer.more

            assert done == 300

        self.tell(story)
