"""HER, as the registry knows it."""

from __future__ import annotations

from exporters.core.contract import System
from exporters.her.metrics import MEASUREMENTS, METRICS
from exporters.her.settings import HerSettings, from_environment
from exporters.her.sources import sources
from exporters.her.sql_texts import TEXT_ROWS

HER = System(
    name="her",
    title="HER",
    metrics=METRICS,
    measurements=MEASUREMENTS,
    settings=HerSettings,
    from_environment=from_environment,
    sources=sources,
    texts=TEXT_ROWS,
)
