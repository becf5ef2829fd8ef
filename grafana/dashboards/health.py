"""Observatory / Exporter health: does the exporter see everything, store everything, and cost little?"""

from __future__ import annotations

from collections.abc import Mapping

from exporters.core import health as h
from exporters.core.label import DEPLOYMENT, SYSTEM
from exporters.core.metric import Var
from grafana.dashboards.panels import (
    AGE,
    BYTES,
    GOOD,
    NEUTRAL,
    NUMBER,
    RATIO,
    SECONDS,
    UP_DOWN,
    Limits,
    Word,
    board,
    column,
    deployments,
    foreign,
    foreign_rate,
    home_link,
    label_table,
    line,
    members,
    number,
    pages_link,
    row,
    stat,
    states,
    timeseries,
)

CHOSEN = {SYSTEM: Var("system")}
SOURCES = (DEPLOYMENT, SYSTEM, h.SOURCE)
STREAMS = (DEPLOYMENT, SYSTEM, h.SOURCE, h.STREAM)
FAILED_READ = (h.STREAM, h.ERROR_REASON)
RANGE = "$__range"
NO_INFLUXDB = "there is no InfluxDB."
JOB = "observatory"

REACHED = row(
    "Are the sources reached?",
    states(
        "Sources",
        "When could the exporter reach each source?",
        line(h.SOURCE_UP.min(by=SOURCES, where=CHOSEN), SOURCES),
        words=UP_DOWN,
        width=14,
        height=7,
    ),
    label_table(
        "Sources now",
        "Is each source reached, and if not, since when and why?",
        [
            column(SYSTEM, "System"),
            column(DEPLOYMENT, "Deployment"),
            column(h.SOURCE, "Source"),
            number("State", h.SOURCE_UP.min(by=SOURCES, where=CHOSEN), words=UP_DOWN),
            number("Reached ago", h.SOURCE_LAST_SUCCESS.age(by=SOURCES, where=CHOSEN), AGE),
            number("Failures", h.SOURCE_ERRORS.increase(RANGE, by=SOURCES, where=CHOSEN), limits=Limits(warn_above=0)),
        ],
        sort_by="System",
        width=10,
        height=7,
    ),
    timeseries(
        "Failed attempts in 5 minutes, by reason",
        "Why could sources not be reached?",
        line(h.SOURCE_ERRORS.increase("5m", by=h.DOWN_REASON, where=CHOSEN), h.DOWN_REASON),
        style="stacked",
        may_be_zero="every source is reached.",
        may_be_empty="every source was reached since the exporter began.",
        nothing="Every source was reached",
        height=6,
    ),
    timeseries(
        "Failed reads in 5 minutes, by reason",
        "Which reads failed although the source was there: missing rights, another type, garbage?",
        line(h.STREAM_ERRORS.increase("5m", by=FAILED_READ, where=CHOSEN) > 0, FAILED_READ),
        style="stacked",
        may_be_empty="every read succeeded.",
        nothing="Every read succeeded",
        height=6,
    ),
)

HISTORY: Mapping[float | str, Word] = {1: Word("to come", NEUTRAL), 0: Word("through", GOOD)}
READ = row(
    "Is everything read?",
    stat(
        "Records",
        "How many records were read and understood in this time range?",
        h.STREAM_EVENTS.increase(RANGE, where=CHOSEN),
    ),
    stat(
        "Lost",
        "How many records are known to have passed unread in this time range?",
        h.STREAM_LOST.increase(RANGE, where=CHOSEN),
        limits=Limits(bad_above=0),
        may_be_zero="nothing was lost.",
    ),
    stat(
        "Gaps",
        "How often could continuity not be shown in this time range? Records may have passed unread.",
        h.STREAM_GAPS.increase(RANGE, where=CHOSEN),
        limits=Limits(warn_above=0),
        may_be_zero="continuity was always shown.",
    ),
    stat(
        "Refused",
        "How many records were read and did not parse in this time range?",
        h.STREAM_REJECTED.increase(RANGE, where=CHOSEN),
        limits=Limits(warn_above=0),
        may_be_zero="every record was understood.",
    ),
    stat(
        "Labels clamped",
        "How many label values were unknown, or beyond their bound, and became `other` in this time range?",
        h.CLAMPED.increase(RANGE, where=CHOSEN).or_zero(),
        limits=Limits(warn_above=0),
        may_be_zero="every value was known.",
    ),
    stat(
        "Oldest read",
        "How long ago was the stream or probe read that was read least recently?",
        (h.STREAM_LAST_SUCCESS.age(by=STREAMS, where=CHOSEN)).aggregate("max"),
        unit=AGE,
    ),
    timeseries(
        "Records per minute, by stream",
        "What is read, and how much of it?",
        line(h.STREAM_EVENTS.rate(by=(SYSTEM, h.STREAM), where=CHOSEN) * 60, (SYSTEM, h.STREAM)),
        unit=NUMBER,
        style="stacked",
        interval="1m",
    ),
    timeseries(
        "From event to commit",
        "How old is the newest event of each stream when it is stored?",
        line(h.STREAM_LAG.max(by=(SYSTEM, h.STREAM), where=CHOSEN), (SYSTEM, h.STREAM)),
        unit=SECONDS,
    ),
    label_table(
        "Streams and probes",
        "For each stream: how much was read, how fresh is it, was anything lost or refused?",
        [
            column(SYSTEM, "System"),
            column(DEPLOYMENT, "Deployment"),
            column(h.SOURCE, "Source"),
            column(h.STREAM, "Stream"),
            number("Read every", h.STREAM_INTERVAL.max(by=STREAMS, where=CHOSEN), SECONDS),
            number("Read ago", h.STREAM_LAST_SUCCESS.age(by=STREAMS, where=CHOSEN), AGE),
            number("Newest event", h.STREAM_LAST_EVENT.age(by=STREAMS, where=CHOSEN), AGE),
            number("Records", h.STREAM_EVENTS.increase(RANGE, by=STREAMS, where=CHOSEN)),
            number("Lost", h.STREAM_LOST.increase(RANGE, by=STREAMS, where=CHOSEN), limits=Limits(bad_above=0)),
            number("Gaps", h.STREAM_GAPS.increase(RANGE, by=STREAMS, where=CHOSEN), limits=Limits(warn_above=0)),
            number("Refused", h.STREAM_REJECTED.increase(RANGE, by=STREAMS, where=CHOSEN), limits=Limits(warn_above=0)),
        ],
        sort_by="Stream",
        height=14,
    ),
    label_table(
        "Tables",
        "For each stream of rows: is its history through, how many rows must be looked at again because a transaction"
        " is open, and how many came long after their own time?",
        [
            column(SYSTEM, "System"),
            column(DEPLOYMENT, "Deployment"),
            column(h.STREAM, "Stream"),
            number("History", h.STREAM_HISTORY.max(by=STREAMS, where=CHOSEN), words=HISTORY),
            number("Looked at again", h.STREAM_PENDING.max(by=STREAMS, where=CHOSEN)),
            number("Late", h.STREAM_LATE.increase(RANGE, by=STREAMS, where=CHOSEN), limits=Limits(warn_above=0)),
        ],
        sort_by="Stream",
        may_be_empty="no database is watched.",
        nothing="No database is watched",
        width=10,
        height=7,
    ),
    timeseries(
        "Rows looked at again",
        "Does a transaction stay open in a watched database? Then more and more rows must be looked at again, and the"
        " database itself can clean up none of them.",
        line(h.STREAM_PENDING.max(by=(SYSTEM, h.STREAM), where=CHOSEN), (SYSTEM, h.STREAM)),
        may_be_zero="no transaction stays open.",
        may_be_empty="no database is watched.",
        nothing="No database is watched",
        width=7,
        height=7,
    ),
    timeseries(
        "Late rows in 5 minutes",
        "Which tables get rows long after the time that stands in them?",
        line(h.STREAM_LATE.increase("5m", by=(SYSTEM, h.STREAM), where=CHOSEN) > 0, (SYSTEM, h.STREAM)),
        style="bars",
        may_be_empty="every row came soon after its time.",
        nothing="Every row came in time",
        width=7,
        height=7,
    ),
    timeseries(
        "Lost and gaps in 5 minutes",
        "When did records pass unread?",
        line(h.STREAM_LOST.increase("5m", by=h.STREAM, where=CHOSEN) > 0, "{{stream}} lost"),
        line(h.STREAM_GAPS.increase("5m", by=h.STREAM, where=CHOSEN) > 0, "{{stream}} gap"),
        style="bars",
        may_be_empty="nothing was lost.",
        nothing="Nothing was lost",
        width=8,
    ),
    timeseries(
        "Refused in 5 minutes, by reason",
        "Why were records refused?",
        line(h.STREAM_REJECTED.increase("5m", by=h.REJECT_REASON, where=CHOSEN) > 0, h.REJECT_REASON),
        style="bars",
        may_be_empty="every record was understood.",
        nothing="Every record was understood",
        width=8,
    ),
    timeseries(
        "Labels clamped in 5 minutes",
        "Which labels had values that nobody declared?",
        line(h.CLAMPED.increase("5m", by=(SYSTEM, h.LABEL_NAME), where=CHOSEN) > 0, (SYSTEM, h.LABEL_NAME)),
        style="bars",
        may_be_empty="every value was known.",
        nothing="Every value was known",
        width=8,
    ),
)

STORED = row(
    "Does InfluxDB take the points?",
    timeseries(
        "Waiting points",
        "How many points wait for InfluxDB, by bucket?",
        line(h.OUTBOX_LINES.max(by=h.BUCKET), h.BUCKET),
        style="stacked",
        may_be_zero="InfluxDB takes points as they come.",
        may_be_empty=NO_INFLUXDB,
        nothing="There is no InfluxDB",
        width=8,
    ),
    timeseries(
        "Oldest waiting point",
        "How long has the oldest waiting point waited?",
        line(h.OUTBOX_OLDEST.max(by=h.BUCKET), h.BUCKET),
        unit=SECONDS,
        may_be_zero="InfluxDB takes points as they come.",
        may_be_empty=NO_INFLUXDB,
        nothing="There is no InfluxDB",
        width=8,
    ),
    timeseries(
        "Points stored per minute",
        "How many points does InfluxDB take, by bucket?",
        line(h.INFLUXDB_WRITTEN.rate(by=h.BUCKET) * 60, h.BUCKET),
        interval="1m",
        style="stacked",
        may_be_empty=NO_INFLUXDB,
        nothing="There is no InfluxDB",
        width=8,
    ),
    timeseries(
        "Posts per minute, by outcome",
        "How does InfluxDB answer?",
        line(h.INFLUXDB_POSTS.rate(by=h.POST_OUTCOME) * 60, h.POST_OUTCOME),
        interval="1m",
        unit=NUMBER,
        style="stacked",
        colours={"written": "green", "partial": "orange", "malformed": "red", "unreachable": "dark-red"},
        may_be_empty=NO_INFLUXDB,
        nothing="There is no InfluxDB",
        width=8,
    ),
    timeseries(
        "Points dropped in 5 minutes",
        "Which points will never be stored, and why?",
        line(h.OUTBOX_DROPPED.increase("5m", by=(h.BUCKET, h.DROP_REASON)) > 0, (h.BUCKET, h.DROP_REASON)),
        style="bars",
        may_be_empty="no point was dropped.",
        nothing="No point was dropped",
        width=8,
    ),
    label_table(
        "Buckets",
        "For each bucket: how much waits, and when did InfluxDB last take points?",
        [
            column(h.BUCKET, "Bucket"),
            number("Waiting", h.OUTBOX_LINES.max(by=h.BUCKET)),
            number("Size", h.OUTBOX_BYTES.max(by=h.BUCKET), BYTES),
            number("Stored ago", h.INFLUXDB_LAST_SUCCESS.age(by=h.BUCKET), AGE),
        ],
        sort_by="Bucket",
        may_be_empty=NO_INFLUXDB,
        nothing="There is no InfluxDB",
        width=8,
    ),
)

COST = row(
    "What does watching cost?",
    timeseries(
        "95 % of reads are faster than",
        "How long does reading take, and so how long is the watched system asked?",
        line(
            h.STREAM_READ_SECONDS.quantile(0.95, by=(SYSTEM, h.STREAM), where=CHOSEN, window="5m"), (SYSTEM, h.STREAM)
        ),
        unit=SECONDS,
        width=8,
    ),
    timeseries(
        "Scrape, render, commit",
        "How long do a scrape, one rendering of /metrics and one commit of the state file take?",
        line(foreign("scrape_duration_seconds", job=JOB).aggregate("max"), "scrape"),
        line(h.RENDER_SECONDS.quantile(0.95, window="5m"), "render, 95 %"),
        line(h.COMMIT_SECONDS.quantile(0.95, window="5m"), "commit, 95 %"),
        unit=SECONDS,
        colours={"scrape": "blue", "render, 95 %": "purple", "commit, 95 %": "super-light-green"},
        width=8,
    ),
    timeseries(
        "Processor",
        "Which share of one processor core does the exporter use?",
        line(foreign_rate("process_cpu_seconds_total", job=JOB).aggregate("sum"), "core"),
        unit=RATIO,
        colours={"core": "blue"},
        width=8,
    ),
    timeseries(
        "Memory",
        "How much memory does the exporter hold?",
        line(foreign("process_resident_memory_bytes", job=JOB).aggregate("sum"), "resident"),
        unit=BYTES,
        colours={"resident": "blue"},
        width=8,
    ),
    timeseries(
        "Series and samples",
        "How many series does the exporter hold, and how many samples does a scrape bring?",
        line(h.SERIES.sum(), "series held"),
        line(foreign("scrape_samples_scraped", job=JOB).aggregate("sum"), "samples per scrape"),
        colours={"series held": "blue", "samples per scrape": "purple"},
        width=8,
    ),
    timeseries(
        "State file",
        "How large is the state file with its write-ahead log?",
        line(h.STATE_BYTES.sum(), "bytes"),
        unit=BYTES,
        colours={"bytes": "blue"},
        width=8,
    ),
    label_table(
        "Exporters",
        "Which exporters run, and which version?",
        [
            column("instance", "Address"),
            column(h.VERSION, "Version"),
            column(h.PYTHON, "Python"),
        ],
        asked=h.BUILD.value(),
        sort_by="Address",
        width=24,
        height=5,
    ),
)

BOARD = board(
    "Exporter health",
    uid="observatory-health",
    system="home",
    page="health",
    description="Does the exporter see everything, store everything, and cost little?",
    tags=("observatory",),
    links=(home_link(), pages_link("Observatory", ["observatory"])),
    variables=(deployments(), members(SYSTEM, "System", h.SOURCE_UP)),
    rows=[REACHED, READ, STORED, COST],
)
