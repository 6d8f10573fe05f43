"""Addresses of this machine for servers that must be told theirs before they start."""

from __future__ import annotations

import socket


def free_address() -> str:
    """One on which nobody listens just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"
