"""A bicycle shop whose shoppers are invented and simulated: `python -m examples.demo.shop`.

Every shopper is drawn from a seeded generator, so that two runs tell the same story: some look around, some leave a
cart behind, some buy. Addresses end in @example.com, where nobody lives. The number of the next shopper is kept in a
file, so that a second run goes on with new ones.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sendwhen.client import Client, connect
from sendwhen.errors import SendwhenError

FIRST_NAMES = ("Ada", "Bela", "Chidi", "Dunja", "Emre", "Farah", "Goran", "Hana", "Ines", "Jonas", "Kira", "Luis")
BICYCLES = (("Gravel Fox", 1490), ("City Heron", 890), ("Cargo Badger", 3290), ("Bell", 9), ("Lamp", 45), ("Lock", 79))
PAUSE_S = 0.7
AWAY_PAUSE_S = 1.0
LEAVES_CART, BUYS = 0.45, 0.35


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing a shopper does, and how long after the step before."""

    name: str
    properties: dict[str, object]
    after_s: float


def visit(random_of_shopper: random.Random, number: int) -> list[Step]:
    """What one shopper does."""
    product, price = random_of_shopper.choice(BICYCLES)
    about: dict[str, object] = {"product": product, "price": price}
    steps = [
        Step(name="Signed Up", properties={}, after_s=0.0),
        Step(name="Product Viewed", properties=about, after_s=random_of_shopper.uniform(0.2, 1.0)),
    ]
    fate = random_of_shopper.random()
    if fate < LEAVES_CART + BUYS:
        steps.append(Step(name="Product Added", properties=about, after_s=random_of_shopper.uniform(0.2, 2.0)))
    if fate < BUYS:
        order = {"order_id": f"R-{1000 + number}", "total": price}
        steps.append(Step(name="Order Completed", properties=order, after_s=random_of_shopper.uniform(1.0, 4.0)))
    return steps


async def shop(client: Client, state: Path, *, seed: int, shoppers_max: int) -> None:
    """Let shoppers in, a few a second, until there were ``shoppers_max`` in this run."""
    first = _next_shopper(state)
    async with asyncio.TaskGroup() as visits:
        for number in range(first, first + shoppers_max):
            visits.create_task(_visit(client, number, seed))
            _keep_next_shopper(state, number + 1)
            await asyncio.sleep(PAUSE_S)
    print(f"closed after {shoppers_max} shoppers; start it anew for more", flush=True)


def _next_shopper(state: Path) -> int:
    return int(state.read_text(encoding="ascii")) if state.exists() else 1


def _keep_next_shopper(state: Path, number: int) -> None:
    state.write_text(str(number), encoding="ascii")


async def _visit(client: Client, number: int, seed: int) -> None:
    random_of_shopper = random.Random(f"{seed}/{number}")
    first_name = FIRST_NAMES[number % len(FIRST_NAMES)]
    told = {"consent": True, "first_name": first_name}
    for index, step in enumerate(visit(random_of_shopper, number)):
        await asyncio.sleep(step.after_s)
        await _until_taken(
            client,
            event_id=f"shop-{seed}-{number}-{index}",
            name=step.name,
            user_id=f"shopper-{number}",
            email=f"{first_name.lower()}.{number}@example.com",
            properties=step.properties,
            attributes=told,
        )


async def _until_taken(client: Client, **event: object) -> None:
    # The same event id each time, so an event that arrived although its answer did not counts once.
    for attempt in itertools.count(1):
        try:
            await client.track(**event)
        except SendwhenError as error:
            print(f"attempt {attempt}: {error}", flush=True)
            await asyncio.sleep(AWAY_PAUSE_S)
        else:
            return


def sentences() -> Iterator[str]:
    """What the shop is, for its first lines of output."""
    yield f"{len(BICYCLES)} products, {len(FIRST_NAMES)} first names, one shopper every {PAUSE_S} s"


async def main() -> None:
    """Run the shop against the installation that the environment names."""
    parser = argparse.ArgumentParser(description="A simulated shop")
    parser.add_argument("--state", type=Path, required=True, help="where the number of the next shopper is kept")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--shoppers", type=int, default=2_000, help="so many, then the shop closes")
    given = parser.parse_args()
    print(*sentences(), sep="\n", flush=True)
    async with connect(os.environ["SENDWHEN_INGEST"], write_key=os.environ["SENDWHEN_WRITE_KEY"]) as client:
        await shop(client, given.state, seed=given.seed, shoppers_max=given.shoppers)


if __name__ == "__main__":
    asyncio.run(main())
