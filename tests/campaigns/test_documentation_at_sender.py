"""What docs/campaigns.md says of emails that were decided: what becomes of them at sender."""

from __future__ import annotations

from itertools import groupby

import pytest

from sendwhen.domain.sending_rules import Category, InDoubt
from sendwhen.v1 import email_pb2
from services.sender.ledger import State
from services.sender.ledger_port import NewEmail
from services.sender.ports import Answer, Verdict
from tests.campaigns.document import Example, examples
from tests.campaigns.played_case import Outcome, checked, expected
from tests.services.sender.emails import NOW_MS, a_new_email, an_intent
from tests.services.sender.test_taking_in import run_rounds, take_in
from tests.services.sender.world import World

SHOWN = [example for example in examples() if example.sender]
ANSWERS = {"accepted": Verdict.ACCEPTED, "no answer": Verdict.UNKNOWN}
HOUR_MS = 3_600_000


def emails_of(example: Example) -> list[tuple[Outcome, NewEmail]]:
    campaign = checked(example.files()).campaign
    assert campaign
    assert example.case
    sending = campaign.sending
    twice = sending.in_doubt is InDoubt.AT_LEAST_ONCE
    policy = email_pb2.IN_DOUBT_POLICY_AT_LEAST_ONCE if twice else email_pb2.IN_DOUBT_POLICY_AT_MOST_ONCE
    transactional = sending.category is Category.TRANSACTIONAL
    decided = [outcome for outcome in expected(example.case) if not outcome.skipped]
    return [
        (
            outcome,
            a_new_email(
                outcome.who,
                ordinal=number,
                address=f"{outcome.who}@example.invalid",
                campaign_id=campaign.campaign_id,
                in_doubt=policy,
                volume_per_day=sending.volume_per_day or 0,
                category=email_pb2.CATEGORY_TRANSACTIONAL if transactional else email_pb2.CATEGORY_MARKETING,
            ),
        )
        for number, outcome in enumerate(decided, 1)
    ]


@pytest.mark.parametrize("example", SHOWN, ids=lambda example: example.name)
def test_emails_in_the_document_come_to_what_it_says(example: Example) -> None:
    assert example.sender
    world = World()
    world.profile = {"consent": True}
    world.answers = [Answer(verdict=ANSWERS[answer]) for answer in example.sender.get("provider", [])]
    for number, (at_ms, some) in enumerate(groupby(emails_of(example), key=lambda one: one[0].at_ms)):
        world.clock.ms = NOW_MS + at_ms
        take_in(world, *(email for _, email in some), worker=f"w/{number}")
    run_rounds(world, until_ms=world.clock.ms + HOUR_MS)

    for line in example.sender["expect"]:
        row = world.ledger.rows[an_intent(str(line["who"])).send_id]
        assert (row.state.name.lower(), row.attempts) == (line["state"], line.get("attempts", row.attempts))
    assert len(world.ledger.rows) == len(example.sender["expect"])


def test_volume_and_both_ways_out_of_a_doubt_are_shown() -> None:
    states = {State[line["state"].upper()] for example in SHOWN if example.sender for line in example.sender["expect"]}
    assert {State.HELD, State.GAVE_UP, State.ACCEPTED} <= states
