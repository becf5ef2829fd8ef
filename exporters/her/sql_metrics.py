"""Every metric of HER's PostgreSQL that says how things are now: people, moods, the schedule, long-term memory.

All are gauges of probes. What happened is counted from Redis; what the tables hold of it are rows, and another matter.
"""

from __future__ import annotations

from exporters.core.label import closed, opened
from exporters.core.metric import Metric, gauge
from exporters.her.labels import MOOD, RANK, THREAD_KIND

WINDOW = closed("window", "How far back from now.", "24h", "7d", "30d")
TIMEZONE = opened("timezone", "IANA time zone; `unset` where a user has none.", 48)
JOB_KIND = closed("kind", "One of HER's own jobs, or a task of a user or of the configuration.", "system", "task")
JOB_STATE = closed(
    "state",
    "`planned` runs later, `overdue` should have run a minute ago or earlier, `paused` has no next run.",
    "planned",
    "overdue",
    "paused",
)
SHAPE = closed(
    "shape",
    "Shape of the memory table: `mem0` has a payload, `legacy` columns of its own, `hybrid` both; `none` is no table.",
    "mem0",
    "legacy",
    "hybrid",
    "none",
)
CATEGORY = opened("category", "Category of a memory; `uncategorized` where it has none. The 20 most frequent.", 48)
DAYS_AGO = closed("days_ago", "Whole days in UTC before today, which is 00.", *(f"{day:02}" for day in range(30)))
BAND = closed("band", "Importance up to this, and above the band before.", *(f"{n / 10:.1f}" for n in range(1, 11)))
SIZE = closed("size", "How many memories one owner has.", "1", "2-5", "6-20", "21-100", "over-100")
PART = closed("part", "What cannot be read of a memory.", "user", "category", "importance", "created")

# users -- probes `known_users`, `user_timezones`

KNOWN_USERS = gauge("her_known_users", "Users in HER's database, without the pseudo user `system`.")
ACTIVE_USERS = gauge(
    "her_active_users", "Users whose last activity lies in the window; any decision about a user counts.", (WINDOW,)
)
USER_LAST_ACTIVITY = gauge("her_user_last_activity_timestamp_seconds", "When any user was last active.")
USER_TIMEZONES = gauge("her_user_timezones", "Users by the time zone they told HER.", (TIMEZONE,))

# autonomy_profiles, emotional_states -- probes of these names

AUTONOMY_PROFILES = gauge("her_autonomy_profiles", "Users with an autonomy profile, all of them.")
PROFILE_ENGAGEMENT = gauge(
    "her_autonomy_profile_engagement_ratio", "Mean engagement score over all autonomy profiles, 0.1 to 1."
)
PROFILE_INITIATIVE = gauge(
    "her_autonomy_profile_initiative_ratio", "Mean initiative level over all autonomy profiles, 0.1 to 1."
)
PROFILE_SENT_TODAY = gauge(
    "her_autonomy_profile_messages_today", "Proactive messages of today (UTC), summed; rows of other days left out."
)
PROFILE_ERRORS_TODAY = gauge(
    "her_autonomy_profile_errors_today", "Failed proactive messages of today (UTC), summed; other days left out."
)
MOODS = gauge("her_emotional_states", "Users by HER's mood towards them, all of them.", (MOOD,))
MOOD_INTENSITY = gauge("her_emotional_intensity_ratio", "Mean intensity of HER's moods, 0.1 to 1.")

# apscheduler_jobs, scheduler_job_locks -- probes `scheduled_jobs`, `scheduler_locks`

SCHEDULED_JOBS = gauge("her_scheduled_jobs", "Jobs in the scheduler's own table, as it is now.", (JOB_KIND, JOB_STATE))
SCHEDULED_NEXT = gauge(
    "her_scheduled_next_run_timestamp_seconds", "Earliest next run in the scheduler's own table.", (JOB_KIND,)
)
LOCK_TIME = gauge(
    "her_scheduler_lock_timestamp_seconds",
    "When HER's scheduler last renewed its lock, once a minute while it runs, by the exporter's clock.",
    lasting=True,
)
TASK_LOCKS = gauge("her_scheduler_task_locks", "Locks of tasks; those of one-shot tasks stay for ever.")

# memories -- probe `memory`

MEMORY_SHAPE = gauge("her_memory_shape", "1 for the shape the memory table has.", (SHAPE,))
MEMORIES = gauge("her_memories", "Long-term memories; estimated where the table is too large to be read through.")
MEMORY_EXAMINED = gauge("her_memory_examined", "1 if the memory table was read through, 0 if it is too large for that.")
MEMORY_OWNERS = gauge("her_memory_owners", "Users and groups with memories.", (THREAD_KIND,))
MEMORY_OWNER_SIZES = gauge("her_memory_owner_sizes", "Users and groups by how many memories they have.", (SIZE,))
MEMORY_LARGEST = gauge("her_memory_largest_owners", "Memories of the users and groups with the most.", (RANK,))
MEMORY_CATEGORIES = gauge("her_memories_by_category", "Memories by category.", (CATEGORY,))
MEMORY_IMPORTANCE = gauge("her_memory_importance_ratio", "Mean importance of the memories that have one, 0 to 1.")
MEMORY_BANDS = gauge("her_memories_by_importance", "Memories by importance; the first band begins at 0.", (BAND,))
MEMORY_DAYS = gauge("her_memories_by_day", "Memories of today by the day they were made.", (DAYS_AGO,))
MEMORY_CREATED = gauge("her_memories_made", "Memories made within the window that still exist.", (WINDOW,))
MEMORY_NEWEST = gauge("her_memory_newest_timestamp_seconds", "When the newest memory was made.")
MEMORY_WITHOUT = gauge("her_memories_without", "Memories of which a part is missing or cannot be read.", (PART,))
MEMORY_LEGACY = gauge("her_memories_legacy", "Memories an older build left behind in the table `memories_legacy`.")

SQL_METRICS: tuple[Metric, ...] = (
    KNOWN_USERS, ACTIVE_USERS, USER_LAST_ACTIVITY, USER_TIMEZONES,
    AUTONOMY_PROFILES, PROFILE_ENGAGEMENT, PROFILE_INITIATIVE, PROFILE_SENT_TODAY, PROFILE_ERRORS_TODAY,
    MOODS, MOOD_INTENSITY,
    SCHEDULED_JOBS, SCHEDULED_NEXT, LOCK_TIME, TASK_LOCKS,
    MEMORY_SHAPE, MEMORIES, MEMORY_EXAMINED, MEMORY_OWNERS, MEMORY_OWNER_SIZES, MEMORY_LARGEST, MEMORY_CATEGORIES,
    MEMORY_IMPORTANCE, MEMORY_BANDS, MEMORY_DAYS, MEMORY_CREATED, MEMORY_NEWEST, MEMORY_WITHOUT, MEMORY_LEGACY,
)  # fmt: skip
"""Of the source `postgres`, its probes."""
