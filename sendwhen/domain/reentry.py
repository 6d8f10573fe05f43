"""How often a customer may go through a campaign, by the key of the run."""

from __future__ import annotations

from msgspec.structs import replace

from sendwhen.domain.calendar import instant_text
from sendwhen.domain.campaign import Campaign, Reentry
from sendwhen.domain.customer import Memory
from sendwhen.domain.length import length


def refusal(campaign: Campaign, memory: Memory, key: str, at_ms: int) -> tuple[str, str]:
    """Reason and detail why a run of this key may not start or fire at that instant; ("", "") where it may."""
    if campaign.reentry is Reentry.ALWAYS:
        return "", ""
    last_ms = memory.fired.get(key)
    if last_ms is None:
        return "", ""
    if campaign.reentry is Reentry.ONCE:
        return "once", f"It fired at {instant_text(last_ms)} and fires only once."
    until_ms = last_ms + campaign.cooldown_ms
    if at_ms >= until_ms:
        return "", ""
    return (
        "cooldown",
        f"It fired at {instant_text(last_ms)} and may not again before {instant_text(until_ms)}, "
        f"{length(until_ms - at_ms)} later.",
    )


def fired(campaign: Campaign, memory: Memory, key: str, due_at_ms: int, keys_max: int) -> tuple[Memory, int]:
    """The memory after a firing, and how many keys were forgotten for it.

    Where every firing is welcome, only campaigns without keys remember theirs: one number, so that a version that is
    put later with another rule knows it; for keys it would be a long list that nobody may ever ask for.
    """
    if campaign.reentry is Reentry.ALWAYS and campaign.per is not None:
        return memory, 0
    keys = dict(memory.fired)
    keys.pop(key, None)
    keys[key] = due_at_ms
    forgotten = 0
    while len(keys) > keys_max:
        del keys[next(iter(keys))]
        forgotten += 1
    return replace(memory, fired=keys), forgotten
