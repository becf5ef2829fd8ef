"""Ratings as they are now, from the AI database alone: probe `ratings` over the view `observatory.feedback`.

A second rating of an answer overwrites the first in place: it is one rating. There is no index on its time and none is
needed, as the table is read whole: a row per rated answer.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from exporters.core.contract import Sample
from exporters.readers.postgres_client import Connection, reading
from exporters.sigmasight import tuning_metrics as m

_RATINGS = """
SELECT rating, count(*), count(*) FILTER (WHERE with_edit), count(*) FILTER (WHERE with_comment),
       count(*) FILTER (WHERE with_edit_text), count(*) FILTER (WHERE with_comment_text)
FROM observatory.feedback GROUP BY 1
"""
_PARTS = (("edit", "not_null"), ("comment", "not_null"), ("edit", "not_empty"), ("comment", "not_empty"))


def collect(connection: Connection, _now: datetime) -> list[Sample]:
    """`ai_feedback` -> sigmasight_feedback{rating="up"} 31 and, by both definitions, those with edits and comments.

    Raises StreamError, SourceDown.
    """
    with reading(connection) as cursor:
        rows = cursor.execute(_RATINGS).fetchall()
    ratings: Counter[str] = Counter(dict.fromkeys(m.RATINGS, 0))
    parts: Counter[tuple[str, str]] = Counter(dict.fromkeys(_PARTS, 0))
    for rating, count, *with_parts in rows:
        ratings[m.RATING.clamp(rating)] += count
        parts.update(dict(zip(_PARTS, with_parts, strict=True)))
    return [
        *(Sample(m.FEEDBACK, count, (rating,)) for rating, count in ratings.items()),
        *(Sample(m.FEEDBACK_WITH, count, labels) for labels, count in parts.items()),
    ]
