"""What the front needs besides the log: campaigns' checker and shelf, sender, the store's state, the shards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from sendwhen.domain.campaign import Campaign


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Something in a campaign's files that is wrong or, as a warning, may not be what was meant."""

    file: str
    line: int
    column: int
    problem: str
    remedy: str
    warning: bool


class TemplateText(msgspec.Struct, frozen=True, kw_only=True):
    """A template in Liquid; ``text`` or ``html`` may be empty."""

    subject: str
    text: str
    html: str


class CheckedCampaign(msgspec.Struct, frozen=True, kw_only=True):
    """What a campaign's files are.

    Attributes:
        problems: Errors and warnings, by file and place. With an error all but these is empty.
        source: Serialised sendwhen.v1.CampaignVersion.
        trigger: "match", "absence".
        templates: By content hash.
    """

    problems: tuple[Problem, ...]
    campaign_id: str = ""
    version: str = ""
    trigger: str = ""
    source: bytes = b""
    templates: Mapping[str, TemplateText] = {}

    @property
    def acceptable(self) -> bool:
        """No error was found."""
        return all(problem.warning for problem in self.problems)


class CampaignChecker(Protocol):
    """Validates campaigns completely."""

    def check(self, files: Mapping[str, bytes]) -> CheckedCampaign:
        """What these files are; never raises on what they hold."""
        ...

    def campaign(self, source: bytes) -> Campaign:
        """The campaign that a source, once accepted, stands for."""
        ...

    def changes(self, before: bytes, after: bytes) -> Sequence[str]:
        """What differs between two sources, a sentence for each field."""
        ...


class CampaignEdit(msgspec.Struct, frozen=True, kw_only=True):
    """One change of a campaign.

    Attributes:
        what: "put", "paused", "resumed", "archived".
        migrate: With "put": "finish", "move", "cancel".
    """

    at_ms: int
    what: str
    version: str
    migrate: str = ""


class DesiredCampaign(msgspec.Struct, frozen=True, kw_only=True):
    """What should be in force in every partition.

    Attributes:
        archived: Nothing should be.
        migrate: What was to become of runs of earlier versions when this one was put: "finish", "move", "cancel".
        edits: The latest changes, oldest first.
    """

    campaign_id: str
    version: str
    trigger: str
    source: bytes
    paused: bool
    put_at_ms: int
    archived: bool = False
    migrate: str = "finish"
    edits: tuple[CampaignEdit, ...] = ()


class CampaignShelf(Protocol):
    """Keeps what is desired, durably. Every method raises StoreLost."""

    async def all(self) -> Sequence[DesiredCampaign]:
        """All campaigns, by id."""
        ...

    async def put(self, campaign: DesiredCampaign) -> None:
        """Keep this one in the place of the former; returns when durable."""
        ...


class SentEmail(msgspec.Struct, frozen=True, kw_only=True):
    """A row of sender's ledger, as explanations need it.

    Attributes:
        state: "accepted", "in_doubt" …: the names of sendwhen.v1.EmailState in lower case.
        row: The serialised sendwhen.v1.Email.
    """

    send_id: str
    state: str
    detail: str
    row: bytes


class Emails(Protocol):
    """Sender, as the front uses it. Raises Unavailable, TooLate, Overloaded; Invalid for a template that is none."""

    async def put_templates(self, templates: Mapping[str, TemplateText]) -> None:
        """Keep templates under their hashes; returns when durable. Idempotent."""
        ...

    async def emails(self, send_ids: Sequence[str]) -> Sequence[SentEmail]:
        """Rows of the ledger; those not found are left out."""
        ...


class StoreState(msgspec.Struct, frozen=True, kw_only=True):
    """How the store is.

    Attributes:
        durability: "fsync", "replicated" or "fast".
        found: What it was found to do, such as "appendonly yes, appendfsync always".
        refusing: Why appends must be refused now, a sentence; "" where they need not.
        reason: The same as a word for metrics: "memory", "disk", "store".
        retry_after_ms: When to come back while refusing.
    """

    durability: str
    found: str
    refusing: str = ""
    reason: str = ""
    retry_after_ms: int = 1_000


class StoreWatch(Protocol):
    """Knows how the store is, from its last look; asking costs nothing."""

    def state(self) -> StoreState:
        """The latest."""
        ...


class ShardStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One shard actor; ``state`` is "running", "starting" or "unreachable".

    Attributes:
        standing_still: Those of its partitions whose log misses entries that were never applied.
        reviewing: Those whose known customers are still being looked at after the put of a campaign, with how many
            customers were.
    """

    name: str
    partitions: tuple[int, ...]
    state: str
    standing_still: tuple[int, ...] = ()
    reviewing: Mapping[int, int] = {}


class Shards(Protocol):
    """The launcher of shards."""

    async def ensure(self) -> None:
        """Start those that are missing."""
        ...

    async def statuses(self) -> Sequence[ShardStatus]:
        """How they are."""
        ...

    async def stop(self) -> None:
        """Stop all."""
        ...
