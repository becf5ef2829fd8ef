"""The exporter's own health: written by the runner, the drainer and the web server, never by a system.

These series are never withdrawn: "no traffic", "writer dead" and "exporter blind" must be three different pictures.
"""

from __future__ import annotations

from exporters.core.errors import REJECT_REASONS, SOURCE_DOWN_REASONS, STREAM_ERROR_REASONS
from exporters.core.influx_post import POST_OUTCOMES
from exporters.core.label import DEPLOYMENT, SYSTEM, Label, closed, opened
from exporters.core.line_protocol import FIELD_DROP_REASONS
from exporters.core.metric import Kind, Metric

SOURCE = opened("source", "Endpoint of the system: redis, postgres and so on.", 16)
STREAM = opened("stream", "Stream or probe of the source.", 64)
DOWN_REASON = closed("reason", "Why the source could not be reached.", *SOURCE_DOWN_REASONS)
ERROR_REASON = closed("reason", "Why one read failed.", *STREAM_ERROR_REASONS)
REJECT_REASON = closed("reason", "Why a record did not parse.", *REJECT_REASONS)
LABEL_NAME = opened("label", "Label whose value was not in its closed set, or beyond its bound.", 64)
BUCKET = opened("bucket", "InfluxDB bucket.", 32)
POST_OUTCOME = closed("outcome", "What became of a post.", *POST_OUTCOMES)
DROP_REASON = closed(
    "reason",
    "Why a point was not stored: the outbox was full; older than its bucket keeps; malformed to InfluxDB; dropped by it"
    " from an accepted post; impossible to write as a line.",
    "bound",
    "retention",
    "poison",
    "partial",
    "unencodable",
)
FIELD_DROP_REASON = closed("reason", "Why InfluxDB could not take the field.", *FIELD_DROP_REASONS)
VERSION = opened("version", "Version of llm-observatory.", 8)
PYTHON = opened("python", "Version of Python.", 8)

READ_EDGES = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

_SOURCE = (DEPLOYMENT, SYSTEM, SOURCE)
_STREAM = (*_SOURCE, STREAM)


_FOR_A_FAULT = "0 unless something is broken; asked for by hand while looking for the fault"


def _own(
    name: str,
    help: str,  # noqa: A002
    kind: Kind,
    labels: tuple[Label, ...] = (),
    edges: tuple[float, ...] = (),
    unused: str = "",
) -> Metric:
    return Metric(name, help, kind, labels, edges, unused=unused)


SOURCE_UP = _own("observatory_source_up", "1 if the last attempt reached the source, 0 if not.", Kind.GAUGE, _SOURCE)
SOURCE_LAST_SUCCESS = _own(
    "observatory_source_last_success_timestamp_seconds", "When the source was last reached.", Kind.GAUGE, _SOURCE
)
SOURCE_OPTIONAL = _own(
    "observatory_source_optional",
    "1 if nothing is missing without the source: what it tells comes later from another one. Else 0.",
    Kind.GAUGE,
    _SOURCE,
)
SOURCE_ERRORS = _own(
    "observatory_source_errors_total", "Attempts that did not reach the source.", Kind.COUNTER, (*_SOURCE, DOWN_REASON)
)
STREAM_UP = _own(
    "observatory_stream_up", "1 if the last attempt read the stream or probe, 0 if not.", Kind.GAUGE, _STREAM
)
STREAM_LAST_SUCCESS = _own(
    "observatory_stream_last_success_timestamp_seconds",
    "When the stream or probe was last read without an error.",
    Kind.GAUGE,
    _STREAM,
)
STREAM_LAST_EVENT = _own(
    "observatory_stream_last_event_timestamp_seconds",
    "The newest event's own time. Up to a minute ahead it is now; events from farther in the future do not advance it.",
    Kind.GAUGE,
    _STREAM,
)
STREAM_EVENTS = _own("observatory_stream_events_total", "Records read and understood.", Kind.COUNTER, _STREAM)
STREAM_LOST = _own(
    "observatory_stream_lost_total", "Records known to have passed unread: exact, from the source's own count.",
    Kind.COUNTER, _STREAM,
)  # fmt: skip
STREAM_GAPS = _own(
    "observatory_stream_gaps_total", "Times that continuity could not be shown; records may have passed unread.",
    Kind.COUNTER, _STREAM,
)  # fmt: skip
STREAM_REJECTED = _own(
    "observatory_stream_rejected_total", "Records read and refused.", Kind.COUNTER, (*_STREAM, REJECT_REASON)
)
STREAM_ERRORS = _own(
    "observatory_stream_errors_total", "Reads of the stream or probe that failed while the source was reachable.",
    Kind.COUNTER, (*_STREAM, ERROR_REASON),
)  # fmt: skip
STREAM_LATE = _own(
    "observatory_stream_late_total", "Records only the wider look back found: committed long after their own time.",
    Kind.COUNTER, _STREAM,
)  # fmt: skip
STREAM_PENDING = _own(
    "observatory_stream_pending_rows",
    "Rows that each read must look at again, because a transaction is open in the database or was just now.",
    Kind.GAUGE,
    _STREAM,
)
STREAM_HISTORY = _own(
    "observatory_stream_history_left",
    "1 while older records than the first read remain to be read, 0 once all are.",
    Kind.GAUGE,
    _STREAM,
)
STREAM_LAG = _own(
    "observatory_stream_lag_seconds",
    "From the newest event's own time to its commit, when it was read.",
    Kind.GAUGE,
    _STREAM,
)
STREAM_INTERVAL = _own("observatory_stream_interval_seconds", "Pace at which it is read.", Kind.GAUGE, _STREAM)
STREAM_READ_SECONDS = _own(
    "observatory_stream_read_duration_seconds", "Time one read took.", Kind.HISTOGRAM, _STREAM, READ_EDGES
)
CLAMPED = _own(
    "observatory_label_values_clamped_total", "Label values that became `other`.",
    Kind.COUNTER, (DEPLOYMENT, SYSTEM, LABEL_NAME),
)  # fmt: skip
OUTBOX_LINES = _own("observatory_outbox_lines", "Points waiting for InfluxDB.", Kind.GAUGE, (BUCKET,))
OUTBOX_BYTES = _own("observatory_outbox_bytes", "Size of the points waiting for InfluxDB.", Kind.GAUGE, (BUCKET,))
OUTBOX_OLDEST = _own(
    "observatory_outbox_oldest_age_seconds", "How long the oldest waiting point has waited.", Kind.GAUGE, (BUCKET,)
)
OUTBOX_DROPPED = _own(
    "observatory_outbox_dropped_total", "Points that will never be stored.", Kind.COUNTER, (BUCKET, DROP_REASON)
)
INFLUXDB_WRITTEN = _own("observatory_influxdb_written_total", "Points InfluxDB took.", Kind.COUNTER, (BUCKET,))
INFLUXDB_POSTS = _own(
    "observatory_influxdb_posts_total", "Posts to InfluxDB by outcome.", Kind.COUNTER, (POST_OUTCOME,)
)
INFLUXDB_LAST_SUCCESS = _own(
    "observatory_influxdb_last_success_timestamp_seconds", "When InfluxDB last took points.", Kind.GAUGE, (BUCKET,)
)
INFLUXDB_PARTIAL_UNKNOWN = _own(
    "observatory_influxdb_partial_unknown_total",
    "Partial writes of which InfluxDB did not say how many points it left out; each counted as one.",
    Kind.COUNTER, unused=_FOR_A_FAULT,
)  # fmt: skip
INFLUXDB_DEFECTS = _own(
    "observatory_influxdb_defects_total",
    "Rounds of delivery ended by an error of this program or of the state file.",
    Kind.COUNTER, unused=_FOR_A_FAULT,
)  # fmt: skip
FIELDS_DROPPED = _own(
    "observatory_influxdb_fields_dropped_total", "Fields left out of points that were stored without them.",
    Kind.COUNTER, (BUCKET, FIELD_DROP_REASON), unused=_FOR_A_FAULT,
)  # fmt: skip
WEB_RELOAD_FAILURES = _own(
    "observatory_web_config_reload_failures_total",
    "Changed web configuration files or certificates that could not be used; the last good one stays in force.",
    Kind.COUNTER, unused=_FOR_A_FAULT,
)  # fmt: skip
WEB_DEFECTS = _own(
    "observatory_web_defects_total", "Answers that ended in an error of this program.",
    Kind.COUNTER, unused=_FOR_A_FAULT,
)  # fmt: skip
WEB_TURNED_AWAY = _own(
    "observatory_web_connections_turned_away_total",
    "Connections ended because the client was too slow or there were too many.",
    Kind.COUNTER, unused=_FOR_A_FAULT,
)  # fmt: skip
COMMIT_SECONDS = _own(
    "observatory_state_commit_duration_seconds",
    "Time one commit of the state file took.",
    Kind.HISTOGRAM,
    (),
    READ_EDGES,
)
STATE_BYTES = _own("observatory_state_bytes", "Size of the state file with its write-ahead log.", Kind.GAUGE)
SERIES = _own("observatory_series", "Series held, its own included.", Kind.GAUGE)
RENDER_SECONDS = _own(
    "observatory_exposition_duration_seconds", "Time one exposition took to render.", Kind.HISTOGRAM, (), READ_EDGES
)
BUILD = _own("observatory_build_info", "The running program.", Kind.INFO, (VERSION, PYTHON))

METRICS: tuple[Metric, ...] = (
    SOURCE_UP, SOURCE_LAST_SUCCESS, SOURCE_OPTIONAL, SOURCE_ERRORS,
    STREAM_UP,
    STREAM_LAST_SUCCESS, STREAM_LAST_EVENT, STREAM_EVENTS, STREAM_LOST, STREAM_GAPS, STREAM_REJECTED, STREAM_ERRORS,
    STREAM_LATE, STREAM_PENDING, STREAM_HISTORY, STREAM_LAG, STREAM_INTERVAL, STREAM_READ_SECONDS, CLAMPED,
    OUTBOX_LINES, OUTBOX_BYTES, OUTBOX_OLDEST, OUTBOX_DROPPED, INFLUXDB_WRITTEN, INFLUXDB_POSTS, INFLUXDB_LAST_SUCCESS,
    INFLUXDB_PARTIAL_UNKNOWN, INFLUXDB_DEFECTS, FIELDS_DROPPED,
    WEB_RELOAD_FAILURES, WEB_DEFECTS, WEB_TURNED_AWAY,
    COMMIT_SECONDS, STATE_BYTES, SERIES, RENDER_SECONDS, BUILD,
)  # fmt: skip

FOREIGN: dict[str, tuple[str, ...]] = {
    "up": ("job", "instance"),
    "scrape_duration_seconds": ("job", "instance"),
    "scrape_samples_scraped": ("job", "instance"),
    "process_cpu_seconds_total": ("job", "instance"),
    "process_resident_memory_bytes": ("job", "instance"),
    "process_open_fds": ("job", "instance"),
    "process_max_fds": ("job", "instance"),
    "process_start_time_seconds": ("job", "instance"),
    "process_virtual_memory_bytes": ("job", "instance"),
    "ALERTS": ("alertname", "alertstate", "severity", "system", "deployment"),
    "ALERTS_FOR_STATE": ("alertname", "severity", "system", "deployment"),
}
"""Series a query may name that somebody else declares: Prometheus itself, and prometheus_client's process collector."""
