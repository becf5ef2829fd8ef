"""One deployment of SigmaSight -> its sources `core` and `ai`: a connection each, which can only read.

Where one database is both, they are two connections to it: what is read of one never waits for the other.
"""

from __future__ import annotations

from functools import partial

from exporters.core.contract import Probe, Source
from exporters.core.errors import ConfigError, SourceDown
from exporters.core.prices import PriceTable
from exporters.core.pseudonym import Pseudonyms
from exporters.readers import postgres_client
from exporters.readers.postgres_settings import PostgresSettings
from exporters.sigmasight import batch_stream, days_streams, knowledge_view, metrics, probes_system, streams_core
from exporters.sigmasight.settings import SigmaSightSettings

SYSTEM_NAME = "sigmasight"


def core_source(
    settings: SigmaSightSettings, hash_key: bytes, prices: PriceTable | None
) -> Source[postgres_client.Connection]:
    """What the back end writes to its core database."""
    ids = Pseudonyms(hash_key)
    return Source(
        system=SYSTEM_NAME,
        deployment=settings.deployment,
        name="core",
        connect=partial(connect, settings.core),
        close=postgres_client.close,
        streams=(
            streams_core.ai_requests(settings, hash_key, ids, prices),
            streams_core.ai_messages(settings, hash_key),
            streams_core.activity(settings, hash_key, ids),
            batch_stream.batch_runs(settings.interval, hash_key),
            *days_streams.day_streams(settings.interval, prices),
        ),
        probes=probes_system.core_probes(settings.interval),
    )


def ai_source(settings: SigmaSightSettings) -> Source[postgres_client.Connection]:
    """What it keeps in its AI database."""
    return Source(
        system=SYSTEM_NAME,
        deployment=settings.deployment,
        name="ai",
        connect=partial(connect, settings.ai_database),
        close=postgres_client.close,
        streams=(),
        probes=(
            Probe(
                name="knowledge",
                interval=settings.interval("knowledge"),
                collect=knowledge_view.collect,
                feeds=(metrics.KNOWLEDGE_DOCUMENTS, metrics.MEMORIES),
            ),
            *probes_system.ai_probes(settings.interval),
        ),
    )


def connect(database: PostgresSettings) -> postgres_client.Connection:
    """One connection, with the password as its file holds it now. Raises SourceDown."""
    try:
        password = database.secret()
    except ConfigError as error:
        raise SourceDown("auth", "; ".join(error.problems)) from None
    return postgres_client.connect(
        host=database.host,
        port=database.port,
        user=database.user,
        dbname=database.dbname,
        password=password,
        tls=postgres_client.Tls(
            mode=database.sslmode,
            ca_file=database.ca_file,
            certificate_file=database.cert_file,
            key_file=database.key_file,
        ),
        timeout=database.timeout_seconds,
    )
