"""One real data set through one fresh installation: replayed, the clock moved on, emails and ledger counted."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from email.parser import BytesHeaderParser
from pathlib import Path

from sendwhen.chassis.grpc_channel import bearer, open_sync_channel
from sendwhen.v1.email_pb2 import EmailState
from sendwhen.v1.sender_service_pb2 import CountEmailsRequest
from sendwhen.v1.sender_service_pb2_grpc import SenderStub
from tests.e2e.installation import ROOT, Installation
from tests.real.sets import DataSet

CAMPAIGNS = ROOT / "examples" / "real"
SENT_WITHIN_S = 120.0


class Disagreement(AssertionError):
    """Ledger and mail folder do not say the same, or something else than emails of the campaign is there."""


def emails_of(data: DataSet, *, events: Path, last_ms: int, partitions: int, work: Path) -> dict[str, int]:
    """For each answer's name the number of emails that its campaign sent.

    Raises:
        Disagreement: Ledger and mail folder differ, or an email is there twice or for nobody's campaign.
    """
    options = ("--clock", "events", "--partitions", str(partitions), "--durability", "fast")
    installation = Installation(work / f"{data.name}-{partitions}", *options)
    found: dict[str, int] = {}
    try:
        installation.start()
        for campaign in sorted({answer.campaign for answer in data.answers}):
            installation.cli("campaigns", "put", str(CAMPAIGNS / campaign))
        for after_last_ms in sorted({answer.after_last_ms for answer in data.answers}):
            installation.cli("replay", str(events), "--advance-to", str(last_ms + after_last_ms), within_s=240)
            counts = _agreed_counts(installation)
            for answer in data.answers:
                if answer.after_last_ms == after_last_ms:
                    found[answer.name] = counts.get(answer.campaign.replace("_", "-"), 0)
    finally:
        installation.stop()
    return found


def _agreed_counts(installation: Installation) -> Mapping[str, int]:
    ledger = _ledger_at_rest(installation)
    others = {key: number for key, number in ledger.items() if key[1] != "ACCEPTED"}
    if others:
        raise Disagreement(f"the ledger holds other than accepted emails: {others}")
    accepted = {campaign: number for (campaign, _), number in ledger.items()}
    mail = _mail(installation.mail)
    if accepted != mail:
        raise Disagreement(f"the ledger has {accepted}, the mail folder {mail}")
    return mail


def _ledger_at_rest(installation: Installation) -> dict[tuple[str, str], int]:
    deadline = time.monotonic() + SENT_WITHIN_S
    with open_sync_channel(installation.target("sender")) as channel:
        sender = SenderStub(channel)
        while True:
            answer = sender.CountEmails(
                CountEmailsRequest(), metadata=bearer(installation.secrets["admin_key"]), timeout=10
            )
            counts = {
                (count.campaign_id, EmailState.Name(count.state).removeprefix("EMAIL_STATE_")): count.emails
                for count in answer.counts
                if count.emails
            }
            if answer.possible_duplicates:
                raise Disagreement(f"{answer.possible_duplicates} emails may have gone out twice")
            if not any(state in {"PENDING", "CLAIMED", "ATTEMPTED", "RETRY_AT", "IN_DOUBT"} for _, state in counts):
                return counts
            if time.monotonic() > deadline:
                raise Disagreement(f"emails wait: {counts}")
            time.sleep(0.2)


def _mail(folder: Path) -> dict[str, int]:
    sent: Counter[str] = Counter()
    seen: set[str] = set()
    for path in folder.rglob("*.eml"):
        headers = BytesHeaderParser().parsebytes(path.read_bytes())
        if headers["X-Sendwhen-Send-Id"] in seen:
            raise Disagreement(f"{path.name} is an email's second file")
        seen.add(headers["X-Sendwhen-Send-Id"])
        if not headers["To"].endswith("@example.invalid"):
            raise Disagreement(f"{path.name} goes to an address that was not made up here")
        sent[headers["X-Sendwhen-Campaign"]] += 1
    return dict(sent)
