"""How often each stream and probe of HER is read, in seconds.

A capped list must be read before it has turned over: at most cap / (2 x peak rate). What that allows:

| stream | cap | interval | peak per second without a loss |
|---|---|---|---|
| interactions | 50 | 2 | 12 |
| logs | 200 | 2 | 50; the whole list turns over in two minutes where INFO is logged |
| executions, jobs | 100 | 5 | 10 |
| decisions | 500 | 5 | 50; an agent request writes 20 |
| reinforcement | 1000 | 5 | 100 |
| workflow | 2000 | 5 | 200; an agent request writes 20 |

An unchanged list costs 40 microseconds, so reading often costs Redis nothing.

Tables lose nothing by being read late: their pace is how soon a row shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

STREAMS: Mapping[str, float] = MappingProxyType(
    {
        "interactions": 2.0,
        "logs": 2.0,
        "executions": 5.0,
        "jobs": 5.0,
        "decisions": 5.0,
        "reinforcement": 5.0,
        "workflow": 5.0,
        "startups": 15.0,
        "reflections": 30.0,
        "redis_counters": 15.0,
    }
)
PROBES: Mapping[str, float] = MappingProxyType(
    {
        "users": 5.0,
        "scheduler_state": 5.0,
        "capabilities": 5.0,
        "contexts": 15.0,
        "profiles": 30.0,
        "redis_server": 15.0,
        "settings": 30.0,
    }
)
LIVE: Mapping[str, float] = MappingProxyType({"debugger": 5.0})
"""Probes of the source `workflow`, which is there where it is configured."""

ROW_STREAMS: Mapping[str, float] = MappingProxyType(
    {"decision_rows": 5.0, "proactive_audit": 15.0, "reflection_rows": 30.0}
)
SQL_PROBES: Mapping[str, float] = MappingProxyType(
    {
        "known_users": 60.0,
        "user_timezones": 300.0,
        "autonomy_profiles": 60.0,
        "emotional_states": 60.0,
        "scheduled_jobs": 15.0,
        "scheduler_locks": 15.0,
        "postgres_server": 15.0,
        # It reads the whole table: see sql_memory.py.
        "memory": 300.0,
    }
)
"""Streams and probes of the source `postgres`, which is there where it is configured."""

HTTP: Mapping[str, float] = MappingProxyType({"endpoints": 60.0})
"""The probe of the source `http`, where ports are configured. Once a minute: a look at the debugger or the API leaves a
line in HER's own log where INFO is logged, and waits in HER's one loop."""

INTERVALS: Mapping[str, float] = MappingProxyType({**STREAMS, **PROBES, **LIVE, **ROW_STREAMS, **SQL_PROBES, **HTTP})
