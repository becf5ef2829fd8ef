"""`her:scheduler:state` -> SchedulerState.

{"timestamp":"2026-02-22T12:00:02.000100+00:00","task_count":5,"system_tz":"UTC","default_user_tz":"Europe/Rome",
 "upcoming":[{"name":"memory_reflection","type":"memory_reflection","interval":"hourly","timezone":"UTC","at":"",
   "run_at":"","one_time":false,"max_retries":2,"retry_delay_seconds":30,"status":"PENDING","retry_count":0,
   "last_error":"","chat_id":null,"next_run":"2026-02-22T13:00:00+00:00","enabled":true}],
 "autonomy":[{"user_id":"5551001","engagement_score":0.61,"initiative_level":0.58,"messages_sent_today":0,
   "last_proactive_at":"","current_mood":"calm","mood_intensity":0.52,"daily_target":1}]}
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from exporters.her.record import Fields, load

PENDING = "pending"


@dataclass(frozen=True, slots=True)
class Upcoming:
    """One enabled task. next_run: None where nothing is planned; it may lie in the past. `name` and `at` are not read:
    names hold user ids and message texts, and `at` is whatever somebody wrote into the YAML."""

    type: str
    status: str
    next_run: datetime | None


@dataclass(frozen=True, slots=True)
class AutonomyRow:
    """One recently active user, without saying who. Scores 0.1 to 1."""

    engagement: float
    initiative: float
    mood: str
    sent_today: int
    daily_target: int


@dataclass(frozen=True, slots=True)
class SchedulerState:
    """HER's schedule as it was published `at`. autonomy: None in builds before 22 February 2026.

    zone, user_zone: IANA names; empty in older builds.
    """

    at: datetime
    task_count: int
    upcoming: tuple[Upcoming, ...]
    autonomy: tuple[AutonomyRow, ...] | None
    zone: str = ""
    user_zone: str = ""


def parse_scheduler_state(raw: bytes) -> SchedulerState:
    """The document. Raises Rejected."""
    fields = load(raw)
    return SchedulerState(
        at=fields.at(),
        task_count=fields.need_integer("task_count", low=0),
        upcoming=tuple(_upcoming(task) for task in fields.objects("upcoming")),
        autonomy=tuple(_autonomy(row) for row in fields.objects("autonomy")) if "autonomy" in fields else None,
        zone=fields.name("system_tz"),
        user_zone=fields.name("default_user_tz"),
    )


def _upcoming(task: Fields) -> Upcoming:
    status = task.name("status", PENDING).lower()
    return Upcoming(task.need_name("type"), status, task.time_or_none("next_run"))


def _autonomy(row: Fields) -> AutonomyRow:
    return AutonomyRow(
        engagement=row.need_number("engagement_score", 0.0, 1.0),
        initiative=row.need_number("initiative_level", 0.0, 1.0),
        mood=row.name("current_mood"),
        sent_today=row.integer("messages_sent_today", low=0) or 0,
        daily_target=row.integer("daily_target", low=0) or 0,
    )
