"""What every worker shares: the state file, the series, the health counters, the clock, and where points may go."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from exporters.core.checkpoint import Checkpoint
from exporters.core.health_counters import HealthCounters
from exporters.core.metric import Metric
from exporters.core.series import SeriesStore


def utcnow() -> datetime:
    """Now, aware, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Runtime:
    """Shared by all sources of one exporter.

    buckets: InfluxDB bucket -> seconds it keeps points, None for ever; empty when there is no InfluxDB, and then no
    lines are made. metrics: every declared metric by name. wake_drainer: called after lines were committed.
    """

    checkpoint: Checkpoint
    store: SeriesStore
    health: HealthCounters
    metrics: Mapping[str, Metric]
    buckets: Mapping[str, float | None] = field(default_factory=dict)
    now: Callable[[], datetime] = utcnow
    wake_drainer: Callable[[], None] = lambda: None

    def oldest_ns(self) -> dict[str, int]:
        """Per bucket that forgets, the time below which it takes no point any more."""
        now = self.now().timestamp()
        return {bucket: int((now - keep) * 1e9) for bucket, keep in self.buckets.items() if keep is not None}
