"""Reads ``quiet_then``, ``nth``, ``recency`` and ``session_end``."""

from __future__ import annotations

from ruamel.yaml.nodes import Node

from sendwhen.campaigns.filter_reader import EVENT, FilterReader
from sendwhen.campaigns.language_triggers import TRIGGER_MAPS
from sendwhen.domain.trigger_kinds import Nth, QuietThen, Recency, SessionEnd

ORDINAL_LIMIT = 1_000_000
"""The highest ordinal that can be asked for."""


def read_quiet_then(node: Node, filters: FilterReader) -> QuietThen | None:
    """The trigger; None (noted) where it is wrong."""
    words = filters.words
    entries = words.words_of(node, TRIGGER_MAPS["quiet_then"])
    quiet_of = filters.filter(entries["quiet_of"], EVENT) if "quiet_of" in entries else None
    quiet = words.span(entries.get("for"), "for")
    then = filters.filter(entries["then"], EVENT) if "then" in entries else None
    if quiet_of is None or quiet is None or then is None:
        return None
    return QuietThen(quiet_of=quiet_of, quiet=quiet, then=then)


def read_nth(node: Node, filters: FilterReader) -> Nth | None:
    """The same."""
    words = filters.words
    entries = words.words_of(node, TRIGGER_MAPS["nth"])
    of = filters.filter(entries["of"], EVENT) if "of" in entries else None
    ordinal = words.whole(entries.get("ordinal"), "ordinal", 1, ORDINAL_LIMIT)
    return None if of is None or ordinal is None else Nth(of=of, ordinal=ordinal)


def read_recency(node: Node, filters: FilterReader) -> Recency | None:
    """The same."""
    words = filters.words
    entries = words.words_of(node, TRIGGER_MAPS["recency"])
    of = filters.filter(entries["of"], EVENT) if "of" in entries else None
    since = words.span(entries.get("for"), "for")
    return None if of is None or since is None else Recency(of=of, since=since)


def read_session_end(node: Node, filters: FilterReader) -> SessionEnd | None:
    """The same."""
    words = filters.words
    entries = words.words_of(node, TRIGGER_MAPS["session_end"])
    of = filters.filter(entries["of"], EVENT) if "of" in entries else None
    gap = words.span(entries.get("gap"), "gap")
    return None if of is None or gap is None else SessionEnd(of=of, gap=gap)
