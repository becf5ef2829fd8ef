"""HER's alerts: dead is not idle, and idle is not broken."""

from __future__ import annotations

from exporters.core import health
from exporters.core.label import DEPLOYMENT, SYSTEM
from exporters.core.metric import Not, Where
from exporters.her import labels as lb
from exporters.her import metrics as m
from prometheus.alerts.alert import Alert
from prometheus.alerts.her_system import SYSTEM_ALERTS

_DECISIONS: Where = {SYSTEM: "her", health.STREAM: "decisions"}
_DECISIONS_READ = health.STREAM_LAST_SUCCESS.over_time("last_over_time", "5m", by=DEPLOYMENT, where=_DECISIONS)
_HEARTBEAT = m.HEARTBEAT_TIME.over_time("last_over_time", "5m", by=DEPLOYMENT)
_COMMANDS: Where = {lb.EXECUTION_KIND: "command"}
_FAILED_COMMANDS: Where = {lb.EXECUTION_KIND: "command", lb.EXECUTION_OUTCOME: Not(("success",))}

ALERTS: tuple[Alert, ...] = (
    Alert(
        "HerSilent",
        "critical",
        "her",
        # As of the last look: both times stand still while nobody can look, so blindness changes nothing. Both are of
        # the exporter's clock: what HER's own shows is no sign of its life.
        (_DECISIONS_READ - _HEARTBEAT) > 300,
        "HER ({{ $labels.deployment }}) has stopped: its once-a-minute sign of life is missing.",
        "The scheduler wrote no heartbeat for more than five minutes, though its Redis can be read. An idle HER writes"
        " one every minute; this one is dead, or blocked for that long.",
        "her-overview",
        # Right after an outage of Redis the newest heartbeat is as old as the outage; the next takes up to a minute.
        wait="2m",
        reads=("decisions",),
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
    *SYSTEM_ALERTS,
)
