"""Campaigns of many words, segments, a sending policy and identities, used through the command line alone."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from email import message_from_bytes
from pathlib import Path

import pytest

from tests.e2e.installation import Installation

pytestmark = [pytest.mark.integration, pytest.mark.slow]

WITHIN_S = 20.0
SEGMENTS = 'segments:\n  vip: {all: [customer.tier == "gold", {not: customer.blocked == true}]}\n'
POLICY = "caps: {marketing: {at_most: 1, per: 7d}}\ntime_zone: Europe/Berlin\n"
KEEN = """\
campaign: keen
trigger:
  count:
    of: {event: Product Viewed}
    at_least: 3
    sliding: 1h
per: event.properties.sku
steps:
  - send: keen
"""
KEEN_CASES = """\
cases:
  - name: three looks at one thing
    timeline:
      - {at: 0s, who: ann, event: Product Viewed, properties: {sku: mug}}
      - {at: 1m, who: ann, event: Product Viewed, properties: {sku: mug}}
      - {at: 2m, who: ann, event: Product Viewed, properties: {sku: cup}}
      - {at: 3m, who: ann, event: Product Viewed, properties: {sku: mug}}
    expect:
      - {at: 3m, who: ann, send: keen}
"""
CLUB = """\
campaign: club
trigger:
  segment: {enter: vip}
steps:
  - send: hello-vip
"""
DEMO = """\
campaign: demo-call
trigger:
  sequence:
    steps:
      - {event: Pricing Viewed, as: looked}
      - {event: Demo Requested}
    within: 1h
steps:
  - send: call
send: {category: transactional}
"""
TRIAL = """\
campaign: trial
trigger:
  match: {event: Trial Started}
steps:
  - send: welcome
  - wait_until: {if: customer.projects > 0}
    at_most: 2h
    otherwise: continue
  - branch:
      - if: customer.projects > 5
        then:
          - send: many
      - else:
          - send: few
send: {category: transactional}
"""
TEXTS = {
    "keen": {"keen": "You looked {{ trigger.value }} times at {{ event.properties.sku }}"},
    "club": {"hello-vip": "Welcome to the club, {{ customer.first_name }}"},
    "demo-call": {"call": "About {{ steps.looked.properties.plan }}"},
    "trial": {"welcome": "Welcome", "many": "You are busy", "few": "You have begun"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """An installation with the campaigns of this page in force."""

    installation: Installation
    folder: Path

    def said(self, *arguments: str) -> str:
        return self.installation.cli(*arguments).stdout

    def track(self, name: str, *options: str) -> None:
        self.said("track", name, *options)

    def subjects(self, address: str) -> list[str]:
        emails = []
        for path in self.installation.emails():
            with suppress(FileNotFoundError):  # a deleted customer's go
                emails.append(message_from_bytes(path.read_bytes()))
        return sorted(str(email["Subject"]) for email in emails if email["To"] == address)

    def wait_for_subjects(self, address: str, *subjects: str) -> None:
        deadline = time.monotonic() + WITHIN_S
        while self.subjects(address) != sorted(subjects):
            assert time.monotonic() < deadline, f"{address} got {self.subjects(address)}"
            time.sleep(0.05)


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / name / "campaign.yaml").write_text(text)
    for template, subject in TEXTS[name].items():
        (folder / name / f"{template}.subject.liquid").write_text(subject)
        (folder / name / f"{template}.text.liquid").write_text("Hello.")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("campaigns")
    for name, text in {"keen": KEEN, "club": CLUB, "demo-call": DEMO, "trial": TRIAL}.items():
        write(folder, name, text)
    (folder / "keen" / "cases.yaml").write_text(KEEN_CASES)
    (folder / "segments.yaml").write_text(SEGMENTS)
    (folder / "sending.yaml").write_text(POLICY)
    running = Installation(tmp_path_factory.mktemp("language") / "data", "--partitions", "16", "--shards", "2")
    try:
        running.start()
        running.cli("campaigns", "put", str(folder))
        yield Shop(installation=running, folder=folder)
    finally:
        running.kill()


def test_a_folder_is_checked_tested_and_put_as_a_whole(shop: Shop) -> None:
    assert "error" not in shop.said("campaigns", "check", str(shop.folder))
    assert "1 passed" in shop.said("campaigns", "test", str(shop.folder))
    again = shop.said("campaigns", "put", str(shop.folder))
    listed = shop.said("campaigns", "list")
    status = json.loads(shop.said("status", "--json"))

    for name in TEXTS:
        assert name in listed
        assert name in again
    assert listed.count("16/16") >= len(TEXTS)
    assert len({partition["owner"] for partition in status["partitions"]}) == 2


def test_three_looks_at_one_thing_are_counted_and_the_policys_cap_holds_the_second_email_back(shop: Shop) -> None:
    who = ("--user", "kim", "--email", "kim@example.com", "-a", '{"consent": true, "first_name": "Kim"}')
    for sku in ("mug", "cup", "mug", "mug"):
        shop.track("Product Viewed", *who, "-p", json.dumps({"sku": sku}))
    shop.wait_for_subjects("kim@example.com", "You looked 3 times at mug")
    shop.track("Tier Reached", "--user", "kim", "-a", '{"tier": "gold"}')

    why = shop.said("why", "kim", "club")
    timeline = shop.said("timeline", "kim")
    assert "The customer gets no more than 1" in why
    assert "Product Viewed" in timeline
    assert "the provider took it" in timeline
    assert shop.subjects("kim@example.com") == ["You looked 3 times at mug"]


def test_who_enters_a_segment_by_an_attribute_is_written_to_and_a_blocked_one_is_not(shop: Shop) -> None:
    for name, blocked in (("Vera", False), ("Boris", True)):
        about = {"first_name": name, "consent": True, "tier": "gold", "blocked": blocked}
        user = name.lower()
        shop.track("Tier Reached", "--user", user, "--email", f"{user}@example.com", "-a", json.dumps(about))

    shop.wait_for_subjects("vera@example.com", "Welcome to the club, Vera")
    assert "blocked" in shop.said("why", "boris", "club")
    assert shop.subjects("boris@example.com") == []


def test_a_visitor_who_is_identified_later_completes_what_the_visitor_began(shop: Shop) -> None:
    shop.track("Pricing Viewed", "--anonymous", "browser-1", "-p", '{"plan": "team"}')
    shop.track("Signed Up", "--user", "nora", "--anonymous", "browser-1", "--email", "nora@example.com")
    deadline = time.monotonic() + WITHIN_S
    while "nora" not in (shown := shop.said("customers", "show", "anon:browser-1")):
        assert time.monotonic() < deadline, shown
    shop.track("Demo Requested", "--user", "nora")

    shop.wait_for_subjects("nora@example.com", "About team")
    assert "anon:browser-1" in shop.said("customers", "show", "nora")
    assert "Pricing Viewed" in shop.said("timeline", "nora")
    assert "accepted" in shop.said("why", "browser-1", "demo-call", "--by", "anonymous_id")


def test_an_edit_is_planned_put_and_followed_and_an_archived_campaign_lets_go(shop: Shop, tmp_path: Path) -> None:
    for user in ("otto", "pia", "quin"):
        shop.track("Trial Started", "--user", user, "--email", f"{user}@example.com")
        shop.wait_for_subjects(f"{user}@example.com", "Welcome")
    shop.track("Project Created", "--user", "otto", "-a", '{"projects": 9}')
    shop.wait_for_subjects("otto@example.com", "Welcome", "You are busy")

    shutil.copytree(shop.folder, tmp_path / "edited")
    write(tmp_path / "edited", "trial", TRIAL.replace("at_most: 2h", "at_most: 3h"))
    (tmp_path / "edited" / "trial" / "few.subject.liquid").write_text("One is a beginning")
    plan = shop.said("campaigns", "plan", str(tmp_path / "edited"))
    shop.said("campaigns", "put", str(tmp_path / "edited"), "--migrate", "move")
    shop.track("Project Created", "--user", "pia", "-a", '{"projects": 1}')
    shop.wait_for_subjects("pia@example.com", "Welcome", "One is a beginning")

    assert "2h becomes 3h" in plan
    assert "2 waiting" in plan

    shop.said("campaigns", "archive", "trial")
    shop.track("Project Created", "--user", "quin", "-a", '{"projects": 7}')
    history = shop.said("campaigns", "history", "trial")
    why = shop.said("why", "quin", "trial")
    assert "archived" in why
    assert "would have sent" not in why
    assert "archived" in history
    assert "move" in history
    assert shop.subjects("quin@example.com") == ["Welcome"]


def test_customers_are_joined_and_deleted(shop: Shop) -> None:
    shop.track("Pricing Viewed", "--user", "rosa-old", "--email", "rosa@example.com", "-p", '{"plan": "solo"}')
    shop.track("Signed Up", "--user", "rosa", "--email", "rosa@example.com")

    refused = shop.installation.cli("customers", "merge", "rosa-old", "rosa", check=False)
    joined = shop.said("customers", "merge", "rosa-old", "rosa", "--both-known")
    shop.track("Demo Requested", "--user", "rosa-old")

    assert refused.returncode == 1
    assert "conflict" in refused.stderr
    assert joined == "joined\n"
    shop.wait_for_subjects("rosa@example.com", "About solo")
    assert "user:rosa-old" in shop.said("customers", "show", "rosa")

    deleted = shop.said("customers", "delete", "rosa", "--yes")
    assert "deleted" in deleted
    shop.wait_for_subjects("rosa@example.com")
    gone = [shop.installation.cli("customers", "show", who, check=False) for who in ("rosa", "rosa-old")]
    assert [one.returncode for one in gone] == [1, 1]
