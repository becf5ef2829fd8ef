"""One deployment of SigmaSight -> its sources. Nothing is loaded before it is needed: a host may lack libpq."""

from __future__ import annotations

from typing import Any

from exporters.core.contract import Source
from exporters.sigmasight.settings import SigmaSightSettings


def sources(settings: SigmaSightSettings, hash_key: bytes) -> tuple[Source[Any], ...]:
    """Its core and its AI database, both together, and its back end and log where they are configured.

    hash_key keys the hashes of ids and of rows. ConfigError if that is too short, or if the price table cannot be read
    any more.
    """
    from exporters.sigmasight import databases, health_log, health_probe, tuning_source

    found: list[Source[Any]] = [
        databases.core_source(settings, hash_key, settings.prices()),
        databases.ai_source(settings),
        tuning_source.ratings_source(settings, settings.interval),
    ]
    if (backend := settings.backend) is not None:
        found.append(
            health_probe.backend_source(settings.deployment, backend.url, settings.interval, ca_file=backend.ca_file)
        )
    if (log := settings.log) is not None:
        found.append(
            health_log.log_source(settings.deployment, log.path, settings.interval, hash_key, keep_text=log.text)
        )
    return tuple(found)
