"""How the knowledge base grows, and about how many users something is remembered: probe `learning`."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

from exporters.core.contract import Sample
from exporters.readers.postgres_client import Connection, reading
from exporters.sigmasight import tuning_metrics as m
from exporters.sigmasight.labels import DOCUMENT_SCOPE

WINDOWS = {"24h": timedelta(hours=24), "7d": timedelta(days=7), "30d": timedelta(days=30)}
MOST_MEMORIES = 200_000
"""Entries of the index that are looked at; with more, nobody knows how many users there are."""

_DOCUMENTS = """
SELECT scope, count(*) FILTER (WHERE created_at >= %(24h)s), count(*) FILTER (WHERE created_at >= %(7d)s),
       count(*) FILTER (WHERE created_at >= %(30d)s),
       extract(epoch FROM max(created_at) FILTER (WHERE isfinite(created_at)))
FROM public.ai_kb_documents GROUP BY 1
"""
_USERS = """
SELECT count(*), count(DISTINCT user_id)
FROM (SELECT user_id FROM observatory.memories WHERE user_id IS NOT NULL LIMIT %(most)s) AS kept
"""


def collect(connection: Connection, now: datetime) -> list[Sample]:
    """Both tables -> sigmasight_knowledge_documents_made{scope="global",window="7d"} 2, sigmasight_memory_users 12.

    Raises StreamError, SourceDown.
    """
    with reading(connection) as cursor:
        cursor.execute(_DOCUMENTS, {window: now - back for window, back in WINDOWS.items()})
        documents = cursor.fetchall()
        cursor.execute(_USERS, {"most": MOST_MEMORIES + 1})
        ((memories, users),) = cursor.fetchall()
    made = Counter({(scope, window): 0 for scope in DOCUMENT_SCOPE.values or () for window in WINDOWS})
    newest: dict[str, float] = {}
    for scope, *counts, last in documents:
        known = DOCUMENT_SCOPE.clamp(scope)
        for window, count in zip(WINDOWS, counts, strict=True):
            made[known, window] += count
        if last is not None:
            newest[known] = max(newest.get(known, float(last)), float(last))
    return [
        *(Sample(m.DOCUMENTS_MADE, count, labels) for labels, count in made.items()),
        *(Sample(m.NEWEST_DOCUMENT, last, (scope,)) for scope, last in newest.items()),
        *([] if memories > MOST_MEMORIES else [Sample(m.MEMORY_USERS, users)]),
    ]
