"""A set of campaigns to be tried, complete, so that it can be handed to another process."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import msgspec

from sendwhen.archive.archive import Archive
from sendwhen.archive.columns import ENTRY, change_of, read_rows
from sendwhen.archive.rereading import reread
from sendwhen.campaigns import (
    campaign_folders,
    check,
    check_policy,
    compile_campaign,
    compile_policy,
    found_in,
    policy_for,
    read_folder,
)
from sendwhen.domain.campaign import Campaign
from sendwhen.domain.entry import CampaignPut
from sendwhen.domain.sending_rules import SENDING_ID, SendingPolicy
from sendwhen.errors import Invalid, NotFound
from sendwhen.v1 import log_pb2
from sendwhen.wire.entry import campaign_source, policy_source

_VERSION_DIGITS_MIN = 6


class Put(msgspec.Struct, frozen=True, kw_only=True):
    """One version of one campaign. ``source`` is as in CampaignPut."""

    campaign_id: str
    version: str
    source: bytes


class Variant(msgspec.Struct, frozen=True, kw_only=True):
    """What would have been in force, by campaign; the sending policy, which has an id of its own, first."""

    puts: tuple[Put, ...]

    def under_policy_of(self, other: Variant) -> Variant:
        """The same campaigns under the sending policy of another variant."""
        policy = tuple(put for put in other.puts if put.campaign_id == SENDING_ID)
        return Variant(puts=(*policy, *(put for put in self.puts if put.campaign_id != SENDING_ID)))


def read_variant(folder: Path) -> Variant:
    """The campaigns of a folder of them, or of a campaign's, with the sending policy beside them.

    Raises:
        Invalid: Something is wrong with one of them; the message names every place.
    """
    puts: list[Put] = []
    problems: list[str] = []
    for one in campaign_folders(folder):
        checked = check(read_folder(one))
        problems += map(str, found_in(one, [problem for problem in checked.problems if not problem.warning]))
        if checked.campaign is not None:
            source = campaign_source(
                version=checked.version,
                source_yaml=checked.source_yaml,
                template_hashes=checked.template_hashes,
                segments_yaml=checked.segments_yaml,
            )
            puts.append(Put(campaign_id=checked.campaign.campaign_id, version=checked.version, source=source))
    names = [put.campaign_id for put in puts]
    problems += [
        f"{folder}: two campaigns are called {name}. Give each its own name."
        for name in sorted({n for n in names if names.count(n) > 1})
    ]
    policies, of_policy = _policy(folder)
    if problems := of_policy + problems:
        # What is wrong with a file that belongs to all of them is said once.
        raise Invalid("\n".join(dict.fromkeys(problems)))
    if not puts:
        raise Invalid(f"There is no campaign in {folder}.", remedy="Name a folder with campaign.yaml.")
    return Variant(puts=(*policies, *sorted(puts, key=lambda put: put.campaign_id)))


def _policy(folder: Path) -> tuple[list[Put], list[str]]:
    file = policy_for(folder)
    if file is None:
        return [], []
    source_yaml = file.read_bytes()
    checked = check_policy(source_yaml)
    if checked.policy is None:
        return [], [f"{file.parent}/{problem}" for problem in checked.problems if not problem.warning]
    source = policy_source(version=checked.version, source_yaml=source_yaml)
    return [Put(campaign_id=SENDING_ID, version=checked.version, source=source)], []


def logged_variant(archive: Archive, version: str) -> Variant:
    """The version of a campaign that was once in force, as the archive has it.

    Raises:
        Invalid: The text is too short to mean one.
        NotFound: None, or more than one, begins so.
    """
    if len(version) < _VERSION_DIGITS_MIN:
        raise Invalid(
            f"{version!r} is too short.", remedy=f"Give {_VERSION_DIGITS_MIN} digits of the version at least."
        )
    found: dict[str, Put] = {}
    # Every partition's log has every version; some may have been created before others were archived.
    for partition in archive.partitions():
        for put in logged_puts(archive, partition):
            if put.version.startswith(version):
                found[put.version] = Put(campaign_id=put.campaign_id, version=put.version, source=put.source)
        if found:
            break
    if len(found) != 1:
        what = "No campaign's version" if not found else "More than one version"
        raise NotFound(f"{what} in the archive begins with {version}.", remedy="`sendwhen campaigns list` shows it.")
    return Variant(puts=tuple(found.values()))


def logged_puts(archive: Archive, partition: int) -> Sequence[CampaignPut]:
    """All versions that came into force in a partition, in order."""
    return reread(lambda: _logged_puts(archive, partition))


def _logged_puts(archive: Archive, partition: int) -> Sequence[CampaignPut]:
    puts: list[CampaignPut] = []
    for day, segment in archive.segments(partition):
        for part in archive.customers(partition, day, segment, low="", high="0", columns=None):
            changes = [change_of(row) for row in read_rows(part) if row.kind == ENTRY]
            puts += [change for change in changes if isinstance(change, CampaignPut)]
    return puts


@lru_cache(maxsize=256)
def campaign_of(source: bytes) -> Campaign | SendingPolicy:
    """The campaign of a source, or the sending policy; compiled once in a process."""
    version = log_pb2.CampaignVersion.FromString(source)
    if version.sending_policy:
        return compile_policy(version.source_yaml)
    return compile_campaign(
        version.source_yaml,
        dict(version.template_hashes),
        version=version.version,
        segments_yaml=version.segments_yaml,
    )
