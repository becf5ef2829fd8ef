"""The exporter's own alerts: blind, losing, refusing, or unable to deliver."""

from __future__ import annotations

from exporters.core import health
from exporters.core.label import DEPLOYMENT, SYSTEM
from exporters.core.metric import Not
from exporters.core.promql import Expr
from prometheus.alerts.alert import Alert

_SOURCE = (DEPLOYMENT, SYSTEM, health.SOURCE)
_STREAM = (*_SOURCE, health.STREAM)
_SOURCE_NAMES = tuple(label.name for label in _SOURCE)
_SOURCE_HELD = (SYSTEM.name, health.SOURCE.name)
_EXPORTER_GONE = Expr(lambda _: 'up{job="observatory"} == 0 or absent(up{job="observatory"})', frozenset(), whole=False)

_BLIND = health.SOURCE_UP.over_time("max_over_time", "1m", by=_SOURCE).equals(0)
_OPTIONAL = health.SOURCE_OPTIONAL.over_time("max_over_time", "5m", by=_SOURCE).equals(1)
_NAMES = tuple(label.name for label in _SOURCE)

ALERTS: tuple[Alert, ...] = (
    Alert(
        "ObservatoryExporterDown",
        "critical",
        "observatory",
        _EXPORTER_GONE,
        "The exporter does not answer: every system it watches is out of sight.",
        "Prometheus could not scrape it for two minutes. Counters go on from its state file when it returns.",
        "observatory-health",
        held_by=None,
    ),
    Alert(
        "ObservatorySourceBlind",
        "critical",
        "",
        _BLIND.unless(_OPTIONAL, on=_NAMES),
        "Cannot read {{ $labels.source }} of {{ $labels.system }} ({{ $labels.deployment }}).",
        "Refused, hanging, or the password is wrong; the exporter's landing page says which. What this source tells is"
        " unknown until then, neither good nor bad.",
        "observatory-health",
        held_by=None,
    ),
    # Not "Blind": Alertmanager holds back what such an alert leaves unknown, and here nothing is.
    Alert(
        "ObservatoryOptionalSourceAway",
        "warning",
        "",
        _BLIND.both(_OPTIONAL, on=_NAMES),
        "{{ $labels.source }} of {{ $labels.system }} does not answer; nothing is missing ({{ $labels.deployment }}).",
        "It only shortens the wait for what is read elsewhere anyway. Switched off for good? Then take it out of the"
        " configuration; the exporter's landing page says what it answers.",
        "observatory-health",
        wait="10m",
        held_by=None,
    ),
    Alert(
        "ObservatoryStreamFailing",
        "warning",
        "",
        health.STREAM_ERRORS.increase("5m", by=_STREAM) > 2.5,
        "{{ $labels.stream }} of {{ $labels.system }} cannot be read ({{ $labels.deployment }}).",
        "The server answers, this part of it does not: a key of another type, a missing permission, a missing table. Or"
        " what was read cannot be stored, because the exporter's disk is full.",
        "observatory-health",
        held_by=None,
    ),
    Alert(
        "ObservatoryEntriesLost",
        "warning",
        "",
        health.STREAM_LOST.increase("15m", by=_STREAM) > 0,
        "Entries of {{ $labels.stream }} passed unread ({{ $labels.system }}, {{ $labels.deployment }}).",
        "The source keeps a capped list and more came than fits between two reads. The number is exact.",
        "observatory-health",
        wait="0m",
        held_by=None,
    ),
    Alert(
        "ObservatoryContinuityLost",
        "info",
        "",
        health.STREAM_GAPS.increase("15m", by=_STREAM) > 0,
        "Continuity of {{ $labels.stream }} could not be shown ({{ $labels.system }}, {{ $labels.deployment }}).",
        "A flushed or restored source, or more entries than its list holds. Nothing is counted twice; some may be"
        " missing.",
        "observatory-health",
        wait="0m",
        held_by=None,
    ),
    Alert(
        "ObservatoryRecordsRejected",
        "warning",
        "",
        health.STREAM_REJECTED.increase("30m", by=(*_STREAM, health.REJECT_REASON)) > 5,
        "Records of {{ $labels.stream }} are not understood: {{ $labels.reason }} ({{ $labels.deployment }}).",
        "More than five in half an hour: the system probably writes a new shape.",
        "observatory-health",
        held_by=None,
    ),
    Alert(
        "ObservatoryRowsLate",
        "warning",
        "",
        health.STREAM_LATE.increase("1h", by=_STREAM) > 10,
        "Rows of {{ $labels.stream }} appear long after their own time ({{ $labels.system }},"
        " {{ $labels.deployment }}).",
        "More than ten within an hour were found only by the wider look back, and are counted. What appears later than"
        " that one reaches, a day for most tables, is never found.",
        "observatory-health",
        wait="0m",
        held_by=None,
    ),
    Alert(
        "ObservatoryHorizonHeld",
        "warning",
        "",
        (health.STREAM_PENDING.over_time("min_over_time", "30m", by=_STREAM) > 5).aggregate("max", _SOURCE_NAMES),
        "A transaction has been open in {{ $labels.source }} of {{ $labels.system }} for half an hour"
        " ({{ $labels.deployment }}).",
        "Its rows are looked at again and again, which costs time at each read; the database can clean up nothing that"
        " is newer than this transaction, in any of its tables.",
        "observatory-health",
        wait="5m",
        held_by=_SOURCE_HELD,
    ),
    Alert(
        "ObservatoryHistoryStuck",
        "warning",
        "",
        health.STREAM_HISTORY.over_time("min_over_time", "15m", by=_STREAM).equals(1),
        "The history of {{ $labels.stream }} is not through after two hours ({{ $labels.system }},"
        " {{ $labels.deployment }}).",
        "What the table held before the exporter came is read while nothing else is to do, and not while InfluxDB takes"
        " no points. Its counters are too small until then.",
        "observatory-health",
        wait="2h",
        held_by=(*_SOURCE_HELD, health.STREAM.name),
    ),
    Alert(
        "ObservatoryOutboxGrowing",
        "warning",
        "observatory",
        health.OUTBOX_OLDEST.over_time("min_over_time", "5m", by=health.BUCKET) > 300,
        "Points for bucket {{ $labels.bucket }} wait for InfluxDB.",
        "The oldest waited more than five minutes. Nothing is lost while the outbox has room.",
        "observatory-health",
        wait="5m",
        held_by=None,
    ),
    Alert(
        "ObservatoryPointsDropped",
        "warning",
        "observatory",
        health.OUTBOX_DROPPED.increase(
            "15m", by=(health.BUCKET, health.DROP_REASON), where={health.DROP_REASON: Not(("retention",))}
        )
        > 0,
        "Points for bucket {{ $labels.bucket }} will never be stored: {{ $labels.reason }}.",
        "The outbox was full, or InfluxDB refused them for good. Counters in Prometheus are not affected.",
        "observatory-health",
        wait="0m",
        held_by=None,
    ),
)
