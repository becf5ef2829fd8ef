"""THE registration: one line per system, and every declared metric and measurement over all of them."""

from __future__ import annotations

from exporters.core import health, llm
from exporters.core.contract import System
from exporters.core.listing import Listing
from exporters.core.measurement import Measurement
from exporters.core.metric import Metric
from exporters.core.sql import TextRows
from exporters.her.system import HER
from exporters.sigmasight.system import SIGMASIGHT

SYSTEMS: tuple[System, ...] = (HER, SIGMASIGHT)

METRICS: tuple[Metric, ...] = (
    *health.METRICS,
    *llm.FAMILIES,
    *(metric for system in SYSTEMS for metric in system.metrics),
)

MEASUREMENTS: tuple[Measurement, ...] = tuple(m for system in SYSTEMS for m in system.measurements)

TEXT_ROWS: tuple[TextRows, ...] = tuple(rows for system in SYSTEMS for rows in system.texts)

LISTINGS: tuple[Listing, ...] = tuple(listing for system in SYSTEMS for listing in system.listings)
