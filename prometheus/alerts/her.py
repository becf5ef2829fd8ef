"""HER's alerts: dead is not idle, and idle is not broken."""

from __future__ import annotations

from exporters.core import health
from exporters.core.label import DEPLOYMENT, SYSTEM
from exporters.core.metric import Not, Where
from exporters.her import labels as lb
from exporters.her import metrics as m
from exporters.her import sql_metrics as s
from exporters.her import system_metrics
from prometheus.alerts.alert import Alert
from prometheus.alerts.her_system import SYSTEM_ALERTS

_DECISIONS: Where = {SYSTEM: "her", health.STREAM: "decisions"}
_READ = "last_over_time"
_DECISIONS_READ = health.STREAM_LAST_SUCCESS.over_time(_READ, "5m", by=DEPLOYMENT, where=_DECISIONS)
_LOCKS_READ = health.STREAM_LAST_SUCCESS.over_time(
    _READ, "5m", by=DEPLOYMENT, where={SYSTEM: "her", health.STREAM: "scheduler_locks"}
)
_HEARTBEAT = m.HEARTBEAT_TIME.over_time(_READ, "5m", by=DEPLOYMENT)
# As of the last look: both times stand still while nobody can look, so blindness changes nothing. Both are of the
# exporter's clock: what HER's own shows is no sign of its life.
_SILENT_IN_REDIS = _DECISIONS_READ - _HEARTBEAT
_SILENT_IN_POSTGRES = _LOCKS_READ - s.LOCK_TIME.over_time(_READ, "5m", by=DEPLOYMENT)
# As of now: a sign of life that nobody looks at any more ages.
_BEATS_IN_REDIS = m.HEARTBEAT_TIME.age(by=DEPLOYMENT, window="5m") < 300
_BEATS_IN_POSTGRES = s.LOCK_TIME.age(by=DEPLOYMENT, window="5m") < 300
_SEEN = health.STREAM_UP.over_time("max_over_time", "5m", by=DEPLOYMENT, where=_DECISIONS).equals(1)
# What a rate limit or a group's chatter leaves behind stops at the memory lookup, and is given up ten minutes later.
_AT_WORK = m.NODE_RUNNING.over_time(_READ, "5m", by=DEPLOYMENT, where={lb.NODE: Not(("memory_lookup",))}) > 0
_UNANSWERED = (
    m.DEBUGGER_BUSY.over_time("min_over_time", "3m", by=DEPLOYMENT)
    .equals(1)
    .either(
        system_metrics.ENDPOINT_STATE.over_time(
            "min_over_time", "3m", by=lb.ENDPOINT, where={lb.ENDPOINT_STATE: "busy"}
        )
        .equals(1)
        .aggregate("max", by=("deployment",))
    )
)
_ON = ("deployment",)
_COMMANDS: Where = {lb.EXECUTION_KIND: "command"}
_FAILED_COMMANDS: Where = {lb.EXECUTION_KIND: "command", lb.EXECUTION_OUTCOME: Not(("success",))}

ALERTS: tuple[Alert, ...] = (
    Alert(
        "HerSilent",
        "critical",
        "her",
        # One that is held up by a request may still come back, and is another alert; for ten minutes.
        (_SILENT_IN_REDIS > 600)
        .either((_SILENT_IN_REDIS > 300).unless(_AT_WORK.either(_UNANSWERED)))
        .unless(_BEATS_IN_POSTGRES, on=_ON)
        .both(_SEEN, on=_ON),
        "HER ({{ $labels.deployment }}) has stopped: its once-a-minute sign of life is missing.",
        "The scheduler wrote no heartbeat for more than five minutes, though its Redis can be read, and nothing keeps"
        " it busy; or for more than ten. An idle HER writes one every minute; this one is dead.",
        "her-overview",
        # Right after an outage of Redis the newest heartbeat is as old as the outage; the next takes up to a minute.
        wait="2m",
        reads=("decisions",),
        asks_too=("scheduler_locks", "workflow", "debugger", "endpoints"),
    ),
    Alert(
        "HerClockAstray",
        "warning",
        "her",
        m.CLOCK_OFFSET.over_time("last_over_time", "5m", by=DEPLOYMENT).call("abs") > 60,
        "HER's clock differs from the exporter's by more than a minute ({{ $labels.deployment }}).",
        "HER's events stand at the wrong time in InfluxDB, and ages on its pages are wrong by as much. Counters and"
        " the other alerts do not depend on HER's clock.",
        "her-overview",
        # A clock that is being corrected is left in peace.
        wait="10m",
        reads=("decisions",),
    ),
    Alert(
        "HerBlocked",
        "warning",
        "her",
        (_SILENT_IN_REDIS > 180)
        .both(_AT_WORK, on=_ON)
        .unless(_BEATS_IN_POSTGRES, on=_ON)
        .either(_UNANSWERED)
        .unless(_SILENT_IN_REDIS > 600, on=_ON)
        .both(_SEEN, on=_ON),
        "HER ({{ $labels.deployment }}) is held up by one request.",
        "A request is with its model or a tool, and HER has given no sign of life for minutes, or its debugger answers"
        " nothing. Nobody else is answered meanwhile, and no reminder is sent.",
        "her-overview",
        reads=("decisions",),
        asks_too=("scheduler_locks", "workflow", "debugger", "endpoints"),
    ),
    Alert(
        "HerNeverSeen",
        "warning",
        "her",
        health.STREAM_UP.over_time("max_over_time", "5m", by=DEPLOYMENT, where=_DECISIONS)
        .equals(1)
        .unless(_HEARTBEAT, on=("deployment",)),
        "No sign of HER in the Redis of {{ $labels.deployment }}.",
        "The Redis answers, but no heartbeat was ever found in it. Probably the wrong server or the wrong database"
        " number, or a HER that has not started yet.",
        "observatory-health",
        wait="15m",
        reads=("decisions",),
    ),
    Alert(
        "HerSandboxFailing",
        "warning",
        "her",
        (
            m.EXECUTIONS.increase("15m", where=_FAILED_COMMANDS) / m.EXECUTIONS.increase("15m", where=_COMMANDS) > 0.5
        ).both(m.EXECUTIONS.increase("15m", where=_COMMANDS) > 4.5, on=("deployment",)),
        "More than half of HER's sandbox commands fail ({{ $labels.deployment }}).",
        "Of at least five commands in a quarter of an hour, more than half failed. Writing and removing scripts is not"
        " counted.",
        "her-executors",
        reads=("executions",),
    ),
    Alert(
        "HerJobsFailing",
        "warning",
        "her",
        m.JOBS.increase("30m", by=lb.JOB_TYPE, where={lb.OUTCOME: "failed"}) > 1.5,
        "Scheduled tasks of type {{ $labels.type }} keep failing ({{ $labels.deployment }}).",
        "At least two runs of this type failed within half an hour.",
        "her-jobs",
        held_by=("type",),
        reads=("jobs",),
    ),
    Alert(
        "HerReminderFailed",
        "warning",
        "her",
        m.JOB_ERRORS.increase("1h", by=lb.ERROR_REASON, where={lb.JOB_ERROR: "reminder_failed"}) > 0,
        "A reminder was given up: {{ $labels.reason }} ({{ $labels.deployment }}).",
        "HER used up its retries, or the chat cannot be written to. Somebody was not reminded.",
        "her-jobs",
        wait="0m",
        held_by=("reason",),
        reads=("jobs",),
    ),
    Alert(
        "HerMcpServerFailed",
        "warning",
        "her",
        m.MCP_SERVER_STATUS.over_time("last_over_time", "2m", by=lb.SERVER, where={lb.MCP_STATUS: "failed"}).equals(1),
        "MCP server {{ $labels.server }} did not start ({{ $labels.deployment }}).",
        "At HER's last start this MCP server failed; its tools are missing until HER is started again.",
        "her-overview",
        held_by=("server",),
        reads=("capabilities",),
    ),
    Alert(
        "HerErrorsInLog",
        "warning",
        "her",
        m.LOG_LINES.increase("10m", where={lb.LEVEL: ("error", "critical")}) > 10,
        "HER logs errors at an unusual rate ({{ $labels.deployment }}).",
        "More than ten lines of level ERROR or CRITICAL within ten minutes.",
        "her-logs",
        reads=("logs",),
    ),
    Alert(
        "HerRequestsFailing",
        "warning",
        "her",
        (m.REQUESTS.increase("15m", where={lb.REQUEST_OUTCOME: "error"}) / m.REQUESTS.increase("15m") > 0.25).both(
            m.REQUESTS.increase("15m") > 3.5, on=("deployment",)
        ),
        "More than a quarter of the requests to HER end in an error ({{ $labels.deployment }}).",
        "Of at least four requests in a quarter of an hour. Look at the model provider first.",
        "her-traffic",
        reads=("workflow",),
    ),
    Alert(
        "HerStoreUnwritten",
        "warning",
        "her",
        (_SILENT_IN_POSTGRES > 300)
        .both(_BEATS_IN_REDIS, on=_ON)
        .relabel("store", "PostgreSQL")
        .either((_SILENT_IN_REDIS > 300).both(_BEATS_IN_POSTGRES, on=_ON).relabel("store", "Redis")),
        "HER ({{ $labels.deployment }}) lives, and writes nothing to {{ $labels.store }}.",
        "One of its two signs of life comes, the other has been missing for five minutes. What HER should write there"
        " is lost: it does not try again.",
        "her-state",
        wait="5m",
        held_by=("store",),
        reads=("decisions", "scheduler_locks"),
    ),
    Alert(
        "HerJobsOverdue",
        "warning",
        "her",
        (s.SCHEDULED_JOBS.over_time("min_over_time", "5m", by=s.JOB_KIND, where={s.JOB_STATE: "overdue"}) > 0).both(
            _BEATS_IN_POSTGRES, on=_ON
        ),
        "Scheduled jobs of kind {{ $labels.kind }} do not run ({{ $labels.deployment }}).",
        "HER renews its lock in PostgreSQL, and for ten minutes there were always jobs in its table whose time had"
        " come.",
        "her-state",
        wait="5m",
        held_by=("kind",),
        reads=("scheduled_jobs", "scheduler_locks"),
    ),
    Alert(
        "HerRemembersNothing",
        "warning",
        "her",
        s.MEMORY_CREATED.over_time(_READ, "20m", by=DEPLOYMENT, where={s.WINDOW: "24h"})
        .equals(0)
        .either(s.MEMORY_SHAPE.over_time(_READ, "20m", by=DEPLOYMENT, where={s.SHAPE: "none"}).equals(1))
        .both(m.INTERACTIONS.increase("24h", by=DEPLOYMENT) > 50, on=_ON),
        "HER ({{ $labels.deployment }}) talks, and remembers nothing of it.",
        "More than fifty interactions within a day, and no memory was made of them; or there is no table of memories.",
        "her-memory",
        wait="30m",
        reads=("memory", "interactions"),
    ),
    Alert(
        "HerCopiesDiffer",
        "warning",
        "her",
        (m.MISSING_COPIES.increase("1h", by=lb.COPY) > 20).both(
            m.MISSING_COPIES.increase("1h", by=lb.COPY).over(m.COMPARED_COPIES.increase("1h"), on=_ON) > 0.1
        ),
        "{{ $labels.copy }} lacks decisions that HER made ({{ $labels.deployment }}).",
        "More than twenty within an hour, and more than a tenth of those compared. A few are usual: after one failed"
        " row HER drops those of the next seconds, and never writes them.",
        "her-copies",
        wait="5m",
        held_by=("copy",),
        reads=("decision_rows",),
    ),
    *SYSTEM_ALERTS,
)
