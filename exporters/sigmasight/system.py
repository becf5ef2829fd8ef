"""SigmaSight, as the registry knows it."""

from __future__ import annotations

from exporters.core.contract import System
from exporters.sigmasight.annotations_listing import LISTINGS
from exporters.sigmasight.metrics import MEASUREMENTS, METRICS
from exporters.sigmasight.settings import SigmaSightSettings, from_environment
from exporters.sigmasight.sources import sources
from exporters.sigmasight.texts import TEXT_ROWS

SIGMASIGHT = System(
    name="sigmasight",
    title="SigmaSight",
    metrics=METRICS,
    measurements=MEASUREMENTS,
    settings=SigmaSightSettings,
    from_environment=from_environment,
    sources=sources,
    texts=TEXT_ROWS,
    listings=LISTINGS,
)
