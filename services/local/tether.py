"""Starts a program that dies when the process that started it dies: ``python tether.py PARENT_PID PROGRAM ARGS…``.

Run by path, in an interpreter of its own, because setting this between fork and exec of a process with threads is
unsafe.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(parent: int, command: list[str]) -> None:
    """Become ``command``, tied to ``parent``."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    # The parent may have died before the line above took effect.
    if os.getppid() != parent:
        sys.exit(1)
    os.execvp(command[0], command)  # noqa: S606  becoming the given program is the purpose


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
