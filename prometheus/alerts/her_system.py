"""Alerts about what HER stands on: its ports, its Redis server, its PostgreSQL server."""

from __future__ import annotations

from exporters.core import health
from exporters.core.label import DEPLOYMENT, SYSTEM
from exporters.core.promql import Expr
from exporters.her import labels as lb
from exporters.her import metrics, system_metrics
from prometheus.alerts.alert import Alert

PAGE = "her-system"

_DECISIONS_READ = health.STREAM_LAST_SUCCESS.over_time(
    "last_over_time", "5m", by=DEPLOYMENT, where={SYSTEM: "her", health.STREAM: "decisions"}
)
# As of the last look at Redis: both times stand still while nobody can look.
_ALIVE = (_DECISIONS_READ - metrics.HEARTBEAT_TIME.over_time("last_over_time", "5m", by=DEPLOYMENT)) < 300


def _found(*states: str) -> Expr:
    """1 where a port's last state, of the last four looks at most, is one of these."""
    where = {lb.ENDPOINT_STATE: states}
    return system_metrics.ENDPOINT_STATE.over_time("last_over_time", "4m", by=lb.ENDPOINT, where=where).equals(1)


SYSTEM_ALERTS: tuple[Alert, ...] = (
    Alert(
        "HerEndpointDown",
        "warning",
        "her",
        # A HER that is dead answers nowhere; HerSilent says so, once.
        _found("failing", "foreign", "unreachable").both(_ALIVE, on=("deployment",)),
        "HER's {{ $labels.endpoint }} port does not answer, though HER lives ({{ $labels.deployment }}).",
        "For five minutes nobody accepted the connection, or what answered was an error or another program, while the"
        " scheduler's sign of life kept coming.",
        PAGE,
        wait="5m",
        held_by=("endpoint",),
        reads=("decisions", "endpoints"),
    ),
    Alert(
        "HerRedisAlmostFull",
        "warning",
        "her",
        (
            system_metrics.REDIS_USED.over_time("last_over_time", "1m", by=DEPLOYMENT)
            / system_metrics.REDIS_LIMIT.over_time("last_over_time", "1m", by=DEPLOYMENT)
        )
        > 0.9,
        "HER's Redis has used more than 90 % of the memory it may use ({{ $labels.deployment }}).",
        "When it is full it refuses HER's writes, or throws keys away, as its policy says.",
        PAGE,
        wait="5m",
        reads=("redis_server",),
    ),
    Alert(
        "HerRedisDroppingKeys",
        "critical",
        "her",
        system_metrics.REDIS_EVICTED.increase("15m") > 0,
        "HER's Redis throws keys away because its memory is full ({{ $labels.deployment }}).",
        "What is thrown away is HER's: conversations, counters, lists, profiles. It does not come back.",
        PAGE,
        wait="0m",
        reads=("redis_counters",),
    ),
    Alert(
        "HerRedisRefusingConnections",
        "warning",
        "her",
        system_metrics.REDIS_REJECTED.increase("15m") > 0,
        "HER's Redis refused connections: it has as many as it accepts ({{ $labels.deployment }}).",
        "Whoever was refused, HER itself perhaps, lost what it wanted to write.",
        PAGE,
        wait="0m",
        reads=("redis_counters",),
    ),
    Alert(
        "HerRedisNotSaving",
        "critical",
        "her",
        system_metrics.REDIS_SAVED.over_time("last_over_time", "1m", by=lb.SAVE_METHOD).equals(0),
        "HER's Redis cannot write to its disk: {{ $labels.method }} ({{ $labels.deployment }}).",
        "Its last attempt failed. Until one succeeds a restart loses what came since, and as it is usually configured"
        " Redis refuses every write of HER's.",
        PAGE,
        wait="1m",
        held_by=("method",),
        reads=("redis_server",),
    ),
    Alert(
        "HerPostgresConnectionsScarce",
        "warning",
        "her",
        (
            system_metrics.POSTGRES_CONNECTIONS.over_time(
                "last_over_time", "1m", by=(DEPLOYMENT, lb.CONNECTION_STATE)
            ).aggregate("sum", by=("deployment",))
            / system_metrics.POSTGRES_CONNECTION_LIMIT.over_time("last_over_time", "1m", by=DEPLOYMENT)
        )
        > 0.85,
        "HER's PostgreSQL has given away more than 85 % of its connections ({{ $labels.deployment }}).",
        "HER opens a new one for every decision it stores. When there is none left, the rows are lost.",
        PAGE,
        wait="5m",
        reads=("postgres_server",),
    ),
)
