"""HER's streams as one deployment configures them, without a Redis behind them."""

from __future__ import annotations

from typing import Any

from exporters.core.contract import Stream
from exporters.core.pseudonym import Pseudonyms
from exporters.her.settings import HerSettings
from exporters.her.sources import sources

HASH_KEY = b"a hash key of our own making, 32+"
IDS = Pseudonyms(HASH_KEY)
ALL_TEXT = {"chats": True, "executions": True, "logs": True, "decisions": True, "workflow": True}


def settings(**given: Any) -> HerSettings:
    """The settings of a deployment; the host is never connected to."""
    return HerSettings(**{"redis": {"host": "127.0.0.1"}, **given})


def streams(**text: bool) -> dict[str, Stream[Any, Any, Any]]:
    """Every stream by name, with these texts switched on."""
    (source,) = sources(settings(text=text), HASH_KEY)
    return {stream.name: stream for stream in source.streams}
