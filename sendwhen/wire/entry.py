"""An entry of a partition's log on the wire (sendwhen.v1.LogEntry) and as the domain sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from google.protobuf.message import DecodeError

from sendwhen.domain.entry import (
    CampaignArchived,
    CampaignPaused,
    CampaignPut,
    Delivered,
    Entry,
    EventBatch,
    Review,
    Skip,
    Tick,
    Transfers,
    Unreadable,
)
from sendwhen.domain.migrate import Migrate
from sendwhen.domain.transfer import read_transfer
from sendwhen.v1 import campaign_pb2, log_pb2
from sendwhen.wire.event import events_of

_MIGRATIONS: Final[Mapping[Migrate, campaign_pb2.Migration]] = MappingProxyType(
    {
        Migrate.FINISH: campaign_pb2.MIGRATION_FINISH,
        Migrate.MOVE: campaign_pb2.MIGRATION_MOVE,
        Migrate.CANCEL: campaign_pb2.MIGRATION_CANCEL,
    }
)


def entry_of(seq: int, at_ms: int, appended_at_us: int, body: bytes) -> Entry:
    """The entry that ``body`` holds. What holds none, or a kind of a newer version, is a batch of one Unreadable."""
    try:
        message = log_pb2.LogEntry.FromString(body)
    except DecodeError:
        return _unreadable(seq, at_ms, appended_at_us, body)
    if message.WhichOneof("body") == "events":
        return EventBatch(
            seq=seq,
            at_ms=at_ms,
            events=events_of(message.events),
            front_received_at_us=message.events.front_received_at_us,
            appended_at_us=appended_at_us,
        )
    return _rarer_of(seq, at_ms, message) or _unreadable(seq, at_ms, appended_at_us, body)


def _rarer_of(seq: int, at_ms: int, message: log_pb2.LogEntry) -> Entry | None:
    match message.WhichOneof("body"):
        case "tick":
            return Tick(seq=seq, at_ms=at_ms)
        case "campaign":
            return _campaign_of(seq, at_ms, message.campaign)
        case "skip":
            skip = message.skip
            return Skip(seq=seq, at_ms=at_ms, skipped_seq=skip.seq, index=skip.index, reason=skip.reason)
        case "transfers":
            return Transfers(seq=seq, at_ms=at_ms, items=tuple(map(_delivered_of, message.transfers.transfers)))
        case "review":
            uids = tuple(message.review.uids.decode("ascii", "replace").split(","))
            return Review(seq=seq, at_ms=at_ms, uids=uids)
        case _:
            return None


def _delivered_of(message: log_pb2.Transfer) -> Delivered | Unreadable:
    transfer = read_transfer(message.body)
    if transfer is None:
        return Unreadable(payload=message.body)
    return Delivered(
        transfer=transfer, source=message.source_partition, lineage=message.lineage, ordinal=message.ordinal
    )


def _campaign_of(seq: int, at_ms: int, change: log_pb2.CampaignEntry) -> Entry | None:
    match change.WhichOneof("change"):
        case "put":
            return CampaignPut(
                seq=seq,
                at_ms=at_ms,
                campaign_id=change.campaign_id,
                version=change.put.version,
                source=change.put.SerializeToString(deterministic=True),
                migrate=migrate_of(change.migrate),
            )
        case "paused":
            return CampaignPaused(seq=seq, at_ms=at_ms, campaign_id=change.campaign_id, paused=change.paused)
        case "archived":
            return CampaignArchived(seq=seq, at_ms=at_ms, campaign_id=change.campaign_id)
        case _:
            return None


def _unreadable(seq: int, at_ms: int, appended_at_us: int, body: bytes) -> EventBatch:
    return EventBatch(seq=seq, at_ms=at_ms, events=(Unreadable(payload=body),), appended_at_us=appended_at_us)


def event_entry(events: Sequence[bytes], front_received_at_us: int) -> bytes:
    """The body of an entry with these serialised events, in order."""
    batch = log_pb2.EventEntry(events=events, front_received_at_us=front_received_at_us)
    return log_pb2.LogEntry(events=batch).SerializeToString()


def tick_entry() -> bytes:
    """The body of a tick."""
    return log_pb2.LogEntry(tick=log_pb2.TickEntry()).SerializeToString()


def transfer_entry(rows: Sequence[tuple[int, str, int, bytes]]) -> bytes:
    """The body of an entry with transfers: (source partition, lineage, ordinal, written transfer) each."""
    transfers = [
        log_pb2.Transfer(source_partition=source, lineage=lineage, ordinal=ordinal, body=body)
        for source, lineage, ordinal, body in rows
    ]
    return log_pb2.LogEntry(transfers=log_pb2.TransferEntry(transfers=transfers)).SerializeToString()


def campaign_source(
    *, version: str, source_yaml: bytes, template_hashes: Mapping[str, str], segments_yaml: bytes = b""
) -> bytes:
    """A version of a campaign, complete, as CampaignPut.source and CampaignRow.source carry it."""
    message = log_pb2.CampaignVersion(
        version=version, source_yaml=source_yaml, template_hashes=template_hashes, segments_yaml=segments_yaml
    )
    return message.SerializeToString(deterministic=True)


def policy_source(*, version: str, source_yaml: bytes) -> bytes:
    """A version of the sending policy, as CampaignPut.source and CampaignRow.source carry it."""
    message = log_pb2.CampaignVersion(version=version, source_yaml=source_yaml, sending_policy=True)
    return message.SerializeToString(deterministic=True)


def campaign_put_entry(campaign_id: str, source: bytes, migrate: Migrate = Migrate.FINISH) -> bytes:
    """The body of an entry that puts a version (made by ``campaign_source``) into force."""
    version = log_pb2.CampaignVersion.FromString(source)
    # Not written where it is the default, so that such an entry is read by those who do not know the field.
    said = campaign_pb2.MIGRATION_UNSPECIFIED if migrate is Migrate.FINISH else _MIGRATIONS[migrate]
    entry = log_pb2.CampaignEntry(campaign_id=campaign_id, put=version, migrate=said)
    return log_pb2.LogEntry(campaign=entry).SerializeToString(deterministic=True)


def campaign_paused_entry(campaign_id: str, *, paused: bool) -> bytes:
    """The body of an entry that pauses a campaign or lets it act again."""
    entry = log_pb2.CampaignEntry(campaign_id=campaign_id, paused=paused)
    return log_pb2.LogEntry(campaign=entry).SerializeToString()


def campaign_archived_entry(campaign_id: str) -> bytes:
    """The body of an entry that ends a campaign."""
    entry = log_pb2.CampaignEntry(campaign_id=campaign_id, archived=True)
    return log_pb2.LogEntry(campaign=entry).SerializeToString()


def migrate_of(message: campaign_pb2.Migration) -> Migrate:
    """A policy as the domain has it; one of a newer version lets runs finish, which is what edits do by themselves."""
    return next((one for one, number in _MIGRATIONS.items() if number == message), Migrate.FINISH)


def migration_message(migrate: Migrate) -> campaign_pb2.Migration:
    """A policy on the wire."""
    return _MIGRATIONS[migrate]


def review_entry(uids: Sequence[str]) -> bytes:
    """The body of an entry that lets campaigns look at customers. The store's functions write the same."""
    return log_pb2.LogEntry(review=log_pb2.ReviewEntry(uids=",".join(uids).encode())).SerializeToString()


def skip_entry(*, skipped_seq: int, index: int, reason: str) -> bytes:
    """The body of a marker that event ``index`` (-1: all) of entry ``skipped_seq`` was set aside."""
    skip = log_pb2.SkipEntry(seq=skipped_seq, index=index, reason=reason)
    return log_pb2.LogEntry(skip=skip).SerializeToString()
