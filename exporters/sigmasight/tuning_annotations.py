"""The annotations of answers as they are now: probe `annotations` over the view `observatory.annotations`.

The table has a row per note an administrator ever made; hundreds, which one scan adds up. Neither what was noted nor
what was suggested leaves the server: the view says only whether there is a suggestion.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from itertools import product

from exporters.core.contract import Sample
from exporters.core.label import OTHER, Label
from exporters.core.metric import Metric
from exporters.readers.postgres_client import Connection, reading
from exporters.sigmasight import names
from exporters.sigmasight import tuning_metrics as m

MOST_TAGS = 20
_ASKED_TAGS = 200
AGES: Mapping[str, timedelta] = {
    "1d": timedelta(days=1), "3d": timedelta(days=3), "7d": timedelta(days=7), "30d": timedelta(days=30),
}  # fmt: skip

_COUNTS = """
SELECT annotation_type, severity, status, with_suggestion, count(*) FROM observatory.annotations GROUP BY 1, 2, 3, 4
"""
_TAGS = """
SELECT left(tag, 100), count(DISTINCT id)
FROM (SELECT id, jsonb_array_elements_text(CASE WHEN jsonb_typeof(tags) = 'array' THEN tags ELSE '[]' END) AS tag
      FROM observatory.annotations) AS given
GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT %(tags)s
"""
_QUEUE = """
SELECT count(*) FILTER (WHERE created_at > %(1d)s),
       count(*) FILTER (WHERE created_at <= %(1d)s AND created_at > %(3d)s),
       count(*) FILTER (WHERE created_at <= %(3d)s AND created_at > %(7d)s),
       count(*) FILTER (WHERE created_at <= %(7d)s AND created_at > %(30d)s),
       count(*) FILTER (WHERE created_at <= %(30d)s),
       extract(epoch FROM min(created_at) FILTER (WHERE isfinite(created_at))),
       (SELECT extract(epoch FROM max(greatest(created_at, updated_at))) FROM observatory.annotations
        WHERE isfinite(created_at) AND isfinite(updated_at) AND updated_at <= %(now)s)
FROM observatory.annotations WHERE status = 'pending'
"""


def collect(connection: Connection, now: datetime) -> list[Sample]:
    """`ai_admin_annotations` -> sigmasight_annotations{annotation_type="flag",status="pending"} 3 and the rest.

    Raises StreamError, SourceDown.
    """
    with reading(connection) as cursor:
        rows = cursor.execute(_COUNTS).fetchall()
        tags = cursor.execute(_TAGS, {"tags": _ASKED_TAGS}).fetchall()
        cursor.execute(_QUEUE, {"now": now, **{name: now - age for name, age in AGES.items()}})
        ((*ages, oldest, changed),) = cursor.fetchall()
    types, severities, suggestions = _zeros(m.TYPE), _zeros(m.SEVERITY), _zeros(m.SUGGESTION)
    for kind, severity, status, suggested, count in rows:
        shown = m.STATUS.clamp(status)
        types[m.TYPE.clamp(kind), shown] += count
        severities[m.SEVERITY.clamp("none" if severity is None else severity or OTHER), shown] += count
        suggestions["yes" if suggested else "no", shown] += count
    return [
        *_samples(m.ANNOTATIONS, types),
        *_samples(m.BY_SEVERITY, severities),
        *_samples(m.BY_SUGGESTION, suggestions),
        *_tags(tags),
        *(Sample(m.QUEUE, count, (age,)) for age, count in zip(m.AGES, ages, strict=True)),
        *([] if oldest is None else [Sample(m.OLDEST_PENDING, float(oldest))]),
        *([] if changed is None else [Sample(m.LAST_CHANGE, float(changed))]),
    ]


def _zeros(label: Label) -> Counter[tuple[str, str]]:
    return Counter(dict.fromkeys(product(label.values or (), m.STATUSES), 0))


def _samples(metric: Metric, counts: Counter[tuple[str, str]]) -> Iterable[Sample]:
    return (Sample(metric, count, labels) for labels, count in counts.items())


def _tags(rows: Iterable[tuple[str, int]]) -> Iterable[Sample]:
    """The most frequent by name; what is no name, and whatever comes after, is `other`."""
    found: Counter[str] = Counter()
    for tag, count in rows:
        known = names.member(tag)
        found[known if known in found or len(found) < MOST_TAGS else OTHER] += count
    return (Sample(m.BY_TAG, count, (tag,)) for tag, count in found.items())
