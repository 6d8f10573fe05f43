"""A store that greets like one and answers each command with the bytes that a test gives."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hiredis

GREETING = (b"AUTH", b"HELLO", b"SELECT", b"CLIENT")
ANY_READER: Any = hiredis.Reader
"""Its stub knows no arguments; commands are lists of bytes, which it reads like replies."""


class ScriptedStore:
    """Listens on a Unix socket, or with ``tls`` on a port of this machine, until closed.

    Attributes:
        answer: The bytes sent for a command; None closes the connection.
        greeted: Commands of the greetings so far.
        connections: How many there have been.
    """

    def __init__(self, folder: Path, *, tls: ssl.SSLContext | None = None) -> None:
        self.answer: Callable[[list[bytes]], bytes | None] = lambda _command: b"+OK\r\n"
        self.greeted: list[list[bytes]] = []
        self.connections = 0
        self._tls = tls
        self._open: list[socket.socket] = []
        if tls is None:
            self._listener = socket.socket(socket.AF_UNIX)
            self._listener.bind(str(folder / "s.sock"))
            self.address = f"unix://{folder / 's.sock'}?"
        else:
            self._listener = socket.create_server(("127.0.0.1", 0))
            self.address = f"rediss://localhost:{self._listener.getsockname()[1]}/0?"
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def send(self, data: bytes) -> None:
        """Send what nobody has asked for, on the connection made last."""
        self._open[-1].sendall(data)

    def close(self) -> None:
        """Close everything."""
        self._listener.close()
        for connection in self._open:
            connection.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
                if self._tls is not None:
                    connection = self._tls.wrap_socket(connection, server_side=True)
            except OSError:
                return
            self._open.append(connection)
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        commands = ANY_READER(notEnoughData=None)
        try:
            while data := connection.recv(1 << 16):
                commands.feed(data)
                while (command := commands.gets()) is not None:
                    if command[0] in GREETING:
                        self.greeted.append(command)
                        reply: bytes | None = b"+OK\r\n"
                    else:
                        reply = self.answer(command)
                    if reply is None:
                        connection.shutdown(socket.SHUT_RDWR)
                        return
                    connection.sendall(reply)
        except OSError:
            return  # the other side has gone: that is what tests do
