"""The probes of HER's PostgreSQL: how things are now. What each reads and shows is said where it is collected."""

from __future__ import annotations

from exporters.core.contract import Probe
from exporters.her import sql_metrics as m
from exporters.her import sql_views
from exporters.her.settings import HerSettings
from exporters.her.sql_locks import LocksProbe
from exporters.her.sql_memory import MemoryProbe
from exporters.her.sql_server import server_probe
from exporters.readers.postgres_client import Connection


def sql_probes(settings: HerSettings) -> tuple[Probe[Connection], ...]:
    """The probes of one deployment. A missing table or permission fails the probe that needs it, and no other."""
    memory_table = settings.postgres.memory_table if settings.postgres else ""
    return (
        Probe(
            name="known_users",
            interval=settings.interval("known_users"),
            collect=sql_views.known_users,
            feeds=(m.KNOWN_USERS, m.ACTIVE_USERS, m.USER_LAST_ACTIVITY),
        ),
        Probe(
            name="user_timezones",
            interval=settings.interval("user_timezones"),
            collect=sql_views.user_timezones,
            feeds=(m.USER_TIMEZONES,),
        ),
        Probe(
            name="autonomy_profiles",
            interval=settings.interval("autonomy_profiles"),
            collect=sql_views.autonomy_profiles,
            feeds=(
                m.AUTONOMY_PROFILES,
                m.PROFILE_ENGAGEMENT,
                m.PROFILE_INITIATIVE,
                m.PROFILE_SENT_TODAY,
                m.PROFILE_ERRORS_TODAY,
            ),
        ),
        Probe(
            name="emotional_states",
            interval=settings.interval("emotional_states"),
            collect=sql_views.emotional_states,
            feeds=(m.MOODS, m.MOOD_INTENSITY),
        ),
        Probe(
            name="scheduled_jobs",
            interval=settings.interval("scheduled_jobs"),
            collect=sql_views.scheduled_jobs,
            feeds=(m.SCHEDULED_JOBS, m.SCHEDULED_NEXT),
        ),
        Probe(
            name="scheduler_locks",
            interval=settings.interval("scheduler_locks"),
            collect=LocksProbe().collect,
            feeds=(m.LOCK_TIME, m.TASK_LOCKS),
        ),
        Probe(
            name="memory",
            interval=settings.interval("memory"),
            collect=MemoryProbe(memory_table).collect,
            feeds=(
                m.MEMORY_SHAPE,
                m.MEMORIES,
                m.MEMORY_EXAMINED,
                m.MEMORY_OWNERS,
                m.MEMORY_OWNER_SIZES,
                m.MEMORY_LARGEST,
                m.MEMORY_CATEGORIES,
                m.MEMORY_IMPORTANCE,
                m.MEMORY_BANDS,
                m.MEMORY_DAYS,
                m.MEMORY_CREATED,
                m.MEMORY_NEWEST,
                m.MEMORY_WITHOUT,
                m.MEMORY_LEGACY,
            ),
        ),
        server_probe(settings),
    )
