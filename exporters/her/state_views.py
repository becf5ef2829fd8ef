"""What HER's documents say now, as gauges: the probes users, scheduler_state and capabilities."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from statistics import fmean
from typing import TypeVar

import redis

from exporters.core.contract import Sample
from exporters.core.errors import Rejected, StreamError
from exporters.core.label import OTHER
from exporters.her import metrics, system_metrics
from exporters.her.events_scheduler import AutonomyRow, SchedulerState, parse_scheduler_state
from exporters.her.events_startups import parse_startup
from exporters.her.fold_startups import capability_samples
from exporters.her.labels import MOOD
from exporters.her.names import UNNAMED, member
from exporters.readers.redis_client import exchange, reply_of

USERS_KEY = "her:metrics:users"
SCHEDULER_STATE_KEY = "her:scheduler:state"
CAPABILITIES_KEY = "her:runtime:capabilities"
LARGEST_DOCUMENT = 4 * 1024 * 1024
"""A hundred tasks are fifty kilobytes; what is larger than this is not HER's."""

T = TypeVar("T")


def users(connection: redis.Redis, _now: datetime) -> list[Sample]:
    """SCARD her:metrics:users -> her_users 12. No users yet is 0. Raises StreamError, SourceDown."""
    count = reply_of(int, exchange(connection, [("SCARD", USERS_KEY)])[0])
    return [Sample(metrics.USERS, count)]


def scheduler_state(connection: redis.Redis, _now: datetime) -> list[Sample]:
    """GET her:scheduler:state -> her_scheduler_state_timestamp_seconds, her_scheduler_tasks, her_scheduler_upcoming,
    her_scheduler_next_run_timestamp_seconds, her_autonomy_*, her_time_zones_info. Nothing before HER's first
    publication.

    The document can be an hour old: its own time is exported, and a next run that has passed is shown as it stands.
    Raises StreamError, SourceDown.
    """
    state = _document(connection, SCHEDULER_STATE_KEY, parse_scheduler_state)
    return [] if state is None else scheduler_samples(state)


def capabilities(connection: redis.Redis, _now: datetime) -> list[Sample]:
    """GET her:runtime:capabilities -> her_capabilities_timestamp_seconds, her_capability_available{capability},
    her_tools, her_mcp_servers{status}, her_mcp_server_status{server,status}. Raises StreamError, SourceDown.
    """
    snapshot = _document(connection, CAPABILITIES_KEY, parse_startup)
    return [] if snapshot is None else capability_samples(snapshot)


def scheduler_samples(state: SchedulerState) -> list[Sample]:
    """The schedule as gauges."""
    waiting = Counter((member(task.type), task.status) for task in state.upcoming)
    next_runs: dict[str, float] = {}
    for task in state.upcoming:
        if task.next_run is not None:
            at, job_type = task.next_run.timestamp(), member(task.type)
            next_runs[job_type] = min(at, next_runs.get(job_type, at))
    return [
        Sample(metrics.SCHEDULER_STATE_TIME, state.at.timestamp()),
        Sample(metrics.TASKS, state.task_count),
        *(Sample(metrics.UPCOMING, count, labels) for labels, count in waiting.items()),
        *(Sample(metrics.NEXT_RUN, at, (job_type,)) for job_type, at in next_runs.items()),
        *(_autonomy_samples(state.autonomy) if state.autonomy is not None else ()),
        *_zones(state),
    ]


def _zones(state: SchedulerState) -> list[Sample]:
    if not state.zone and not state.user_zone:
        return []
    zone, user_zone = (member(named) if named else UNNAMED for named in (state.zone, state.user_zone))
    return [Sample(system_metrics.TIME_ZONES, 1, (zone, user_zone))]


def _autonomy_samples(rows: tuple[AutonomyRow, ...]) -> list[Sample]:
    moods = Counter(MOOD.clamp(row.mood) for row in rows)
    shown = (*(MOOD.values or ()), *((OTHER,) if moods[OTHER] else ()))
    samples = [Sample(metrics.AUTONOMY_USERS, moods[mood], (mood,)) for mood in shown]
    samples += [
        Sample(metrics.AUTONOMY_SENT_TODAY, sum(row.sent_today for row in rows)),
        Sample(metrics.AUTONOMY_TARGET, sum(row.daily_target for row in rows)),
    ]
    if rows:
        samples += [
            Sample(metrics.AUTONOMY_ENGAGEMENT, fmean(row.engagement for row in rows)),
            Sample(metrics.AUTONOMY_INITIATIVE, fmean(row.initiative for row in rows)),
        ]
    return samples


def _document(connection: redis.Redis, key: str, parse: Callable[[bytes], T]) -> T | None:
    """The parsed value of a string key; None if there is none."""
    size = reply_of(int, exchange(connection, [("STRLEN", key)])[0])
    if size > LARGEST_DOCUMENT:
        raise StreamError("wrong_type", f"{size} bytes, not a document of HER's")
    raw = exchange(connection, [("GET", key)])[0]
    if raw is None:
        return None
    try:
        return parse(reply_of(bytes, raw))
    except Rejected as reason:
        raise StreamError("wrong_type", f"not a document of HER's: {reason}") from None
