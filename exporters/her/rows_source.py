"""One deployment of HER -> its source `postgres`: one connection that can only read, three streams, eight probes."""

from __future__ import annotations

from functools import partial

from exporters.core.contract import Source
from exporters.core.errors import ConfigError, SourceDown
from exporters.her import streams_rows
from exporters.her.copies import Copies
from exporters.her.settings import HerSettings, PostgresSettings
from exporters.her.sql_probes import sql_probes
from exporters.readers import postgres_client

SOURCE_NAME = "postgres"


def rows_source(
    settings: HerSettings, postgres: PostgresSettings, hash_key: bytes, copies: Copies
) -> Source[postgres_client.Connection]:
    """The source. copies: shared with the stream `decisions` of the source `redis`."""
    return Source(
        system="her",
        deployment=settings.deployment,
        name=SOURCE_NAME,
        connect=partial(connect, postgres),
        close=postgres_client.close,
        streams=(
            streams_rows.decision_rows(settings, hash_key, copies),
            streams_rows.proactive_audit(settings, hash_key),
            streams_rows.reflection_rows(settings, hash_key),
        ),
        probes=sql_probes(settings),
    )


def connect(postgres: PostgresSettings) -> postgres_client.Connection:
    """One connection, with the password as its file holds it now. Raises SourceDown."""
    try:
        password = postgres.secret()
    except ConfigError as error:
        raise SourceDown("auth", "; ".join(error.problems)) from None
    return postgres_client.connect(
        host=postgres.host,
        port=postgres.port,
        user=postgres.user,
        dbname=postgres.dbname,
        password=password,
        tls=postgres_client.Tls(
            mode=postgres.sslmode,
            ca_file=postgres.ca_file,
            certificate_file=postgres.cert_file,
            key_file=postgres.key_file,
        ),
        timeout=postgres.timeout_seconds,
    )
