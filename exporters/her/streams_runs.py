"""What HER ran: streams executions, jobs, startups and reflections.

Each docstring shows its evidence: the key, one record, the exposition lines it becomes (`deployment` left out).
"""

from __future__ import annotations

from datetime import datetime
from functools import partial

import redis

from exporters.core.contract import Stream
from exporters.core.llm import TOOL_DURATION
from exporters.core.pseudonym import Pseudonyms
from exporters.her import metrics
from exporters.her.events_executions import Execution, parse_execution
from exporters.her.events_jobs import Job, parse_job
from exporters.her.events_reflections import Reflection, parse_reflection
from exporters.her.events_startups import Startup, parse_startup
from exporters.her.fold_executions import fold_execution
from exporters.her.fold_jobs import fold_job
from exporters.her.fold_reflections import fold_reflection
from exporters.her.fold_startups import fold_startup
from exporters.her.settings import HerSettings
from exporters.her.stateless import nothing, stateless
from exporters.readers.redis_list import RedisList
from exporters.readers.redis_list_family import RedisListFamily


def executions(settings: HerSettings, hash_key: bytes) -> Stream[redis.Redis, Execution, None]:
    """`her:sandbox:executions`, 100 entries; 5 MB in one of them are ordinary.

    {"timestamp":"2026-02-22T10:00:00.500100+00:00","command":"ping -c 4 example.org","success":false,"output":"",
     "error":"ping: unknown host","exit_code":2,"execution_time":0.41,"user":"sandbox","workdir":"/workspace"}

    her_sandbox_executions_total{outcome="failed",kind="command"} 1
    her_sandbox_exit_codes_total{exit_code="2"} 1
    gen_ai_execute_tool_duration_seconds_sum{system="her",gen_ai_tool_name="sandbox",error_type="failed"} 0.41
    """
    return stateless(
        name="executions",
        interval=settings.interval("executions"),
        reader=RedisList(key="her:sandbox:executions", cap=100, hash_key=hash_key),
        parse=partial(parse_execution, keep_text=settings.text.executions),
        fold=fold_execution,
        feeds=(metrics.EXECUTIONS, metrics.EXIT_CODES, metrics.EXECUTION_OUTPUT, TOOL_DURATION),
    )


def jobs(settings: HerSettings, hash_key: bytes, ids: Pseudonyms) -> Stream[redis.Redis, Job, None]:
    """`her:scheduler:jobs`, 100 entries.

    {"timestamp":"2026-02-22T11:00:00.020011+00:00","name":"memory_reflection","type":"memory_reflection",
     "success":true,"result":"memory_reflection_completed","error":"","execution_time":0.00002,
     "next_run":"2026-02-22T12:00:00.000000+00:00"}

    her_jobs_total{type="memory_reflection",outcome="success"} 1
    her_job_seconds_sum{type="memory_reflection"} 2e-05
    her_job_results_total{result="memory_reflection_completed"} 1
    """
    return stateless(
        name="jobs",
        interval=settings.interval("jobs"),
        reader=RedisList(key="her:scheduler:jobs", cap=100, hash_key=hash_key),
        parse=parse_job,
        fold=partial(fold_job, pseudonyms=ids),
        feeds=(metrics.JOBS, metrics.JOB_SECONDS, metrics.JOB_RESULTS, metrics.JOB_ERRORS),
    )


def startups(settings: HerSettings, hash_key: bytes) -> Stream[redis.Redis, Startup, None]:
    """`her:runtime:capabilities:history`, 100 entries, one per start of HER's process.

    {"timestamp":"2026-02-22T08:00:00.250000+00:00","tool_count":14,
     "capabilities":{"internet":{"available":true,"reason":"outbound TCP to example.com:443 works"},
                     "sandbox":{"available":false,"reason":"container 'her-sandbox' not found"}},
     "mcp_servers":{"fetch":{"status":"running","message":"3 tools loaded"},
                    "brave-search":{"status":"disabled","message":"server disabled in config"}}}

    her_startups_total 1
    """
    return stateless(
        name="startups",
        interval=settings.interval("startups"),
        reader=RedisList(key="her:runtime:capabilities:history", cap=100, hash_key=hash_key),
        parse=parse_startup,
        fold=fold_startup,
        feeds=(metrics.STARTUPS,),
    )


def reflections(settings: HerSettings, hash_key: bytes) -> Stream[redis.Redis, Reflection, None]:
    """`her:reflection:<user id>`, 61 entries each; identical neighbours are normal, and none has a time.

    {"date":"2026-02-22","engagement_trend":"stable","initiative_adjustment":0.0,"notes":"…","confidence":"medium"}

    her_reflections_total{engagement_trend="stable"} 1
    """
    return Stream(
        name="reflections",
        interval=settings.interval("reflections"),
        reader=RedisListFamily(pattern="her:reflection:*", cap=61, hash_key=hash_key, repeats=True),
        parse=parse_reflection,
        fold=fold_reflection,
        initial=nothing,
        event_time=_timeless,
        feeds=(metrics.REFLECTIONS,),
    )


def _timeless(_event: Reflection) -> datetime | None:
    return None
