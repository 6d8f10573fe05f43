"""What every WaitingRecords must do, whatever holds the records."""

from __future__ import annotations

from typing import Any

from tests.contract.store_world import Owner, World, customer


class WaitingContract:
    def open(self, **options: Any) -> World:
        raise NotImplementedError

    def test_customers_with_a_deadline_come_in_pages_and_others_do_not(self) -> None:
        world = self.open()
        world.fill(1)
        owner = Owner(world)
        owner.commit(1, customers=[customer(f"u{n}", due_at_ms=1_000 + n) for n in range(5)] + [customer("idle")])

        pages = [world.run(world.waiting.page(0, first, 2)) for first in (0, 2, 4, 6)]

        assert [[uid for uid, _ in page.records] for page in pages] == [["u0", "u1"], ["u2", "u3"], ["u4"], []]
        assert {page.total for page in pages} == {5}
        assert all(record == b"r" for page in pages for _, record in page.records)

    def test_a_partition_in_which_nobody_waits_has_an_empty_page(self) -> None:
        world = self.open()

        page = world.run(world.waiting.page(2, 0, 10))

        assert (list(page.records), page.total) == ([], 0)
