"""The running program: every source's thread, the drainer, and what the web server asks for."""

from __future__ import annotations

import logging
import platform
import time
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version

from prometheus_client.exposition import generate_latest as plain_text
from prometheus_client.openmetrics.exposition import generate_latest as open_text
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import CollectorRegistry

from exporters.core import hash_key, health, outbox_health, web_health
from exporters.core.checkpoint import Checkpoint
from exporters.core.contract import System
from exporters.core.errors import StateError
from exporters.core.health_counters import HealthCounters
from exporters.core.influx import Drainer
from exporters.core.influx_endpoint import InfluxEndpoint
from exporters.core.influx_post import InfluxPoster
from exporters.core.influx_view import DrainerSettings
from exporters.core.measurement import Measurement
from exporters.core.metric import Metric
from exporters.core.outbox import Outbox
from exporters.core.outbox_store import TransactionalOutbox
from exporters.core.runtime import Runtime
from exporters.core.series import SeriesStore
from exporters.core.settings import InfluxSettings, Settings
from exporters.core.source_loop import SourceLoop
from exporters.core.web_health import WebCounts
from exporters.core.web_telemetry import SourceRow

log = logging.getLogger(__name__)

_DAY = 86_400.0
_STOP_SECONDS = 3.5
"""With the web server's moment before it and half a second for the drainer after it, five are not reached."""


def program_version() -> str:
    """The installed version, `unknown` when run from a bare checkout."""
    try:
        return version("llm-observatory")
    except PackageNotFoundError:
        return "unknown"


def retention(measurements: Iterable[Measurement], influxdb: InfluxSettings | None) -> dict[str, float | None]:
    """Bucket -> seconds it keeps points, None for ever. Empty without InfluxDB: then no lines are made."""
    if influxdb is None:
        return {}
    days = {"events": influxdb.retention_days, "text": influxdb.text_retention_days, "daily": None}
    kept = {m.bucket: days[m.kind] for m in measurements}
    return {bucket: None if n is None else n * _DAY for bucket, n in kept.items()}


class Observatory:
    """One exporter process. `start`, then `metrics` at any time from any thread, then `stop`.

    Raises StateError if the state file or the hash key cannot be used. Implements web_telemetry.Telemetry.
    """

    def __init__(self, settings: Settings, systems: Sequence[System], catalog: Sequence[Metric]) -> None:
        served = [system for system in systems if settings.systems.get(system.name)]
        key = hash_key.load_or_create(settings.state.key_file)
        self._store = SeriesStore(catalog, newborn_seconds=2 * settings.scrape_interval_seconds)
        influx = settings.influxdb
        bounds = Outbox(influx.outbox_max_lines, influx.outbox_max_bytes) if influx else Outbox()
        self._checkpoint = Checkpoint(settings.state.file, catalog, bounds)
        self._health = HealthCounters(self._store, self._checkpoint)
        buckets = retention((m for system in served for m in system.measurements), influx)
        with self._checkpoint.read() as connection:
            accounts = bounds.backlog(connection)
        outbox_health.start(self._health, buckets, accounts)
        # From here on what is new shows 0 first; what the state file knows does not.
        self._health.load(health.METRICS)
        self._drainer = self._make_drainer(influx, buckets) if influx else None
        runtime = Runtime(
            checkpoint=self._checkpoint,
            store=self._store,
            health=self._health,
            metrics={metric.name: metric for metric in catalog},
            buckets=buckets,
            wake_drainer=self._drainer.wake if self._drainer else lambda: None,
        )
        lost = hash_key.places_lost(self._checkpoint, key)
        if lost:
            log.warning("the hash key was changed: %d streams find their place again, a declared gap", len(lost))
        self._loops = [
            SourceLoop(source, runtime, rebase=lost)
            for system in served
            for deployment in settings.systems[system.name]
            for source in system.sources(deployment, key)
        ]
        self._process = CollectorRegistry()
        ProcessCollector(registry=self._process)
        self._web: WebCounts | None = None
        self._health.set(health.BUILD, 1.0, program_version(), platform.python_version())

    def served_by(self, web: WebCounts) -> None:
        """The web server that answers for it, whose own counts are shown with the rest."""
        self._web = web

    def start(self) -> None:
        """Start every thread."""
        if self._drainer:
            self._drainer.start()
        for loop in self._loops:
            loop.start()

    def stop(self) -> None:
        """Stop within five seconds; everything committed stays committed, a hanging read is left behind."""
        deadline = time.monotonic() + _STOP_SECONDS
        for loop in self._loops:
            loop.stop()
        for loop in self._loops:
            if loop.ident is not None:  # never started if the address to serve on was taken
                loop.join(max(0.0, deadline - time.monotonic()))
        if self._drainer:
            self._drainer.stop(max(0.5, deadline - time.monotonic()))
        try:
            self._health.flush()
        except StateError as error:
            log.error("the last counts of the exporter itself are lost: %s", error)
        if any(loop.is_alive() for loop in self._loops):
            log.warning("a source did not answer in time; its last read is given up, nothing of it was committed")
        self._checkpoint.close()

    def metrics(self, openmetrics: bool) -> bytes:  # noqa: FBT001 - the protocol's signature
        """The whole exposition: what is held now, in constant time."""
        started = time.perf_counter()
        self._refresh()
        own = self._store.render(openmetrics=openmetrics)
        process = (open_text if openmetrics else plain_text)(self._process)  # ends an OpenMetrics text with # EOF
        self._health.observe(health.RENDER_SECONDS, time.perf_counter() - started)
        # One character that has no UTF-8 must not cost every series there is.
        return own.encode(errors="replace") + process

    def not_ready(self) -> Sequence[str]:
        """Sources whose first attempt has not ended."""
        return [f"{loop.name}: first read not ended" for loop in self._loops if loop.row.up is None]

    def overview(self) -> Sequence[SourceRow]:
        """Every source, for people."""
        return [loop.row for loop in self._loops]

    def _refresh(self) -> None:
        if self._drainer:
            outbox_health.publish(self._health, self._drainer.view())
        if self._web:
            web_health.publish(self._health, self._web)
        self._health.set(health.STATE_BYTES, self._checkpoint.size())
        self._health.set(health.SERIES, len(self._store))

    def _make_drainer(self, influx: InfluxSettings, buckets: dict[str, float | None]) -> Drainer:
        endpoint = InfluxEndpoint(
            url=influx.url,
            org=influx.org,
            token_file=influx.token_file,
            read_timeout=influx.timeout_seconds,
            ca_file=influx.ca_file,
            cert_file=influx.cert_file,
            key_file=influx.key_file,
        )
        kept = {bucket: seconds for bucket, seconds in buckets.items() if seconds is not None}
        store = TransactionalOutbox(self._checkpoint, self._checkpoint.outbox)
        return Drainer(store, InfluxPoster(endpoint), DrainerSettings(retention=kept))
