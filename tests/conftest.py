"""What every test lives under: fixed seeds, no Ray by accident, no address but this machine's."""

from __future__ import annotations

import asyncio
import functools
import inspect
import os
import socket
from collections.abc import Generator
from typing import Any

import pytest
import uvloop
from hypothesis import HealthCheck, settings
from xdist.scheduler.loadscope import LoadScopeScheduling  # type: ignore[import-untyped]

# Ray reads these when it is imported, whichever test imports it first: otherwise it listens on all interfaces, and
# knows no tokens.
os.environ.update(RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER="0", RAY_AUTH_MODE="token", RAY_grpc_enable_http_proxy="0")

settings.register_profile(
    "sendwhen",
    deadline=None,  # two noisy cores: a slow example is no failure
    derandomize=True,  # the same examples every time; a failure prints its own blob to repeat it
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("sendwhen")


# Their modules share one installation, or one Ray, among their tests: a module stays with one worker.
_TOGETHER = ("tests/e2e/", "tests/real/", "tests/integration/test_shards_ray", "tests/integration/test_ray_head")


class _ModulesOrTests(LoadScopeScheduling):  # type: ignore[misc]
    """Keeps together what is dear to set up; all else goes to whichever worker is free."""

    # Not `--dist loadgroup`: what xdist 3.8 does for it has no effect under pytest 9.2.
    def _split_scope(self, nodeid: str) -> str:
        return nodeid.partition("::")[0] if nodeid.startswith(_TOGETHER) else nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """How tests are shared among workers."""
    return _ModulesOrTests(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest come first."""
    items.sort(key=lambda item: [item.get_closest_marker(mark) is None for mark in ("slow", "integration")])


@functools.cache
def _one_loop() -> asyncio.AbstractEventLoop:
    # One for the whole session: gRPC's poller outlives a loop and must not find it closed.
    return uvloop.new_event_loop()


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run coroutine tests, on the loop that production runs on."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    _one_loop().run_until_complete(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In continuous integration a test that skips itself has failed, unless it needs data that is not ours."""
    report = yield
    may_skip = hasattr(report, "wasxfail") or item.get_closest_marker("external_data") is not None
    if report.skipped and os.environ.get("CI") == "true" and not may_skip:
        report.outcome = "failed"
        report.longrepr = f"Skipped, which only tests of external data may be here: {report.longrepr}"
    return report


_LOOPBACK = ("127.", "::1", "localhost")


@pytest.fixture(autouse=True)
def only_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test may connect to an address that is not this machine's."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not str(address[0]).startswith(_LOOPBACK):
            raise AssertionError(f"A test connects to {address}. Tests talk to 127.0.0.1 only.")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)
    return


@pytest.fixture(autouse=True)
def no_ray_by_accident(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only integration tests start Ray: everything else must be testable without it."""
    if request.node.get_closest_marker("integration") is None:

        def refuse(*_args: object, **_more: object) -> None:
            raise AssertionError("This test starts Ray. Test the shard host instead, or mark the test as integration.")

        import ray

        monkeypatch.setattr(ray, "init", refuse)
    return
