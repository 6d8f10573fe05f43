"""Ray's head as a part of the installation: ``python -m services.local.ray_part FOLDER``.

A process of its own, so that Ray's many processes end with it in good order when the supervisor stops it or dies. Once
actors can be created, FOLDER/address says where; the file goes when the head goes.
"""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

from sendwhen.chassis.logs import configure_logs
from sendwhen.errors import SendwhenError
from services.local.ray_head import RayHead, RayHeadSettings

LOOK_EVERY_S = 0.2


class _Asked(Exception):
    """Someone wants this process to end."""


def address_file(folder: Path) -> Path:
    """Where the head's address stands while it runs."""
    return folder / "address"


def main(folder: Path) -> int:
    """Run a head until asked to stop (0) or until it dies (1)."""
    configure_logs("ray")
    address = address_file(folder)
    address.unlink(missing_ok=True)
    head = RayHead(RayHeadSettings(folder=folder))
    signal.signal(signal.SIGTERM, _raise_asked)
    signal.signal(signal.SIGINT, _raise_asked)
    try:
        head.start()
        fresh = address.with_suffix(".new")
        fresh.write_text(head.address, encoding="ascii")
        fresh.replace(address)
        while head.alive():
            time.sleep(LOOK_EVERY_S)
        print("Ray's head died.", file=sys.stderr)
        return 1
    except _Asked:
        return 0
    except SendwhenError as error:
        print(error, file=sys.stderr)
        return 2
    finally:
        # A second signal must not leave half of Ray's processes behind.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        address.unlink(missing_ok=True)
        head.stop()


def _raise_asked(_number: int, _frame: object) -> None:
    raise _Asked


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
