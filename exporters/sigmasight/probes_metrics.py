"""Every metric and measurement of SigmaSight's state, for the system to declare beside those of its streams."""

from __future__ import annotations

from exporters.core.measurement import Measurement
from exporters.core.metric import Metric
from exporters.sigmasight import batch_metrics, days_metrics, health_metrics, tuning_metrics, windows_metrics

METRICS: tuple[Metric, ...] = (
    *batch_metrics.METRICS,
    *tuning_metrics.METRICS,
    *windows_metrics.METRICS,
    *health_metrics.METRICS,
)
MEASUREMENTS: tuple[Measurement, ...] = (
    *batch_metrics.MEASUREMENTS,
    *health_metrics.MEASUREMENTS,
    *days_metrics.MEASUREMENTS,
)
