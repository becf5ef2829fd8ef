"""The outbox's account and the drainer's view, as the exporter's own series."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from exporters.core import health
from exporters.core.health_counters import HealthCounters
from exporters.core.influx_view import DrainerView
from exporters.core.metric import Metric
from exporters.core.outbox import Ledger

_EMPTY = Ledger(0, 0, 0, 0, 0, 0, 0, 0, None)


def start(own: HealthCounters, buckets: Iterable[str], accounts: Mapping[str, Ledger]) -> None:
    """Every series of every bucket exists from the start.

    accounts: as the state file has them. Shown as 0 until the drainer's first round, counts would fall at each restart.
    """
    for bucket in buckets:
        own.set(health.OUTBOX_OLDEST, 0.0, bucket)
        _show(own, bucket, accounts.get(bucket, _EMPTY))
        for reason in health.DROP_REASON.values or ():
            own.start(health.OUTBOX_DROPPED, bucket, reason)
        for reason in health.FIELD_DROP_REASON.values or ():
            own.start(health.FIELDS_DROPPED, bucket, reason)
    for outcome in health.POST_OUTCOME.values or ():
        own.start(health.INFLUXDB_POSTS, outcome)


def publish(own: HealthCounters, view: DrainerView) -> None:
    """Show the account as it is. Its counts live in the state file and never fall; the others live with the process."""
    for bucket, state in view.buckets.items():
        _show(own, bucket, state.ledger)
        own.set(health.OUTBOX_OLDEST, state.oldest_age_seconds, bucket)
        if state.last_success is not None:
            own.set(health.INFLUXDB_LAST_SUCCESS, min(state.last_success, time.time()), bucket)
    for outcome, count in view.posts.items():
        own.set(health.INFLUXDB_POSTS, float(count), outcome)
    own.set(health.INFLUXDB_PARTIAL_UNKNOWN, float(view.partial_unknown))
    own.set(health.INFLUXDB_DEFECTS, float(view.defects))


def _show(own: HealthCounters, bucket: str, account: Ledger) -> None:
    shown: tuple[tuple[Metric, int, tuple[str, ...]], ...] = (
        (health.OUTBOX_LINES, account.lines, (bucket,)),
        (health.OUTBOX_BYTES, account.bytes, (bucket,)),
        (health.INFLUXDB_WRITTEN, account.written, (bucket,)),
        (health.OUTBOX_DROPPED, account.dropped, (bucket, "bound")),
        (health.OUTBOX_DROPPED, account.expired, (bucket, "retention")),
        (health.OUTBOX_DROPPED, account.dead_lettered, (bucket, "poison")),
        (health.OUTBOX_DROPPED, account.partial_dropped, (bucket, "partial")),
    )
    for metric, value, labels in shown:
        own.set(metric, float(value), *labels)
