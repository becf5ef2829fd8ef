"""The outbox's account and the drainer's view, as the exporter's own series."""

from __future__ import annotations

import time
from collections.abc import Iterable

from exporters.core import health
from exporters.core.health_counters import HealthCounters
from exporters.core.influx_view import DrainerView
from exporters.core.metric import Metric


def start(own: HealthCounters, buckets: Iterable[str]) -> None:
    """Every series of every bucket exists from the start."""
    for bucket in buckets:
        for metric in (health.OUTBOX_LINES, health.OUTBOX_BYTES, health.OUTBOX_OLDEST):
            own.set(metric, 0.0, bucket)
        own.start(health.INFLUXDB_WRITTEN, bucket)
        for reason in health.DROP_REASON.values or ():
            own.start(health.OUTBOX_DROPPED, bucket, reason)
    for outcome in health.POST_OUTCOME.values or ():
        own.start(health.INFLUXDB_POSTS, outcome)


def publish(own: HealthCounters, view: DrainerView) -> None:
    """Show the account as it is. Its counts live in the state file, so they never fall."""
    for bucket, state in view.buckets.items():
        account = state.ledger
        shown: tuple[tuple[Metric, float, tuple[str, ...]], ...] = (
            (health.OUTBOX_LINES, account.lines, (bucket,)),
            (health.OUTBOX_BYTES, account.bytes, (bucket,)),
            (health.OUTBOX_OLDEST, state.oldest_age_seconds, (bucket,)),
            (health.INFLUXDB_WRITTEN, account.written, (bucket,)),
            (health.OUTBOX_DROPPED, account.dropped, (bucket, "bound")),
            (health.OUTBOX_DROPPED, account.expired, (bucket, "retention")),
            (health.OUTBOX_DROPPED, account.dead_lettered, (bucket, "poison")),
            (health.OUTBOX_DROPPED, account.partial_dropped, (bucket, "partial")),
        )
        for metric, value, labels in shown:
            own.set(metric, float(value), *labels)
        if state.last_success is not None:
            own.set(health.INFLUXDB_LAST_SUCCESS, min(state.last_success, time.time()), bucket)
    for outcome, count in view.posts.items():
        own.set(health.INFLUXDB_POSTS, float(count), outcome)
