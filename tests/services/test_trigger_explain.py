from __future__ import annotations

import msgspec
import pytest

from sendwhen.domain.customer import Customer
from sendwhen.domain.decision import Decision, Kind
from sendwhen.domain.run import TRIGGER_PHASE, Run, StartEvent
from services.trigger.explain import explain
from services.trigger.front_ports import SentEmail
from services.trigger.yaml_checker import YamlChecker
from tests.services.test_trigger_front import FILES

CHECKER = YamlChecker()
CAMPAIGN = CHECKER.campaign(CHECKER.check(FILES).source)
AT_MS = 1_700_000_000_000


def customer(**more: object) -> Customer:
    return Customer(uid="u", user_id="u", **more)  # type: ignore[arg-type]


def seen(name: str, properties: bytes) -> bytes:
    packed = msgspec.msgpack.encode(("e", name, AT_MS, 0, properties))
    return len(packed).to_bytes(2, "big") + packed


def told(
    who: Customer | None, *decisions: Decision, waiting: tuple[Run, ...] = (), emails: tuple[SentEmail, ...] = ()
) -> list[str]:
    by_id = {email.send_id: email for email in emails}
    return explain(CAMPAIGN, who, decisions, waiting, by_id, paused=False)


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_of_decision_is_one_sentence_with_its_time(kind: Kind) -> None:
    [sentence] = told(customer(), Decision(kind=kind, campaign_id="reminder", version="v", at_ms=AT_MS, reason="once"))
    assert sentence.startswith("2023-11-14 22:13:20 UTC: ")
    assert sentence.endswith(".")


def test_an_email_says_what_became_of_it() -> None:
    decision = Decision(kind=Kind.SEND, campaign_id="reminder", version="v", at_ms=AT_MS, send_id="s", template="hello")
    assert "sender does not know it yet" in told(customer(), decision)[0]
    doubtful = SentEmail(send_id="s", state="in_doubt", detail="The connection broke.", row=b"")
    assert "nobody can say" in told(customer(), decision, emails=(doubtful,))[0]
    assert "The connection broke" in told(customer(), decision, emails=(doubtful,))[0]


def test_an_open_wait_says_until_when() -> None:
    run = Run("r", "reminder", "v", "", AT_MS, TRIGGER_PHASE, AT_MS + 1_000, (1,), StartEvent("e", "A", 4, b"", "", 0))
    assert told(customer(), waiting=(run,)) == [
        "Waits until 2023-11-14 22:13:21 UTC; started at 2023-11-14 22:13:20 UTC."
    ]


def test_who_never_entered_is_told_which_condition_failed_on_which_values() -> None:
    who = customer(recent=seen("Product Viewed", b'{"price":3}') + seen("Other", b"{}"), recent_count=2)
    sentences = " ".join(told(who))
    assert "event.properties.price > 10 is false" in sentences
    assert "event.properties.price = 3" in sentences
    assert "“Other” (1)" in sentences


def test_who_did_nothing_the_campaign_listens_to_is_told_so() -> None:
    sentences = " ".join(told(customer(recent=seen("Other", b"{}"), recent_count=1)))
    assert "none is “Product Viewed”" in sentences


def test_a_paused_campaign_and_one_that_is_not_there_are_named() -> None:
    assert "paused" in explain(CAMPAIGN, customer(), (), (), {}, paused=True)[-1]
    assert explain(None, customer(), (), (), {}, paused=False) == ["There is no campaign of that id."]
