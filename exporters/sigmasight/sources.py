"""One deployment of SigmaSight -> its sources. Nothing is loaded before it is needed: a host may lack libpq."""

from __future__ import annotations

from typing import Any

from exporters.core.contract import Source
from exporters.sigmasight.settings import SigmaSightSettings


def sources(settings: SigmaSightSettings, hash_key: bytes) -> tuple[Source[Any], ...]:
    """Its core and its AI database. hash_key keys the hashes of ids and of rows.

    ConfigError if that is too short, or if the price table cannot be read any more.
    """
    from exporters.sigmasight import databases

    return (databases.core_source(settings, hash_key, settings.prices()), databases.ai_source(settings))
