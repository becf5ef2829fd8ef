"""What `/admin/ai/tuning/summary` and the two feedback pages compute, by window: probe `windows_tuning`.

The windows have no end. Each table is read once for all of them; neither has many rows, and ai_feedback has no index on
its time anyway. The back end leaves annotations without a severity out of its counts by severity: here they are `none`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import product
from typing import Any

from exporters.core.contract import Sample
from exporters.core.label import OTHER, Label
from exporters.readers.postgres_client import Connection, reading
from exporters.sigmasight import tuning_metrics as t
from exporters.sigmasight import windows_metrics as m
from exporters.sigmasight.windows_bounds import rounded, share, start

_G = ", ".join(f"count(*) FILTER (WHERE created_at >= %(start{days})s)" for days in m.WINDOWS)
_ANNOTATIONS = f"""
SELECT annotation_type, severity, status, with_suggestion, {_G} FROM observatory.annotations GROUP BY 1, 2, 3, 4
"""  # noqa: S608 - literals of ours
_FEEDBACK = f"""
SELECT rating, with_edit, with_comment, with_edit_text, with_comment_text, {_G}
FROM observatory.feedback GROUP BY 1, 2, 3, 4, 5
"""  # noqa: S608 - literals of ours
_PARTS = (("edit", "not_null"), ("comment", "not_null"), ("edit", "not_empty"), ("comment", "not_empty"))
_DAYS = tuple(str(days) for days in m.WINDOWS)


def collect(connection: Connection, now: datetime) -> list[Sample]:
    """Every window -> sigmasight_window_feedback{days="30",rating="up"} 44 and the rest.

    Raises StreamError, SourceDown.
    """
    values = {f"start{days}": start(now, days) for days in m.WINDOWS}
    with reading(connection) as cursor:
        annotations = cursor.execute(_ANNOTATIONS, values).fetchall()
        feedback = cursor.execute(_FEEDBACK, values).fetchall()
    return [*_annotations(annotations), *_feedback(feedback)]


def _annotations(rows: Sequence[Any]) -> Iterator[Sample]:
    types, severities, statuses = _zeros(t.TYPE), _zeros(t.SEVERITY), _zeros(t.STATUS)
    suggested: Counter[str] = Counter(dict.fromkeys(_DAYS, 0))
    for kind, severity, status, with_suggestion, *counts in rows:
        for days, count in zip(_DAYS, counts, strict=True):
            types[days, t.TYPE.clamp(kind)] += count
            severities[days, t.SEVERITY.clamp("none" if severity is None else severity or OTHER)] += count
            statuses[days, t.STATUS.clamp(status)] += count
            suggested[days] += count if with_suggestion else 0
    for metric, found in (
        (m.ANNOTATIONS, types),
        (m.ANNOTATION_SEVERITY, severities),
        (m.ANNOTATION_STATUS, statuses),
    ):
        yield from (Sample(metric, count, labels) for labels, count in found.items())
    yield from (Sample(m.SUGGESTED, count, (days,)) for days, count in suggested.items())


def _feedback(rows: Sequence[Any]) -> Iterator[Sample]:
    ratings = _zeros(t.RATING)
    parts: Counter[tuple[str, str, str]] = Counter({(days, *part): 0 for days, part in product(_DAYS, _PARTS)})
    for rating, *rest in rows:
        given, counts = rest[: len(_PARTS)], rest[len(_PARTS) :]
        for days, count in zip(_DAYS, counts, strict=True):
            ratings[days, t.RATING.clamp(rating)] += count
            for part, there in zip(_PARTS, given, strict=True):
                parts[(days, *part)] += count if there else 0
    yield from (Sample(m.FEEDBACK, count, labels) for labels, count in ratings.items())
    yield from (Sample(m.FEEDBACK_WITH, count, labels) for labels, count in parts.items())
    for days in _DAYS:
        total = sum(count for (shown, _), count in ratings.items() if shown == days)
        # A ratio of three decimals there, and not a percentage.
        positive = rounded(share(ratings[days, "up"], total, 12) / 100, 3)
        yield Sample(m.POSITIVE, float(positive), (days,))


def _zeros(label: Label) -> Counter[tuple[str, str]]:
    return Counter(dict.fromkeys(product(_DAYS, label.values or ()), 0))
