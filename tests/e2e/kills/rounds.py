"""A run: the installation under load, round after round of faults, and the audit behind the last one."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.parse import quote

from sendwhen.chassis.store_pool import open_store
from tests.e2e.installation import Installation
from tests.e2e.kills import audit, logs, victims
from tests.e2e.kills.audit import Evidence
from tests.e2e.kills.probe import SHARDS, Probe
from tests.e2e.kills.shop import Shop
from tests.fakes.fake_sendgrid import FakeSendgrid

CAMPAIGNS = Path(__file__).with_name("campaigns")
PAUSE_S = (1.0, 6.0)
PROVIDER_THINKS_S = 0.15
"""So that a sender that dies has attempts under way."""
ACKNOWLEDGED_WITHIN_S = 180.0
"""What customers had under way when the shop closed."""
SETTINGS = {
    "SENDGRID_KEY": "SG.not-a-key",
    "SENDGRID_TIMEOUT_MS": "2000",
    "ATTEMPT_LEASE_MS": "4000",
    "CLAIM_LEASE_MS": "3000",
    "EVIDENCE_WAIT_MS": "2000",
    # Always asked, so that profile is on the way of every email.
    "CAPTURED_MAX_AGE_MS": "0",
}

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to whom; no pause: killed."""

    victim: str
    pause_s: float = 0.0

    def __str__(self) -> str:
        return f"{self.victim} paused for {self.pause_s:.1f} s" if self.pause_s else f"{self.victim} killed"


@dataclass(frozen=True, slots=True)
class Round:
    """Faults at the same time. With a calm round everything must work again before the next one comes."""

    faults: tuple[Fault, ...]
    calm: bool
    gap_s: float = 0.0


def plan(rounds: int, chance: random.Random, *, apart: bool = False) -> list[Round]:
    """Everyone killed and paused in turn; then at random, also two or all at once, and before all is well again."""
    here = victims.APART if apart else victims.TOGETHER
    # Of the form with two processes more, these two are the news.
    parts = (here[:2], here[2:]) if apart else (here,)
    in_turn: list[Fault] = []
    for some in parts:
        in_turn += [Fault(victim) for victim in some]
        in_turn += [Fault(victim, chance.uniform(*PAUSE_S)) for victim in some]
    made = [Round((fault,), calm=True) for fault in in_turn[:rounds]]
    everyone = (*here, victims.RAY)
    while len(made) < rounds:
        chosen = chance.sample(everyone, chance.choice((1, 1, 1, 2, 2, len(everyone))))
        faults = tuple(Fault(victim, chance.choice((0.0, 0.0, chance.uniform(*PAUSE_S)))) for victim in chosen)
        made.append(Round(faults, calm=False, gap_s=chance.uniform(0.0, 2.0)))
    return made


@dataclass(slots=True)
class Outcome:
    """What came of a run.

    Attributes:
        complaints: What must hold and did not.
        happened: How often each fault was done.
        summary: The run in a line.
    """

    complaints: list[str] = field(default_factory=list)
    happened: Counter[str] = field(default_factory=Counter)
    doubts: int = 0
    summary: str = ""


async def run(folder: Path, *, rounds: int, seed: int, tell: Tell, apart: bool = False) -> Outcome:
    """Start an installation in ``folder``, break it ``rounds`` times, and audit it. It is stopped in the end."""
    provider = FakeSendgrid(answer_after_s=PROVIDER_THINKS_S)
    await provider.start()
    environ = {f"SENDWHEN_SENDER_{name}": value for name, value in SETTINGS.items()}
    environ["SENDWHEN_SENDER_SENDGRID_URL"] = provider.url
    options = ["--provider", "sendgrid", *(["--apart"] if apart else [])]
    installation = Installation(folder, *options, environ=environ)
    try:
        await asyncio.to_thread(installation.start)
        await asyncio.to_thread(installation.cli, "campaigns", "put", str(CAMPAIGNS))
        planned = plan(rounds, random.Random(seed), apart=apart)
        outcome = await _under_load(installation, provider, planned, seed=seed, tell=tell)
    finally:
        code = await asyncio.to_thread(installation.stop)
        await provider.stop()
    if code or installation.left_over:
        outcome.complaints.append(f"stopping ended with {code} and left {installation.left_over}")
    outcome.complaints += logs.complaints(folder)
    return outcome


async def _under_load(
    installation: Installation, provider: FakeSendgrid, faults: Sequence[Round], *, seed: int, tell: Tell
) -> Outcome:
    shop, outcome, began_s = Shop(seed), Outcome(), time.monotonic()
    async with Probe(installation, shop, provider) as probe:
        trading = asyncio.create_task(
            shop.open(installation.target("ingest"), write_key=installation.secrets["write_key"])
        )
        try:
            tell(f"events become emails after {await probe.events_become_emails():.1f} s")
            for number, round_ in enumerate(faults, 1):
                told = " and ".join(map(str, round_.faults))
                recovered = await _round(installation, probe, round_)
                outcome.happened.update(
                    (fault.victim, "paused" if fault.pause_s else "killed") for fault in round_.faults
                )
                assert not trading.done(), trading.exception()
                tell(f"{number:>3}/{len(faults)} {told}; {recovered}; {len(shop.acknowledged):,} events acknowledged")
            shop.closing.set()
            await asyncio.wait_for(trading, ACKNOWLEDGED_WITHIN_S)
            await probe.events_become_emails()
        finally:
            trading.cancel()
        evidence = await _at_rest(installation, probe, shop)
        outcome.complaints += audit.complaints(evidence, shop, provider.taken)
        for customer in shop.everyone:
            if customer.events:
                await probe.until(partial(probe.profile_knows, customer), f"profile's knowledge of {customer.user_id}")
    outcome.doubts = sum(row.doubts for row in evidence.rows)
    outcome.summary = _summary(evidence, shop, provider, time.monotonic() - began_s)
    return outcome


async def _round(installation: Installation, probe: Probe, round_: Round) -> str:
    await asyncio.gather(*(asyncio.to_thread(_strike, installation, fault) for fault in round_.faults))
    if round_.calm:
        return f"events became emails {await probe.events_become_emails():.1f} s later"
    await asyncio.sleep(round_.gap_s)
    return "the next at once"


def _strike(installation: Installation, fault: Fault) -> None:
    many = SHARDS if fault.victim == "shard" else 1
    pid = victims.wait_until_there(installation, fault.victim, at_least=many)[0]
    if fault.pause_s:
        victims.pause(pid, fault.pause_s)
    else:
        victims.kill(pid)
        victims.wait_until_there(installation, fault.victim, other_than=pid, at_least=many)


async def _at_rest(installation: Installation, probe: Probe, shop: Shop) -> Evidence:
    """Wait until nothing is under way any more; what the store holds then. Too late is told by the audit."""
    socket = installation.folder / "store" / "valkey.sock"
    password = installation.secrets["store_password"]
    found: list[Evidence] = []
    with open_store(f"unix://{quote(str(socket))}?password={password}", timeout_s=30.0) as store:

        async def rests() -> bool:
            found[:] = [await asyncio.to_thread(audit.gather, store, shop)]
            # Asked behind it: what is applied to its end now was so when the ledger was read, or the ledger is short.
            return audit.at_rest(found[0]) and await probe.is_caught_up()

        try:
            await probe.until(rests, "rest", every_s=1.0)
        except AssertionError as error:
            evidence = found[0]
            states = Counter(row.state for row in evidence.rows)
            expected = audit.expected_of(evidence).total()
            raise AssertionError(
                f"{error}: emails {dict(states)} of {expected}; {audit.complaints(evidence, shop, [])[:6]}"
            ) from None
    return found[0]


def _summary(evidence: Evidence, shop: Shop, provider: FakeSendgrid, took_s: float) -> str:
    states = Counter(row.state for row in evidence.rows)
    return (
        f"{len(shop.acknowledged):,} events acknowledged, {evidence.counters['duplicates']:,} of them again; "
        f"{len(evidence.rows):,} emails decided: {', '.join(f'{n:,} {state}' for state, n in states.most_common())}; "
        f"{sum(row.doubts for row in evidence.rows)} in doubt, {len(provider.taken):,} taken by the provider; "
        f"{took_s:.0f} s under load"
    )
