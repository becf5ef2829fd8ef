"""What the AI database holds: documents of the knowledge base and memories, by scope. Probe `knowledge`.

    SELECT scope, count(*) FROM ai_kb_documents GROUP BY 1   ->  sigmasight_knowledge_documents{scope="global"} 36

Both tables are small (36 seeded documents and one per praised answer; 50 memories per user at most) and have an index
on the scope, so that neither texts nor vectors are touched.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from exporters.core.contract import Sample
from exporters.core.metric import Metric
from exporters.readers.postgres_client import Connection, reading
from exporters.sigmasight import metrics

_COUNTS: tuple[tuple[Metric, str], ...] = (
    (metrics.KNOWLEDGE_DOCUMENTS, "SELECT scope, count(*) FROM public.ai_kb_documents GROUP BY scope"),
    (metrics.MEMORIES, "SELECT scope, count(*) FROM public.ai_memories GROUP BY scope"),
)


def collect(connection: Connection, now: datetime) -> list[Sample]:
    """Both counts, of one snapshot, 0 for a known scope that is empty. Raises StreamError or SourceDown."""
    del now
    samples: list[Sample] = []
    with reading(connection) as tx:
        for metric, query in _COUNTS:
            scope = metric.own_labels[0]
            found = Counter(dict.fromkeys(scope.values or (), 0))
            for value, number in tx.execute(query).fetchall():
                found[scope.clamp(value)] += number
            samples += [Sample(metric, float(number), (value,)) for value, number in found.items()]
    return samples
