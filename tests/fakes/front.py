"""What the front needs besides the log, in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sendwhen.errors import Unavailable
from services.trigger.front_ports import DesiredCampaign, SentEmail, ShardStatus, StoreState, TemplateText


class MemoryEmails:
    """Sender as the front uses it."""

    def __init__(self) -> None:
        self.templates: dict[str, TemplateText] = {}
        self.rows: dict[str, SentEmail] = {}
        self.is_down = False

    async def put_templates(self, templates: Mapping[str, TemplateText]) -> None:
        self._check()
        self.templates.update(templates)

    async def emails(self, send_ids: Sequence[str]) -> Sequence[SentEmail]:
        self._check()
        return [self.rows[send_id] for send_id in send_ids if send_id in self.rows]

    def _check(self) -> None:
        if self.is_down:
            raise Unavailable("Sender is away.")


class MemoryShelf:
    """What is desired."""

    def __init__(self) -> None:
        self.campaigns: dict[str, DesiredCampaign] = {}

    async def all(self) -> Sequence[DesiredCampaign]:
        return [self.campaigns[campaign_id] for campaign_id in sorted(self.campaigns)]

    async def put(self, campaign: DesiredCampaign) -> None:
        self.campaigns[campaign.campaign_id] = campaign


class SettableWatch:
    """A store whose state a test sets."""

    def __init__(self) -> None:
        self.now = StoreState(durability="fsync", found="in memory")

    def state(self) -> StoreState:
        return self.now


class NoShards:
    """No shard actors."""

    async def ensure(self) -> None:
        return

    async def statuses(self) -> Sequence[ShardStatus]:
        return [ShardStatus(name="shard-0", partitions=(0, 1), state="running")]

    async def stop(self) -> None:
        return
