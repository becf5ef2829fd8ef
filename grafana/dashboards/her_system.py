"""HER / System health: do its ports answer, how are its Redis and its PostgreSQL, what did it find when it started?"""

from __future__ import annotations

from collections.abc import Mapping

from exporters.core import health
from exporters.core.label import DEPLOYMENT
from exporters.core.promql import Expr
from exporters.her import labels as lb
from exporters.her import metrics as m
from exporters.her import system_metrics as s
from grafana.dashboards.her_pages import HER, OVERVIEW, STATE, SYSTEM_HEALTH, WORKS, page
from grafana.dashboards.panels import (
    AGE,
    BAD,
    BYTES,
    GOOD,
    NEUTRAL,
    QUIET,
    RATIO,
    SECONDS,
    UP_DOWN,
    WARNING,
    Limits,
    Word,
    column,
    gauge,
    go,
    label_table,
    line,
    number,
    row,
    stat,
    states,
    timeseries,
)

RANGE = "$__range"
NO_PORTS = "no port of HER's is configured."
NO_POSTGRES = "HER's PostgreSQL is not configured."
NO_LIMIT = "nothing limits its memory."
PORT = (DEPLOYMENT, lb.ENDPOINT)
FOUND: Mapping[float | str, Word] = {
    1.0: Word("Answers", GOOD),
    2.0: Word("Busy", NEUTRAL),
    3.0: Word("Answers with errors", WARNING),
    4.0: Word("Somebody else answers", BAD),
    5.0: Word("Unreachable", BAD),
}
"""By the position of the state in its label's declared order."""
SAVED: Mapping[float | str, Word] = {1: Word("Written", GOOD), 0: Word("Not written", BAD)}
STORED: Mapping[float | str, Word] = {1: Word("stored", WARNING), 0: Word("not stored", QUIET)}


def port_state() -> Expr:
    """1 answers, 2 busy, 3 failing, 4 foreign, 5 unreachable, per port."""
    first, *others = (
        s.ENDPOINT_STATE.max(by=PORT, where={lb.ENDPOINT_STATE: state}) * position
        for position, state in enumerate(lb.ENDPOINT_STATE.values or (), start=1)
    )
    total = first
    for other in others:
        total = total + other
    return total


PORTS = row(
    "Do its ports answer?",
    states(
        "Ports",
        "When did each of HER's ports answer? Busy is a HER that waits for its model; only liveness answers then.",
        line(port_state(), PORT),
        words=FOUND,
        may_be_empty=NO_PORTS,
        width=9,
        height=7,
    ),
    label_table(
        "Ports now",
        "Does each port answer, and how fast? 8000 is liveness, 8081 the debugger, 8082 the API.",
        [
            column(DEPLOYMENT, "Deployment"),
            column(lb.ENDPOINT, "Port"),
            number("State", port_state(), words=FOUND),
            number("Answered in", s.ENDPOINT_ANSWER.max(by=PORT), SECONDS),
        ],
        sort_by="Port",
        may_be_empty=NO_PORTS,
        nothing="No port of HER's is configured",
        width=8,
        height=7,
    ),
    timeseries(
        "Time to answer",
        "How long did each port take to answer? A gap is a port that did not.",
        line(s.ENDPOINT_ANSWER.max(by=lb.ENDPOINT), lb.ENDPOINT),
        unit=SECONDS,
        may_be_empty=NO_PORTS,
        nothing="No port of HER's is configured",
        width=7,
        height=7,
    ),
)

PROBES = row(
    "Can it be watched?",
    states(
        "Sources",
        "When could the exporter reach each of HER's sources?",
        line(health.SOURCE_UP.min(by=(DEPLOYMENT, health.SOURCE), where=HER), (DEPLOYMENT, health.SOURCE)),
        words=UP_DOWN,
        width=10,
        height=7,
    ),
    timeseries(
        "Half of our own reads are faster than",
        "How long do our own reads of each source take, and so how fast does the source answer?",
        line(health.STREAM_READ_SECONDS.quantile(0.5, by=health.SOURCE, where=HER, window="5m"), health.SOURCE),
        unit=SECONDS,
        width=7,
        height=7,
    ),
    timeseries(
        "95 % of our own reads are faster than",
        "How long do the slow ones of our own reads take?",
        line(health.STREAM_READ_SECONDS.quantile(0.95, by=health.SOURCE, where=HER, window="5m"), health.SOURCE),
        unit=SECONDS,
        width=7,
        height=7,
    ),
)

REDIS = row(
    "How is its Redis?",
    label_table(
        "Redis server",
        "Which version runs, and which keys does it throw away when its memory is full?",
        [
            column(DEPLOYMENT, "Deployment"),
            column(lb.VERSION, "Version"),
            column(lb.EVICTION, "When full"),
        ],
        asked=s.REDIS_INFO.value(),
        sort_by="Deployment",
        width=7,
        height=4,
    ),
    stat(
        "Redis runs for",
        "When was HER's Redis started last?",
        line(s.REDIS_STARTED.age(by=DEPLOYMENT), DEPLOYMENT),
        unit=AGE,
        width=3,
    ),
    stat(
        "Memory limit",
        "How much memory may Redis use?",
        s.REDIS_LIMIT.sum(),
        unit=BYTES,
        may_be_empty=NO_LIMIT,
        nothing="None",
        width=3,
    ),
    stat(
        "Last snapshot",
        "How old is the last snapshot on Redis' disk? With the append-only file on it matters little.",
        line(s.REDIS_LAST_SAVE.age(by=DEPLOYMENT), DEPLOYMENT),
        unit=AGE,
        width=3,
    ),
    stat(
        "Writes to disk",
        "Did Redis last write to its disk without trouble?",
        line(s.REDIS_SAVED.min(by=lb.SAVE_METHOD), lb.SAVE_METHOD),
        words=SAVED,
        nothing="Unknown",
        width=4,
    ),
    stat(
        "Keys thrown away",
        "How many keys did Redis throw away for want of memory in this time range?",
        s.REDIS_EVICTED.increase(RANGE),
        limits=Limits(bad_above=0),
        may_be_zero="nothing was thrown away.",
        width=4,
    ),
    timeseries(
        "Redis memory",
        "How much memory does Redis use, and how much may it?",
        line(s.REDIS_USED.max(), "used"),
        line(s.REDIS_LIMIT.max(), "limit"),
        unit=BYTES,
        colours={"used": "blue", "limit": "red"},
        width=7,
        height=7,
    ),
    timeseries(
        "Redis connections",
        "How many connections has Redis, and how many of them wait in it?",
        line(s.REDIS_CLIENTS.max(by=lb.CLIENT_STATE), lb.CLIENT_STATE),
        width=7,
        height=7,
    ),
    timeseries(
        "Expired, thrown away, refused",
        "What did Redis forget, drop and refuse in 5 minutes? Conversations expire a day after their last message.",
        line(s.REDIS_EXPIRED.increase("5m"), "keys expired"),
        line(s.REDIS_EVICTED.increase("5m"), "keys thrown away"),
        line(s.REDIS_REJECTED.increase("5m"), "connections refused"),
        colours={"keys expired": QUIET, "keys thrown away": "red", "connections refused": "orange"},
        may_be_zero="nothing expired, was dropped or refused.",
        width=5,
        height=7,
    ),
    gauge(
        "Redis connections used",
        "Which share of the connections it accepts has Redis given away?",
        s.REDIS_CLIENTS.max(where={lb.CLIENT_STATE: "connected"}) / s.REDIS_CLIENT_LIMIT.max(),
        unit=RATIO,
        limits=Limits(warn_above=0.7, bad_above=0.9),
        width=5,
        height=7,
    ),
)

POSTGRES = row(
    "How is its PostgreSQL?",
    label_table(
        "PostgreSQL server",
        "Which version of PostgreSQL runs?",
        [column(DEPLOYMENT, "Deployment"), column(lb.VERSION, "Version")],
        asked=s.POSTGRES_INFO.value(),
        sort_by="Deployment",
        may_be_empty=NO_POSTGRES,
        nothing="HER's PostgreSQL is not configured",
        width=6,
        height=4,
    ),
    stat(
        "PostgreSQL runs for",
        "When was HER's PostgreSQL started last?",
        line(s.POSTGRES_STARTED.age(by=DEPLOYMENT), DEPLOYMENT),
        unit=AGE,
        may_be_empty=NO_POSTGRES,
        width=4,
    ),
    stat(
        "Database size",
        "How large is HER's database on disk?",
        s.POSTGRES_SIZE.sum(),
        unit=BYTES,
        may_be_empty=NO_POSTGRES,
        width=4,
    ),
    stat(
        "Oldest transaction",
        "How long has the oldest transaction that writes been open, at least? Rows that come meanwhile are not final.",
        line(s.POSTGRES_HELD.max(by=DEPLOYMENT), DEPLOYMENT),
        unit=AGE,
        limits=Limits(warn_above=300, bad_above=3600),
        may_be_zero="no transaction is open.",
        may_be_empty=NO_POSTGRES,
        width=5,
    ),
    gauge(
        "PostgreSQL connections used",
        "Which share of the connections it accepts has PostgreSQL given away?",
        s.POSTGRES_CONNECTIONS.sum() / s.POSTGRES_CONNECTION_LIMIT.sum(),
        unit=RATIO,
        limits=Limits(warn_above=0.7, bad_above=0.85),
        may_be_empty=NO_POSTGRES,
        width=5,
    ),
    timeseries(
        "PostgreSQL connections",
        "How many connections are there, and what do they do? Hidden ones are not told to a plain account.",
        line(s.POSTGRES_CONNECTIONS.sum(by=lb.CONNECTION_STATE), lb.CONNECTION_STATE),
        style="stacked",
        may_be_empty=NO_POSTGRES,
        nothing="HER's PostgreSQL is not configured",
        height=7,
    ),
    timeseries(
        "Size of the database",
        "How fast does HER's database grow?",
        line(s.POSTGRES_SIZE.sum(), "on disk"),
        unit=BYTES,
        colours={"on disk": "blue"},
        may_be_empty=NO_POSTGRES,
        nothing="HER's PostgreSQL is not configured",
        height=7,
    ),
)

STARTED = row(
    "What did it find when it started?",
    stat(
        "Last start",
        "When did HER's process start last, as far as it said so?",
        line(m.CAPABILITIES_TIME.age(by=DEPLOYMENT), DEPLOYMENT),
        unit=AGE,
        nothing="unknown",
        links=(go("Start-up history", OVERVIEW),),
    ),
    stat(
        "Starts",
        "How often did HER start in this time range? What each start found is on the overview.",
        m.STARTUPS.increase(RANGE),
        may_be_zero="a HER that runs does not start.",
        links=(go("Start-up history", OVERVIEW),),
    ),
    stat(
        "Capabilities",
        "Did the internet and the sandbox work when HER started last?",
        line(m.CAPABILITY_AVAILABLE.min(by=lb.CAPABILITY), lb.CAPABILITY),
        may_be_zero="it is what HER found, and the panel says so.",
        words=WORKS,
        nothing="Unknown",
        links=(go("Capabilities and MCP servers", OVERVIEW),),
        width=5,
    ),
    label_table(
        "Time zones",
        "In which time zone does HER's scheduler work, and which one does it assume of users?",
        [
            column(DEPLOYMENT, "Deployment"),
            column(lb.ZONE, "HER's"),
            column(lb.USER_ZONE, "Users'"),
        ],
        asked=s.TIME_ZONES.value(),
        sort_by="Deployment",
        links=(go("Users' own time zones", STATE),),
        width=5,
        height=4,
    ),
    label_table(
        "Texts that leave HER",
        "Which texts leave HER, redacted, for the restricted bucket, as the exporter is configured?",
        [
            column(DEPLOYMENT, "Deployment"),
            column(lb.CONTENT, "Texts"),
            number("Setting", s.CONTENT_STORED.max(by=(DEPLOYMENT, lb.CONTENT)), words=STORED),
        ],
        sort_by="Texts",
        width=6,
        height=7,
    ),
)

BOARD = page(
    "System health",
    SYSTEM_HEALTH,
    "system",
    "Do HER's ports answer, how are its Redis and its PostgreSQL, and what did it find when it started?",
    [PORTS, PROBES, REDIS, POSTGRES, STARTED],
)
