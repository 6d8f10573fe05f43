"""An email as bytes: headers, a plain text and an HTML part.

Written out by hand, because the standard library's generator takes 2 ms for each email, twice as long as everything
else that sender does with it. A test reads what is written here back with the standard library's parser.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from email.header import Header
from hashlib import blake2b

_LINE_CHARACTERS_MAX = 900
"""Lines of mail are at most 998 characters long; longer ones, and what is not ASCII, travel as base64."""


def mail_bytes(headers: Mapping[str, str], *, text: str, html: str) -> bytes:
    """The email, with lines ending in CRLF.

    A header's value may hold any text: line breaks become blanks, so that no value can add a header.
    """
    lines = [f"{name}: {_header_value(name, value)}" for name, value in headers.items()]
    lines.append("MIME-Version: 1.0")
    if not html:
        return _joined([*lines, *_part("plain", text)])
    boundary = "=_" + blake2b(f"{text}\0{html}".encode(), digest_size=12).hexdigest()
    lines += [
        f'Content-Type: multipart/alternative; boundary="{boundary}"',
        "",
        f"--{boundary}",
        *_part("plain", text),
        f"--{boundary}",
        *_part("html", html),
        f"--{boundary}--",
        "",
    ]
    return _joined(lines)


def _joined(lines: list[str]) -> bytes:
    return "\r\n".join(lines).encode()


def _part(kind: str, content: str) -> list[str]:
    head = f'Content-Type: text/{kind}; charset="utf-8"'
    lines = content.splitlines()
    if content.isascii() and all(len(line) <= _LINE_CHARACTERS_MAX for line in lines):
        return [head, "Content-Transfer-Encoding: 7bit", "", *lines, ""]
    encoded = base64.encodebytes(content.encode()).decode("ascii").splitlines()
    return [head, "Content-Transfer-Encoding: base64", "", *encoded, ""]


def _header_value(name: str, value: str) -> str:
    flat = " ".join(value.split())
    if flat.isascii() and len(flat) <= _LINE_CHARACTERS_MAX:
        return flat
    # Its own folding is asked for, with the line ends that the rest of the email has.
    return Header(flat, "utf-8", header_name=name).encode(linesep="\r\n")
