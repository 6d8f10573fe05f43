"""What a campaign, or the installation, says about emails themselves."""

from __future__ import annotations

from enum import Enum

import msgspec

from sendwhen.domain.local_moment import LocalTime
from sendwhen.domain.span import Span


class Category(Enum):
    """Marketing needs consent, transactional does not."""

    MARKETING = "marketing"
    TRANSACTIONAL = "transactional"


class InDoubt(Enum):
    """What to do with an email of which nobody can say whether the provider took it."""

    AT_MOST_ONCE = "at_most_once"
    AT_LEAST_ONCE = "at_least_once"


class Cap(msgspec.Struct, frozen=True, kw_only=True):
    """At most so many emails for a customer in any time of a length (half-open)."""

    at_most: int
    per: Span


class AtQuiet(Enum):
    """What becomes of an email that falls into quiet hours."""

    DEFER = "defer"
    SKIP = "skip"


class QuietHours(msgspec.Struct, frozen=True, kw_only=True):
    """From a time of the day until another (over midnight where it is earlier), half-open."""

    begin: LocalTime
    end: LocalTime
    then: AtQuiet = AtQuiet.DEFER


class Sending(msgspec.Struct, frozen=True, kw_only=True):
    """A campaign's rules about its emails.

    Attributes:
        cap: For this campaign.
        priority: Among campaigns that want the same customer within the policy's window the highest wins; None: it does
            not compete.
        quiet_hours: In the place of the policy's.
        address_wait: How long an email waits for an address; None: it is skipped without one.
        volume_per_day: At most so many emails a day (UTC) over all customers; what goes beyond is held by sender until
            an operator decides. None: no bound.
    """

    category: Category = Category.MARKETING
    in_doubt: InDoubt = InDoubt.AT_MOST_ONCE
    cap: Cap | None = None
    quiet_hours: QuietHours | None = None
    priority: int | None = None
    address_wait: Span | None = None
    volume_per_day: int | None = None


SENDING_ID = "_sending"
"""In the place of a campaign's id: the policy's. No campaign can have it."""


class SendingPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """The installation's rules, the same for all campaigns and never pinned; transactional emails pass by all of them.

    Attributes:
        cap: Over all emails: transactional ones count, and are let through. category_caps: by category.
        quiet_hours: Where a campaign has none of its own.
        time_zone: Of customers of whom none is known.
        holdout_percent: Of all customers, who get no marketing at all; sticky by hash.
        priority_window: See Sending.priority; None: priorities have no effect.
    """

    cap: Cap | None = None
    category_caps: tuple[tuple[Category, Cap], ...] = ()
    quiet_hours: QuietHours | None = None
    time_zone: str = "UTC"
    holdout_percent: int = 0
    priority_window: Span | None = None
