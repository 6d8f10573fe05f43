"""`sendwhen customers` on a front over a store in memory, behind which a shard host applies what is logged."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from typer.testing import CliRunner, Result

from sendwhen.cli.__main__ import app
from sendwhen.cli.targets import VARIABLES
from sendwhen.v1.event_pb2 import Event
from sendwhen.v1.ingest_service_pb2 import TrackRequest, WaitUntil
from tests.services.behind import Behind
from tests.services.running import ADMIN, WRITE_KEY, Running
from tests.services.test_trigger_front import put

pytestmark = pytest.mark.integration


class Shop:
    """A running front and the shards behind it, on a thread of their own."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.running = Running()
        self.thread = threading.Thread(target=self.loop.run_forever)

    def happens(self, *events: Event) -> None:
        async def send() -> None:
            for event in events:
                await self.running.ingest().Track(TrackRequest(event=event, wait_until=WaitUntil.WAIT_UNTIL_APPLIED))

        self.do(send())

    def put(self) -> None:
        async def send() -> None:
            await self.running.trigger().PutCampaign(put())

        self.do(send())

    def do(self, work):
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(20)

    def says(self, *arguments: str, code: int = 0) -> str:
        return self.runs("customers", *arguments, code=code)

    def runs(self, *arguments: str, code: int = 0) -> str:
        where = dict.fromkeys(VARIABLES.values(), f"127.0.0.1:{self.running.front.server.port}")
        where |= {"SENDWHEN_ADMIN_KEY": ADMIN, "SENDWHEN_WRITE_KEY": WRITE_KEY}
        result: Result = CliRunner().invoke(app, list(arguments), env=where, catch_exceptions=False)
        assert result.exit_code == code, result.output
        return result.output


@contextmanager
def open_shop() -> Iterator[Shop]:
    shop = Shop()
    shop.thread.start()
    behind = Behind(shop.running.store, shop.running.clock, partitions=4)
    shop.do(shop.running.__aenter__())
    try:
        with behind.applying():
            yield shop
    finally:
        shop.do(shop.running.__aexit__())
        shop.loop.call_soon_threadsafe(shop.loop.stop)
        shop.thread.join()
        shop.loop.close()


def event(event_id: str, **who: str) -> Event:
    return Event(event_id=event_id, name="Product Viewed", **who)


def test_a_visitor_is_joined_into_a_customer_and_shown_as_that_one() -> None:
    with open_shop() as shop:
        shop.happens(event("e1", anonymous_id="a1"), event("e2", user_id="ada", email="ada@example.com"))

        assert shop.says("merge", "anon:a1", "ada") == "joined\n"
        shown = shop.says("show", "anon:a1")

        assert "user_id        ada" in shown
        assert "anonymous_ids  a1" in shown
        assert "That id was joined into this customer" in shown
        assert "tied\n  anon:a1" in shown
        assert shown.count("Product Viewed") == 2
        assert '"user_id": "ada"' in shop.says("show", "ada", "--json")


def test_two_who_are_known_are_joined_only_when_that_is_said() -> None:
    with open_shop() as shop:
        shop.happens(event("e1", user_id="bob"), event("e2", user_id="ada"))

        refused = shop.says("merge", "user:bob", "user:ada", code=1)
        assert "not joined (conflict)" in refused
        assert "--both-known" in refused
        assert "user:bob (conflict)" in shop.says("show", "ada")

        assert shop.says("merge", "user:bob", "user:ada", "--both-known") == "joined\n"
        assert "user_id        ada" in shop.says("show", "bob")


def test_a_deleted_customer_is_unknown_by_any_of_its_ids() -> None:
    with open_shop() as shop:
        shop.happens(event("e1", user_id="ada", anonymous_id="a1"))

        said = shop.says("delete", "ada", "--yes")
        assert "deleted (partition" in said
        assert "gone from log and archive by 20" in said
        assert "Nobody is known by that id" in shop.says("show", "ada", code=1)
        assert "Nobody is known by that id" in shop.says("delete", "ada", "--yes", code=1)


def test_deleting_asks_first() -> None:
    with open_shop() as shop:
        shop.happens(event("e1", user_id="ada"))

        assert "Delete ada" in shop.says("delete", "ada", code=1)
        assert "user_id        ada" in shop.says("show", "ada")


def test_a_visitor_is_shown_with_the_end_of_its_time() -> None:
    with open_shop() as shop:
        shop.happens(event("e1", anonymous_id="a1"))

        assert "A visitor without user_id and address: goes at" in shop.says("show", "anon:a1")


def test_whom_to_join_must_be_two_identities() -> None:
    with open_shop() as shop:
        assert "two different identities" in shop.says("merge", "ada", "user:ada", code=1)
        assert "Send a user_id, anonymous_id or email" in shop.says("merge", "uid:abc", "ada", code=1)


def test_whoever_was_joined_is_told_of_as_the_survivor_by_any_way_of_writing_the_id() -> None:
    with open_shop() as shop:
        shop.put()
        shop.happens(event("e1", anonymous_id="a1"), event("e2", user_id="ada", email="ada@example.com"))
        shop.says("merge", "anon:a1", "user:ada")

        of_visitor = shop.runs("why", "anon:a1", "reminder")
        assert of_visitor.startswith("The id that was asked for was joined into user:ada")
        assert shop.runs("why", "a1", "reminder") == of_visitor
        assert "joined into" not in shop.runs("why", "user:ada", "reminder")
        assert shop.runs("timeline", "anon:a1").startswith("That id was joined into this customer.")
        by_id = shop.runs("timeline", "ada")
        assert by_id.count("Product Viewed") == 2
        assert by_id == shop.runs("timeline", "user:ada") == shop.runs("timeline", "ada", "--by", "user_id")


@pytest.mark.parametrize("command", [("why",), ("timeline",), ("customers", "show"), ("customers", "delete", "--yes")])
def test_a_name_of_no_kind_or_of_nobody_says_what_to_write(command: tuple[str, ...]) -> None:
    with open_shop() as shop:
        shop.put()
        shop.happens(event("e1", anonymous_id="a1"))
        campaign = ("reminder",) if command == ("why",) else ()
        refused = 2 if "delete" in command else 1

        wrong = shop.runs(*command, "visitor:a1", *campaign, code=refused)
        mistaken = shop.runs(*command, "user:a1", *campaign, code=1)
        nobody = shop.runs(*command, "email:a1@example.com", *campaign, code=1)

        assert "“visitor:” is no kind of id. Write “anon:”." in wrong.replace("\n", " ")
        assert "Nobody is known by that id" in mistaken
        assert "known as another kind of id: ask by anon:." in mistaken
        assert "Check it for typing errors" in nobody
