"""What `/admin/onboarding` computes from `user_activity_events`, and the same by users: probe `windows_onboarding`.

The back end counts events, so that whoever logs in often passes 100 %; an operator wants to know how many users came
that far. The first step knows no user yet. In production the first three steps are 0, as people sign up by Clerk.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from exporters.core.contract import Sample
from exporters.core.in_parts import Look
from exporters.core.label import OTHER
from exporters.readers.postgres_client import Connection, reading
from exporters.sigmasight import names
from exporters.sigmasight import windows_metrics as m
from exporters.sigmasight.labels import EVENT_TYPE
from exporters.sigmasight.windows_bounds import affordable, computed, ratio, share, start

TABLE = "user_activity_events"
MOST_CODES = 20
_W = "created_at >= %(start)s AND created_at <= %(now)s"
_STEPS = f"""
SELECT event_type, count(*), count(DISTINCT user_id) FROM public.user_activity_events
WHERE {_W} AND event_type = ANY(%(steps)s) GROUP BY 1
"""  # noqa: S608 - literals of ours
_ERRORS = f"""
SELECT error_code, event_type, count(*) FROM public.user_activity_events
WHERE {_W} AND error_code IS NOT NULL GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2
"""  # noqa: S608 - literals of ours
_PREFIX = "onboarding."


def look(connection: Connection, now: datetime) -> Look:
    """Every affordable window -> sigmasight_window_onboarding_events{days="7",step="login_success"} 44 and the rest.

    Raises StreamError, SourceDown.
    """
    with reading(connection) as cursor:
        windows = affordable(cursor, TABLE, now)
    samples = list(computed(m.ONBOARDING_COMPUTED, windows))
    for days in windows:
        yield
        values = {"start": start(now, days), "now": now, "steps": [_PREFIX + step for step in m.STEPS]}
        with reading(connection) as cursor:
            steps = {kind.removeprefix(_PREFIX): rest for kind, *rest in cursor.execute(_STEPS, values).fetchall()}
            errors = cursor.execute(_ERRORS, values).fetchall()
        samples += _funnel(str(days), steps)
        samples += _errors(str(days), errors)
    return samples


def _funnel(days: str, found: dict[str, Any]) -> Iterator[Sample]:
    starts, _ = found.get("register_start", (0, 0))
    for step in m.STEPS:
        events, users = found.get(step, (0, 0))
        yield Sample(m.STEP_EVENTS, events, (days, step))
        yield Sample(m.STEP_USERS, users, (days, step))
        yield Sample(m.CONVERSION, ratio(share(events, starts, 1)), (days, step))


def _errors(days: str, rows: Sequence[tuple[str, str, int]]) -> Iterator[Sample]:
    """By code and event; codes are names of classes, anybody's."""
    errors: Counter[tuple[str, str]] = Counter()
    codes: set[str] = set()
    for code, event, count in rows:
        known = names.error_code(code)
        if known not in codes and len(codes) >= MOST_CODES:
            known = OTHER
        codes.add(known)
        errors[known, EVENT_TYPE.clamp(event)] += count
    return (Sample(m.STEP_ERRORS, count, (days, *labels)) for labels, count in errors.items())
