"""What HER's small tables say now, as gauges: users, autonomy profiles, moods, the schedule.

Each is one aggregate over a table with a row per user or per task, in one statement of one read-only transaction.
No name, id or text of a row leaves the server.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import available_timezones

from exporters.core.contract import Sample
from exporters.core.label import OTHER
from exporters.her import sql_metrics as m
from exporters.her.labels import MOOD
from exporters.readers.postgres_client import Connection, reading

OVERDUE_SECONDS = 60
"""The scheduler looks once a minute; a job that is due within that is not late."""
WINDOWS = {"24h": timedelta(days=1), "7d": timedelta(days=7), "30d": timedelta(days=30)}
MOST_ZONES = 40

_USERS = """
SELECT count(*),
       count(*) FILTER (WHERE last_interaction > %(24h)s),
       count(*) FILTER (WHERE last_interaction > %(7d)s),
       count(*) FILTER (WHERE last_interaction > %(30d)s),
       extract(epoch FROM max(last_interaction))
FROM users WHERE user_id <> 'system'
"""
_ZONES = """
SELECT coalesce(preferences ->> 'user_timezone', ''), count(*)
FROM users WHERE user_id <> 'system' GROUP BY 1 ORDER BY 2 DESC, 1
"""
_PROFILES = """
SELECT count(*), avg(engagement_score), avg(initiative_level),
       coalesce(sum(messages_sent_today) FILTER (WHERE proactive_day = %(today)s), 0),
       coalesce(sum(error_count_today) FILTER (WHERE proactive_day = %(today)s), 0)
FROM autonomy_profiles
"""
_MOODS = "SELECT current_mood, count(*), sum(mood_intensity), count(mood_intensity) FROM emotional_states GROUP BY 1"
_JOBS = """
SELECT CASE WHEN id LIKE 'system:%%' THEN 'system' WHEN id LIKE 'task:%%' THEN 'task' ELSE 'other' END,
       count(*) FILTER (WHERE next_run_time >= %(late)s),
       count(*) FILTER (WHERE next_run_time < %(late)s),
       count(*) FILTER (WHERE next_run_time IS NULL),
       min(next_run_time)
FROM apscheduler_jobs GROUP BY 1
"""


def known_users(connection: Connection, now: datetime) -> list[Sample]:
    """`users` -> her_known_users 12, her_active_users{window="24h"} 3, her_user_last_activity_timestamp_seconds.

    Raises StreamError, SourceDown.
    """
    with reading(connection) as cursor:
        cursor.execute(_USERS, {window: now - back for window, back in WINDOWS.items()})
        ((total, *active, newest),) = cursor.fetchall()
    return [
        Sample(m.KNOWN_USERS, total),
        *(Sample(m.ACTIVE_USERS, count, (window,)) for window, count in zip(WINDOWS, active, strict=True)),
        *([] if newest is None else [Sample(m.USER_LAST_ACTIVITY, float(newest))]),
    ]


def user_timezones(connection: Connection, _now: datetime) -> list[Sample]:
    """`users.preferences` -> her_user_timezones{timezone="Europe/Rome"} 4. What is no IANA zone is `other`.

    Raises StreamError (no_permission where the account may not read this column, which also holds names), SourceDown.
    """
    with reading(connection) as cursor:
        cursor.execute(_ZONES)
        rows = cursor.fetchall()
    known = available_timezones()
    zones: Counter[str] = Counter()
    for zone, count in rows:
        name = zone if zone in known else OTHER if zone else "unset"
        zones[name if len(zones) < MOST_ZONES or name in zones else OTHER] += count
    return [Sample(m.USER_TIMEZONES, count, (zone,)) for zone, count in zones.items()]


def autonomy_profiles(connection: Connection, now: datetime) -> list[Sample]:
    """`autonomy_profiles` -> her_autonomy_profiles and the means and sums beside it. Raises StreamError, SourceDown."""
    with reading(connection) as cursor:
        cursor.execute(_PROFILES, {"today": now.astimezone(UTC).date()})
        ((total, engagement, initiative, sent, errors),) = cursor.fetchall()
    return [
        Sample(m.AUTONOMY_PROFILES, total),
        Sample(m.PROFILE_SENT_TODAY, float(sent)),
        Sample(m.PROFILE_ERRORS_TODAY, float(errors)),
        *([] if engagement is None else [Sample(m.PROFILE_ENGAGEMENT, engagement)]),
        *([] if initiative is None else [Sample(m.PROFILE_INITIATIVE, initiative)]),
    ]


def emotional_states(connection: Connection, _now: datetime) -> list[Sample]:
    """`emotional_states` -> her_emotional_states{mood="calm"} 7, her_emotional_intensity_ratio.

    Raises StreamError, SourceDown.
    """
    with reading(connection) as cursor:
        cursor.execute(_MOODS)
        rows = cursor.fetchall()
    moods: Counter[str] = Counter()
    for mood, count, _, _ in rows:
        moods[MOOD.clamp(mood or "")] += count
    shown = (*(MOOD.values or ()), *((OTHER,) if moods[OTHER] else ()))
    samples = [Sample(m.MOODS, moods[mood], (mood,)) for mood in shown]
    measured = sum(count for _, _, _, count in rows)
    if measured:
        samples.append(Sample(m.MOOD_INTENSITY, sum(total or 0.0 for _, _, total, _ in rows) / measured))
    return samples


def scheduled_jobs(connection: Connection, now: datetime) -> list[Sample]:
    """`apscheduler_jobs` -> her_scheduled_jobs{kind,state}, her_scheduled_next_run_timestamp_seconds{kind}.

    The schedule as it is now; the published one in Redis can be an hour old. Only the beginning of a job's id is
    looked at, and its pickled state never. A kind without jobs has no next run. Raises StreamError (missing where
    HER's scheduler keeps its jobs in another database), SourceDown.
    """
    with reading(connection) as cursor:
        cursor.execute(_JOBS, {"late": now.timestamp() - OVERDUE_SECONDS})
        rows = {kind: rest for kind, *rest in cursor.fetchall()}
    samples = []
    kinds = (*(m.JOB_KIND.values or ()), *((OTHER,) if OTHER in rows else ()))
    for kind in kinds:
        planned, overdue, paused, first = rows.get(kind, (0, 0, 0, None))
        for state, count in (("planned", planned), ("overdue", overdue), ("paused", paused)):
            samples.append(Sample(m.SCHEDULED_JOBS, count, (kind, state)))
        if first is not None:
            samples.append(Sample(m.SCHEDULED_NEXT, first, (kind,)))
    return samples
