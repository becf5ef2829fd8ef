"""One deployment of HER -> its source `postgres`: one connection that can only read, three streams, eight probes."""

from __future__ import annotations

from functools import partial

from exporters.core.contract import Source
from exporters.her import streams_rows
from exporters.her.copies import Copies
from exporters.her.settings import HerPostgresSettings, HerSettings
from exporters.her.sql_probes import sql_probes
from exporters.readers import postgres_client
from exporters.readers.postgres_account import log_in

SOURCE_NAME = "postgres"


def rows_source(
    settings: HerSettings, postgres: HerPostgresSettings, hash_key: bytes, copies: Copies
) -> Source[postgres_client.Connection]:
    """The source. copies: shared with the stream `decisions` of the source `redis`."""
    return Source(
        system="her",
        deployment=settings.deployment,
        name=SOURCE_NAME,
        connect=partial(log_in, postgres),
        close=postgres_client.close,
        streams=(
            streams_rows.decision_rows(settings, hash_key, copies),
            streams_rows.proactive_audit(settings, hash_key),
            streams_rows.reflection_rows(settings, hash_key),
        ),
        probes=sql_probes(settings),
    )
