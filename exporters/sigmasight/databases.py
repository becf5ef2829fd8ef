"""One deployment of SigmaSight -> its sources `core` and `ai`: a connection each, which can only read.

Where one database is both, they are two connections to it: what is read of one never waits for the other.
"""

from __future__ import annotations

from functools import partial

from exporters.core.contract import Probe, Source
from exporters.core.prices import PriceTable
from exporters.core.pseudonym import Pseudonyms
from exporters.readers import postgres_client
from exporters.readers.postgres_account import log_in
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
        connect=partial(log_in, settings.core),
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
        connect=partial(log_in, settings.ai_database),
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
