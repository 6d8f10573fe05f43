"""The fake SendGrid of the tests in a process of its own: ``python -m bench.provider_log FILE``.

Prints its address; for each message writes its subject and when its first byte came, in microseconds. Ends with its
standard input.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import uvloop

from tests.fakes.fake_sendgrid import FakeSendgrid, Taken


async def _main(path: Path) -> None:
    with path.open("w", encoding="utf-8", buffering=1) as lines:

        def note(taken: Taken) -> None:
            lines.write(f"{taken.first_byte_at_us} {taken.body['subject']}\n")
            fake.taken.clear()

        fake = FakeSendgrid(on_taken=note)
        await fake.start()
        print(fake.url, flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        await fake.stop()


if __name__ == "__main__":
    uvloop.run(_main(Path(sys.argv[1])))
