"""The campaigns of a partition: which version is in force, which are pinned by runs, what is paused."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from sendwhen.domain.campaign import Campaign
from sendwhen.domain.changes import CampaignRow
from sendwhen.domain.condition import Fuse
from sendwhen.domain.customer import Memory, written_by
from sendwhen.domain.entry import CampaignArchived, CampaignPaused, CampaignPut, Entry, EventBatch, Unreadable
from sendwhen.domain.facts import MOVING
from sendwhen.domain.migrate import EDITS_MAX, Edit, Migrate
from sendwhen.domain.plan import Listeners, Plan
from sendwhen.domain.predicate import History
from sendwhen.domain.sending_rules import SENDING_ID, SendingPolicy
from sendwhen.domain.shard_limits import ShardLimits
from sendwhen.domain.tally import bound_of, texts_of
from sendwhen.domain.triggers.logic import TriggerLogic
from sendwhen.domain.watch_mark import watch_mark
from sendwhen.errors import Precondition

FOR_EVER_MS = 2**62
_Version = tuple[str, str]
Compile = Callable[[bytes], Campaign | SendingPolicy]
"""Makes of a source (see CampaignPut) what it stands for."""


class CampaignBook:
    """Campaigns as of one entry.

    Attributes:
        listeners: By event name, what campaigns in force do with it, but for those on event time.
        on_event_time: By event name, the campaigns on event time in force that it may concern.
        least_grace_ms: The shortest grace of a version kept; None where none is on event time.
        enders: Names of events that may end a run of any version kept.
        watching: Campaigns in force whose trigger looks at the customer; watch_mark: names those with
            something to see at first sight, "" for none.
        asks_for_moving_facts: Somebody who watches a customer asks for what every event may change.
        tallies: Names of all counts that versions kept ask for.
        tally_events: By event name, the counts of all versions kept that events of this name may add to.
        counted: Names of events that count, or are held back, whether or not they pass a filter.
        goal_events: Names of events that are the goal of any version kept.
        policy: The installation's rules about emails.
        last_edit_seq: Entry of the latest edit that open runs must follow; 0 for none.
    """

    def __init__(self, *, compile_campaign: Compile, fuse: Fuse, limits: ShardLimits) -> None:
        self._compile = compile_campaign
        self._fuse = fuse
        self._versions_max = limits.campaign_versions
        self.restore(())

    def restore(self, rows: Sequence[CampaignRow]) -> None:
        """Forget all and keep these."""
        self._policy_row = next((row for row in rows if row.campaign_id == SENDING_ID and row.current), None)
        self.policy = self._compiled_policy(self._policy_row.source) if self._policy_row else SendingPolicy()
        rows = [row for row in rows if row.campaign_id != SENDING_ID]
        self._rows: dict[_Version, CampaignRow] = {(row.campaign_id, row.version): row for row in rows}
        self._plans: dict[_Version, Plan] = {version: self._plan(row.source) for version, row in self._rows.items()}
        self._current: dict[str, CampaignRow] = {row.campaign_id: row for row in rows if row.current}
        self._edits: dict[str, tuple[Edit, ...]] = {}
        for row in sorted((row for row in rows if row.edits), key=lambda row: row.edits[-1].seq):
            self._edits[row.campaign_id] = row.edits
        self._prepare()

    def plan(self, campaign_id: str, version: str) -> Plan | None:
        """A version that is kept."""
        return self._plans.get((campaign_id, version))

    def in_force(self, campaign_id: str) -> Plan | None:
        """The version on which new runs start."""
        row = self._current.get(campaign_id)
        return None if row is None else self._plans[row.campaign_id, row.version]

    def paused(self, campaign_id: str) -> bool:
        """The campaign starts nothing and sends nothing."""
        row = self._current.get(campaign_id)
        return row is not None and row.paused

    def campaign(self, campaign_id: str, version: str) -> Campaign | None:
        """A version that is kept."""
        plan = self._plans.get((campaign_id, version))
        return None if plan is None else plan.campaign

    def edits(self, campaign_id: str) -> Sequence[Edit]:
        """Edits that open runs must follow, oldest first."""
        return self._edits.get(campaign_id, ())

    def archived(self, campaign_id: str) -> bool:
        """No version is in force any more."""
        edits = self._edits.get(campaign_id)
        return bool(edits) and campaign_id not in self._current

    def put_at_ms(self, campaign_id: str) -> int:
        """Since when the trigger in force has been: versions that only changed something else count together."""
        return self._put_at_ms.get(campaign_id, 0)

    def generation(self, campaign_id: str) -> int:
        """How often another trigger, or none, was in force before that; the same in every partition."""
        return self._current[campaign_id].generation if campaign_id in self._current else 0

    def writes(self, plan: Plan) -> str:
        """Mark of what a version remembers (``Memory.trigger_version``), which need not be in force any more."""
        return written_by(plan.campaign.version, self._generation_of(plan))

    def remembers(self, plan: Plan, memory: Memory) -> bool:
        """What a customer's memory holds of a trigger is that of this version's, without a break."""
        version = memory.trigger_version.partition("#")[0]
        unbroken = memory.trigger_version == written_by(version, self._generation_of(plan))
        return unbroken and plan.continues(self.plan(plan.campaign.campaign_id, version))

    def _generation_of(self, plan: Plan) -> int:
        row = self._rows.get((plan.campaign.campaign_id, plan.campaign.version))
        return 0 if row is None else row.generation

    def remembered_by(self, plan: Plan, memory: Memory) -> TriggerLogic | None:
        """The trigger that wrote a memory of the same campaign; None where its version is not kept."""
        before = self.plan(plan.campaign.campaign_id, memory.trigger_version.partition("#")[0])
        return None if before is None else before.logic

    def _since(self, campaign_id: str, plan: Plan, at_ms: int) -> tuple[int, int]:
        """Since when the trigger of a version that is put now is in force, and its generation."""
        before = self._current.get(campaign_id)
        if before is not None and plan.continues(self._plans[campaign_id, before.version]):
            return self._trigger_put_at_ms(before), before.generation
        earlier = (row.generation + 1 for row in self._rows.values() if row.campaign_id == campaign_id)
        return at_ms, max(earlier, default=0)

    def _trigger_put_at_ms(self, current: CampaignRow) -> int:
        if current.since_ms:
            return current.since_ms
        rows = [row for row in self._rows.values() if row.campaign_id == current.campaign_id]
        since_ms, in_force = current.put_at_ms, self._plans[current.campaign_id, current.version]
        for row in sorted(rows, key=lambda row: row.put_at_ms, reverse=True):
            if row.put_at_ms > since_ms or row.version == current.version:
                continue
            if not in_force.continues(self._plans[row.campaign_id, row.version]):
                break
            since_ms = row.put_at_ms
        return since_ms

    def settled_ms(self, entry: Entry) -> int:
        """Up to where nothing that an entry brings can lie before a deadline on event time."""
        if self.least_grace_ms is None or not isinstance(entry, EventBatch):
            return FOR_EVER_MS
        occurred = [event.occurred_at_ms for event in entry.events if not isinstance(event, Unreadable)]
        return min(occurred, default=FOR_EVER_MS) + self.least_grace_ms

    def put(self, entry: CampaignPut, at_ms: int) -> tuple[Sequence[CampaignRow], int]:
        """Bring a version into force; rows that changed, and how many versions were forgotten for it.

        A campaign that is paused stays so. Idempotent. The sending policy is put in the same way, under its id.
        """
        if entry.campaign_id == SENDING_ID:
            return self._put_policy(entry, at_ms), 0
        before = self._current.get(entry.campaign_id)
        if before is not None and before.version == entry.version:
            return (), 0
        plan = self._plan(entry.source)
        edits_before = self._edits
        since_ms, generation = self._since(entry.campaign_id, plan, at_ms)
        if entry.migrate is not Migrate.FINISH:
            self._note(Edit(entry.seq, at_ms, entry.migrate.value, entry.version), entry.campaign_id)
        changed = [
            CampaignRow(
                campaign_id=entry.campaign_id,
                version=entry.version,
                source=entry.source,
                current=True,
                paused=before is not None and before.paused,
                put_at_ms=at_ms,
                edits=self._edits.get(entry.campaign_id, ()),
                since_ms=since_ms,
                generation=generation,
            )
        ]
        if before is not None:
            changed.insert(0, replace(before, current=False, edits=()))
        before_all = self._rows, self._plans, self._current
        version = entry.campaign_id, entry.version
        self._rows = {**self._rows, **{(row.campaign_id, row.version): row for row in changed}}
        self._plans = {**self._plans, version: plan}
        self._current = {**self._current, entry.campaign_id: changed[-1]}
        forgotten = self._forget_oldest(entry.campaign_id)
        try:
            self._prepare()
        except Exception:
            # Filters that cannot be fused: what was in force stays so.
            self._rows, self._plans, self._current = before_all
            self._edits = edits_before
            raise
        return (*changed, *forgotten), len(forgotten)

    def change(self, entry: CampaignPaused | CampaignArchived, at_ms: int) -> Sequence[CampaignRow]:
        """Pause a campaign, let it act again, or end it; rows that changed. Idempotent; unknown ones are left alone."""
        row = self._current.get(entry.campaign_id)
        if row is None:
            return ()
        if isinstance(entry, CampaignArchived):
            return self._archive(row, Edit(entry.seq, at_ms, "archive", ""))
        if row.paused == entry.paused:
            return ()
        changed = replace(row, paused=entry.paused)
        self._rows[row.campaign_id, row.version] = self._current[row.campaign_id] = changed
        return (changed,)

    def _put_policy(self, entry: CampaignPut, at_ms: int) -> Sequence[CampaignRow]:
        before = self._policy_row
        if before is not None and before.version == entry.version:
            return ()
        self.policy = self._compiled_policy(entry.source)
        self._policy_row = CampaignRow(
            campaign_id=entry.campaign_id,
            version=entry.version,
            source=entry.source,
            current=True,
            paused=False,
            put_at_ms=at_ms,
        )
        # Dates in the policy's zone come at other instants: all customers are looked at again.
        self.watch_mark = self._mark()
        # Nothing is pinned to the one before.
        forgotten = () if before is None else (replace(before, source=b"", current=False),)
        return (*forgotten, self._policy_row)

    def _mark(self) -> str:
        return watch_mark(self.watching, self.generation, self.policy.time_zone)

    def _compiled_policy(self, source: bytes) -> SendingPolicy:
        compiled = self._compile(source)
        if not isinstance(compiled, SendingPolicy):
            raise Precondition("This is no sending policy.", remedy="Put sending.yaml again.")
        return compiled

    def _archive(self, row: CampaignRow, edit: Edit) -> Sequence[CampaignRow]:
        self._note(edit, row.campaign_id)
        changed = replace(row, current=False, paused=False, edits=self._edits[row.campaign_id])
        self._rows = {**self._rows, (row.campaign_id, row.version): changed}
        self._current = {name: one for name, one in self._current.items() if name != row.campaign_id}
        self._prepare()
        return (changed,)

    def _note(self, edit: Edit, campaign_id: str) -> None:
        edits = (*self._edits.get(campaign_id, ()), edit)[-EDITS_MAX:]
        self._edits = {**self._edits, campaign_id: edits}

    def _plan(self, source: bytes) -> Plan:
        compiled = self._compile(source)
        if not isinstance(compiled, Campaign):
            raise Precondition("This is no campaign.", remedy="Put its folder again.")
        return Plan(compiled)

    def _forget_oldest(self, campaign_id: str) -> list[CampaignRow]:
        kept = sorted(
            (row for row in self._rows.values() if row.campaign_id == campaign_id and not row.current),
            key=lambda row: (row.put_at_ms, row.version),
        )
        forgotten = kept[: max(0, len(kept) + 1 - self._versions_max)]
        for row in forgotten:
            del self._rows[row.campaign_id, row.version]
            del self._plans[row.campaign_id, row.version]
        return [replace(row, source=b"") for row in forgotten]

    def _prepare(self) -> None:
        # In the order of ids, so that what several campaigns decide about one event does not depend on when they were
        # put.
        current = [self._plans[row.campaign_id, row.version] for _, row in sorted(self._current.items())]
        self._put_at_ms = {one: self._trigger_put_at_ms(row) for one, row in self._current.items()}
        at_once = [plan for plan in current if not plan.on_event_time]
        names = dict.fromkeys(name for plan in at_once for name in (*plan.stops, *plan.starts))
        self.listeners = {name: Listeners(name, at_once, self._fuse) for name in names}
        self.on_event_time: dict[str, list[Plan]] = {}
        for plan in current:
            if plan.on_event_time:
                for name in plan.event_names:
                    self.on_event_time.setdefault(name, []).append(plan)
        graces = [plan.grace_ms for plan in self._plans.values() if plan.on_event_time]
        self.least_grace_ms = min(graces, default=None)
        self.enders = frozenset(
            name
            for plan in self._plans.values()
            for name in (plan.event_names if plan.on_event_time else plan.event_names_that_end_runs())
        )
        goals = (plan.campaign.goal for plan in self._plans.values())
        self.goal_events = frozenset(goal.of.event for goal in goals if goal is not None)
        self.watching = tuple((plan, plan.watch) for plan in current if plan.watch is not None)
        self.watch_mark = self._mark()
        self.last_edit_seq = max((edits[-1].seq for edits in self._edits.values()), default=0)
        asked = (history for plan in self._plans.values() for history in plan.histories())
        counts = {history.tally: history for history in sorted(asked, key=bound_of)}  # of each who needs the most
        self.tallies = frozenset(counts)
        texts = {text for plan in self._plans.values() for when in plan.watched() for text in texts_of(when)}
        self.asks_for_moving_facts = any(fact in text for text in texts for fact in MOVING)
        self.tally_events: dict[str, list[History]] = {}
        for _, history in sorted(counts.items()):
            self.tally_events.setdefault(history.of.event, []).append(history)
        self.counted = frozenset((*self.tally_events, *self.on_event_time))
