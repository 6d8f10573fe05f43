"""An empty chain of the pipeline's hops: what its path costs when nobody does anything on it.

append (synced) → a blocked reader wakes → commit (synced) → another thread calls over gRPC → a synced write →
a POST whose first byte is noted. ``python -m bench.chain`` prints the percentiles.
"""

from __future__ import annotations

import asyncio
import queue
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import grpc
import httpx
import uvloop

from bench.ingest_servers import KEY
from bench.open_loop import percentile
from bench.own_store import own_store
from sendwhen.chassis.grpc_channel import bearer, open_sync_channel
from sendwhen.chassis.grpc_server import Access, GrpcServer
from sendwhen.chassis.store_pool import open_async_store, open_store

METHOD = "/bench.Chain/Call"
BODY = bytes(250)
EMAILS = 300
PER_S = 20.0


def measure_us() -> list[float]:
    """From append to the provider's first byte, ascending, at the pipeline's rate of emails."""
    with own_store() as url, tempfile.TemporaryDirectory(prefix="sw-") as folder:
        log = Path(folder) / "log"
        provider = _started("bench.provider_log", str(log))
        sender = _started("bench.chain", "sender", url, _line(provider))
        shard = _started("bench.chain", "shard", url, _line(sender))
        _line(shard)
        try:
            appended = uvloop.run(_append(url))
        finally:
            for process in (shard, sender, provider):
                assert process.stdin is not None
                process.stdin.close()
                process.wait(10)
        seen = dict(reversed(line.split(" ", 1)) for line in log.read_text().splitlines())
    return sorted(int(seen[number]) - at_us for number, at_us in appended.items())


def _started(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


async def _append(url: str) -> dict[str, int]:
    appended: dict[str, int] = {}
    async with open_async_store(url) as client:
        for number in range(EMAILS):
            appended[str(number)] = time.time_ns() // 1_000
            await client.xadd("log", {"n": str(number), "b": BODY})
            await asyncio.sleep(1 / PER_S)
    return appended


def _shard(url: str, sender: str) -> None:
    reader, writer = open_store(url), open_store(url)
    handed: queue.SimpleQueue[str] = queue.SimpleQueue()
    call = open_sync_channel(sender).unary_unary(METHOD)

    def push() -> None:
        while True:
            call(handed.get().encode(), metadata=bearer(KEY), timeout=5)

    threading.Thread(target=push, daemon=True).start()

    def read() -> None:
        after = "0"
        while True:
            for _, rows in reader.xread({"log": after}, block=500) or ():
                for entry_id, fields in rows:
                    after = entry_id
                    writer.hset("records", fields[b"n"], BODY)
                    handed.put(fields[b"n"].decode())

    threading.Thread(target=read, daemon=True).start()
    print("ready", flush=True)
    sys.stdin.read()


async def _sender(url: str, provider: str) -> None:
    async with open_async_store(url) as client, httpx.AsyncClient(base_url=provider) as http:

        async def send(number: str) -> None:
            arguments = {"sendwhen_send_id": number, "sendwhen_attempt": "1"}
            body = {"subject": number, "personalizations": [{"custom_args": arguments}]}
            await http.post("/v3/mail/send", json=body, headers={"Authorization": "Bearer x"})

        tasks: set[asyncio.Task[None]] = set()

        async def answer(request: bytes, _context: object) -> bytes:
            await client.set(f"attempt:{request.decode()}", BODY)
            task = asyncio.create_task(send(request.decode()))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            return b""

        def register(server: grpc.aio.Server) -> None:
            handler = grpc.unary_unary_rpc_method_handler(answer)
            server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("bench.Chain", {"Call": handler}),))

        server = GrpcServer(access=Access(default=[KEY]), registers=[register], services=[], listen="127.0.0.1:0")
        await server.start()
        print(f"127.0.0.1:{server.port}", flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        await server.drain(grace_s=0)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["shard", store, target]:
            _shard(store, target)
        case ["sender", store, target]:
            uvloop.run(_sender(store, target))
        case _:
            found = measure_us()
            print(f"p50 {percentile(found, 0.5):,.0f} us, p99 {percentile(found, 0.99):,.0f} us")
