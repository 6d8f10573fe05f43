"""`sendwhen log import`: an archive's events go in by time, and an import that was stopped goes on."""

from __future__ import annotations

from pathlib import Path

import grpc
import pytest
from rich.progress import Progress

from sendwhen.archive.archive import Archive
from sendwhen.archive.local_files import LocalFiles
from sendwhen.archive.transfer import Range, events_by_time, stretches_of
from sendwhen.cli.archive_import import import_archive
from sendwhen.cli.targets import Targets
from sendwhen.errors import Unauthenticated
from sendwhen.v1.ingest_service_pb2_grpc import add_IngestServicer_to_server
from tests.archive.logs import a_log
from tests.builders import HOUR_MS
from tests.cli.test_replay_stream import Ingest
from tests.services.running import ADMIN, Running

pytestmark = pytest.mark.integration


def an_archive(folder: Path) -> Archive:
    archive = Archive(LocalFiles(folder))
    for partition in range(2):
        archive.append(partition, a_log(50, seed=partition, step_ms=HOUR_MS + partition))
    return archive


def ids_by_time(archive: Archive) -> list[str]:
    return [
        event.event_id
        for day, _ in stretches_of(archive, Range())
        for event in events_by_time(archive, Range(), stretch=day)
    ]


async def test_an_import_that_was_stopped_goes_on_and_no_event_is_left_out(tmp_path: Path) -> None:
    archive, state = an_archive(tmp_path / "archive"), tmp_path / "state.json"
    wanted = ids_by_time(archive)
    days = [events for _, events in stretches_of(archive, Range())]
    assert len(days) >= 3, "it is stopped on a day in the middle"
    # At an event of the second day the call is refused, as if the key had been taken away meanwhile.
    ingest = Ingest({}, {wanted[days[0]]: grpc.StatusCode.UNAUTHENTICATED})
    server = grpc.aio.server()
    add_IngestServicer_to_server(ingest, server)
    here = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    try:
        async with Running() as running:
            trigger = f"127.0.0.1:{running.front.server.port}"
            targets = Targets(
                ingest=here, trigger=trigger, sender=here, inbox=here, write_key="k", admin_key=ADMIN, data=tmp_path
            )
            with pytest.raises(Unauthenticated):
                await import_archive(targets, archive, Range(), state, Progress(disable=True))
            stopped = len(ingest.taken)
            tally, counts = await import_archive(targets, archive, Range(), state, Progress(disable=True))
    finally:
        await server.stop(0)

    assert stopped == days[0]
    assert ingest.taken == wanted
    assert (tally.accepted, tally.refused) == (len(wanted), 0)
    assert (counts.duplicates, counts.dead_letters) == (0, 0)
