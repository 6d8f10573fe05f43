"""Shards as Ray actors on a local Ray cluster: their actor, their node and their launcher may go; they come back."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest

from services.local.ray_head import RayHead, RayHeadSettings
from tests.backtest.pasts import CART, a_past, archived
from tests.integration.shard_kit import VIEWED, Front, RecordingSender, settings, wait_until
from tests.integration.valkey_process import ValkeyServer

pytestmark = [pytest.mark.integration, pytest.mark.slow]


class Node:
    """One more node of the cluster, in a session of its own."""

    def __init__(self, head: RayHead, folder: Path, name: str) -> None:
        self._log = (folder / f"{name}.log").open("wb")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.ray_node", head.address],
            env={**os.environ, **head.environment},
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )

    def processes(self) -> list[psutil.Process]:
        found = []
        for process in psutil.process_iter():
            try:
                if os.getsid(process.pid) == self.process.pid and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except ProcessLookupError:
                continue
        return found

    def holds(self, pid: int) -> bool:
        return any(process.pid == pid for process in self.processes())

    def kill(self) -> None:
        """The whole node at once, as when its machine loses power."""
        for process in self.processes():
            process.kill()
        self.process.wait()
        self._log.close()


class Cluster:
    """Head, store, sender, front, and the launcher of shards."""

    def __init__(self, *, cpus: int, shards: int) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="sw-")
        folder = Path(self._folder.name)
        self.folder = folder
        self.valkey = ValkeyServer.in_folder(folder / "store")
        self.valkey.start()
        self.sender = RecordingSender()
        self.front = Front(self.valkey.url, partitions=2)
        self.front.put(VIEWED)
        self.head = RayHead(RayHeadSettings(folder=folder / "ray", cpus=cpus, other_nodes=True))
        self.head.start()
        self.nodes: list[Node] = []
        self._environ = dict(os.environ)
        os.environ.update(self.head.environment)
        self.settings = settings(self.valkey.url, self.sender, partitions=2, shards=shards)
        self.shards = self.launcher(generation=1)

    def launcher(self, *, generation: int) -> Any:
        from services.trigger.ray_shards import RayShards

        return RayShards(self.head.address, settings=self.settings, generation=generation)

    def add_node(self) -> Node:
        self.nodes.append(Node(self.head, self.folder, f"node{len(self.nodes)}"))
        return self.nodes[-1]

    def ensure(self) -> None:
        asyncio.run(self.shards.ensure())

    def node_count(self) -> int:
        import ray

        return sum(node["Alive"] for node in ray.nodes())

    def details(self) -> list[Mapping[str, Any]]:
        return asyncio.run(self.shards.details())

    def running(self) -> bool:
        return all(details.get("positions") for details in self.details())

    def works(self, name: str) -> bool:
        """Whether an event in each partition becomes an email."""
        for partition in range(2):
            self.front.happens("Product Viewed", [f"{name}{partition}"], partition)
        wait_until(
            lambda: all(self.sender.who()[f"{name}{p}"] == 1 for p in range(2)), f"emails to {name}", within_s=30
        )
        return True

    def close(self) -> None:
        import ray

        ray.shutdown()
        os.environ.clear()
        os.environ.update(self._environ)
        for node in self.nodes:
            node.kill()
        self.head.stop()
        self.front.close()
        self.sender.close()
        self.valkey.stop()
        self._folder.cleanup()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    # The head's node has no CPU, like the front's in a cluster, so the shards run on the other nodes.
    cluster = Cluster(cpus=0, shards=2)
    cluster.add_node()
    yield cluster
    cluster.close()


def test_shards_run_are_ensured_once_and_start_again_when_their_process_is_killed(cluster: Cluster) -> None:
    cluster.ensure()
    wait_until(cluster.running, "both shards run", within_s=60)
    assert cluster.works("before")
    pids = [details["pid"] for details in cluster.details()]
    cluster.ensure()
    assert [details["pid"] for details in cluster.details()] == pids

    os.kill(pids[0], signal.SIGKILL)

    assert cluster.works("after")
    wait_until(cluster.running, "both shards run again")
    after = [details["pid"] for details in cluster.details()]
    assert (after[0] != pids[0], after[1]) == (True, pids[1])
    cluster.head.check_listeners()
    assert set(cluster.sender.who().values()) == {1}


def test_a_shard_whose_process_hangs_is_replaced(cluster: Cluster) -> None:
    cluster.ensure()
    wait_until(cluster.running, "both shards run", within_s=60)
    hung = cluster.details()[0]["pid"]

    os.kill(hung, signal.SIGSTOP)

    def ended() -> bool:
        cluster.ensure()
        return not psutil.pid_exists(hung) or psutil.Process(hung).status() == psutil.STATUS_ZOMBIE

    wait_until(ended, "the hung one is gone", within_s=100)
    assert cluster.works("replaced")


def test_a_new_generation_replaces_the_shards_and_an_older_one_cannot_take_them_back(cluster: Cluster) -> None:
    cluster.ensure()
    wait_until(cluster.running, "both shards run", within_s=60)
    pids = {details["pid"] for details in cluster.details()}

    newer = cluster.launcher(generation=2)
    asyncio.run(newer.ensure())
    wait_until(lambda: all(d.get("generation") == 2 and d["positions"] for d in cluster.details()), "generation 2 runs")

    assert cluster.works("newer")
    assert pids.isdisjoint({details["pid"] for details in cluster.details()})
    assert {head.generation for head in cluster.front.heads()} == {2}
    asyncio.run(newer.stop())
    assert cluster.details() == [{}, {}]


def test_shards_whose_node_is_killed_go_on_on_another_within_seconds(cluster: Cluster) -> None:
    cluster.shards = cluster.launcher(generation=3)
    cluster.ensure()
    wait_until(cluster.running, "both shards run", within_s=60)
    [first] = cluster.nodes
    assert all(first.holds(details["pid"]) for details in cluster.details())
    assert cluster.works("on-first")
    second = cluster.add_node()
    wait_until(lambda: cluster.node_count() == 3, "the second node has joined")

    cluster.nodes.remove(first)
    first.kill()

    assert cluster.works("on-second")
    wait_until(cluster.running, "both shards answer again")
    assert all(second.holds(details["pid"]) for details in cluster.details())
    assert set(cluster.sender.who().values()) == {1}


def test_a_backtest_is_done_by_the_clusters_nodes_with_the_same_bytes(cluster: Cluster, tmp_path: Path) -> None:
    def report(name: str, *options: str) -> dict[str, bytes]:
        done = backtested(tmp_path, "--report", str(tmp_path / name), *options)
        assert done.returncode == 0, done.stderr
        return {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()}

    alone = report("alone", "--workers", "1")

    assert b'"emails":' in alone["summary.json"]
    assert report("on-ray", "--ray", cluster.head.address) == alone


def test_a_cluster_that_is_not_there_is_told_with_what_to_do(tmp_path: Path) -> None:
    done = backtested(tmp_path, "--ray", "nowhere", "--report", str(tmp_path / "out"))

    assert (done.returncode, "or leave --ray out" in done.stderr) == (1, True), done.stderr


def backtested(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """`sendwhen backtest` of a campaign in the folder over a made-up past."""
    location, campaign = folder / "archive", folder / "cart"
    if not campaign.exists():
        archived(location, a_past(seed=1), a_past(seed=2))
        campaign.mkdir()
    (campaign / "campaign.yaml").write_text(CART)
    for name in ("reminder", "last-call"):
        (campaign / f"{name}.subject.liquid").write_text("Hello")
        (campaign / f"{name}.text.liquid").write_text("Hello")
    command = [sys.executable, "-m", "sendwhen.cli", "backtest", str(campaign), "--events", str(location), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
