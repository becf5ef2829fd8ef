"""Somebody deletes what is older than 30 days, in one transaction, while the exporter reads and Prometheus scrapes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from exporters.demo.prometheus import Prometheus
from exporters.sigmasight.simulate import Sigma
from tests.servers.fixtures import StartPrometheus
from tests.sigmasight.houses import House
from tests.system.alerting import until
from tests.system.exporter import Scrape, Watching
from tests.system.sigmasight.watched import watched
from tests.system.test_torture import OWN_DURATIONS

pytestmark = pytest.mark.servers

CLEANED = ("ai_request_metrics", "user_activity_events", "batch_run_history")
COUNTED = {
    "ai_request_metrics": "sigmasight_ai_requests_total",
    "user_activity_events": "sigmasight_activity_events_total",
}
RATE = 8.0
"""Rows per second that SigmaSight writes meanwhile."""


class Cleaner:
    """A super administrator with connections of their own."""

    def __init__(self, house: House) -> None:
        self.core = house.beside()
        self.sigma = Sigma(self.core, None, seed=3, clock=lambda: datetime.now(UTC))

    def clean_up(self) -> dict[str, int]:
        with self.core.transaction():
            deleted = self.sigma.clean_up()
            time.sleep(1.0)  # several polls happen while it is deleted and not yet gone
        return deleted


def number(connection: psycopg.Connection[tuple[float]], query: str) -> float:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return float(row[0])


def fallen(prometheus: Prometheus) -> dict[str, float]:
    """Every counter of ours that ever fell, as Prometheus sees it, and how often."""
    names = [
        name
        for name in prometheus.api("label/__name__/values")
        if name.endswith(("_total", "_count", "_bucket", "_sum")) and not name.startswith(OWN_DURATIONS)
    ]
    assert len(names) > 40
    resets = {name: sum(prometheus.query(f"resets({name}[10m])").values()) for name in names}
    return {name: times for name, times in resets.items() if times}


def told(prometheus: Prometheus, query: str) -> float:
    (value,) = prometheus.query(query).values()
    return value


@pytest.mark.timeout(240)
def test_counters_stand_windows_follow_and_no_rate_jumps(
    house: House, prometheus_server: StartPrometheus, tmp_path: Path
) -> None:
    house.sigma.found()
    house.sigma.backfill(50, stories_per_day=25)
    exporter = watched(tmp_path / "exporter", house, seconds=0.5)
    cleaner, halt = Cleaner(house), threading.Event()
    living = threading.Thread(target=house.sigma.run, kwargs={"rate": RATE, "stop": halt}, daemon=True)
    with exporter, closing(cleaner.core) as asked:
        before = {table: number(asked, f"SELECT count(*) FROM {table}") for table in CLEANED}  # noqa: S608
        exporter.until(lambda s: all(s.total(m) == before[t] for t, m in COUNTED.items()), "history is through")
        overdue = exporter.until(lambda s: s.total("sigmasight_table_rows_overdue", table=CLEANED[0]) > 0, "overdue")
        assert overdue.total("sigmasight_table_rows", table=CLEANED[0]) == before[CLEANED[0]]
        prometheus = prometheus_server(
            {
                "global": {"scrape_interval": "500ms", "scrape_timeout": "500ms"},
                "scrape_configs": [
                    {"job_name": "observatory", "static_configs": [{"targets": [f"127.0.0.1:{exporter.port}"]}]}
                ],
            }
        )
        until(lambda: prometheus.query("sigmasight_ai_requests_total"), "the first scrape")
        since = time.time()
        living.start()
        grown(exporter, "sigmasight_ai_requests_total", 10)
        deleted = cleaner.clean_up()
        assert min(deleted["ai_request_metrics"], deleted["user_activity_events"]) > 200
        assert deleted["batch_run_history"] > 5
        grown(exporter, "sigmasight_ai_requests_total", 10)
        exporter.kill()
        exporter.start().wait_ready()
        grown(exporter, "sigmasight_ai_requests_total", 10)
        halt.set()
        living.join(60)
        assert not living.is_alive()
        written = {table: house.sigma.produced[table] for table in COUNTED}
        for table, metric in COUNTED.items():
            exporter.until(shows(metric, written[table]), f"{metric}: every row, deleted or not")
        follow(exporter, asked)
        for table, metric in COUNTED.items():
            until(scraped(prometheus, metric, written[table]), f"{metric} is scraped")
            window = f"{int(time.time() - since) + 2}s"
            new = written[table] - before[table]
            assert 0 < new < deleted[table] / 2, "a jump would be told from what was written"
            # increase() extrapolates to the borders of its window; a fall would add all that is left of the counter.
            assert told(prometheus, f"sum(increase({metric}[{window}]))") == pytest.approx(new, rel=0.3, abs=5)
            fastest = told(prometheus, f"max_over_time(sum(rate({metric}[3s]))[{window}:500ms])")
            assert fastest < 5 * RATE < deleted[table] / 3, "three seconds are the window of the rate"
        assert fallen(prometheus) == {}
        gone = told(prometheus, f'min_over_time(sigmasight_table_rows_overdue{{table="{CLEANED[0]}"}}[{window}])')
        assert gone == 0


def shows(metric: str, value: float) -> Callable[[Scrape], bool]:
    return lambda scrape: scrape.total(metric) == value


def scraped(prometheus: Prometheus, metric: str, value: float) -> Callable[[], bool]:
    return lambda: told(prometheus, f"sum({metric})") == value


def grown(exporter: Watching, metric: str, by: float) -> None:
    start = exporter.scrape().total(metric)
    exporter.until(lambda s: s.total(metric) >= start + by, f"{metric} grows by {by}")


def follow(exporter: Watching, asked: psycopg.Connection[tuple[float]]) -> None:
    """Windows and tables are what SQL says of them now."""

    def equal(scrape: Scrape) -> bool:
        for table in CLEANED:
            rows = number(asked, f"SELECT count(*) FROM {table}")  # noqa: S608
            if scrape.total("sigmasight_table_rows", table=table) != rows:
                return False
            if scrape.total("sigmasight_table_rows_overdue", table=table) > 0:
                return False
        for days in (1, 7, 14, 30):
            inside = f"created_at BETWEEN now() - interval '{24 * days} hours' AND now()"
            requests = number(asked, f"SELECT count(*) FROM ai_request_metrics WHERE {inside}")  # noqa: S608
            starts = number(
                asked,
                "SELECT count(*) FROM user_activity_events WHERE event_type = 'onboarding.register_start'"  # noqa: S608
                f" AND {inside}",
            )
            if scrape.total("sigmasight_window_requests", days=str(days)) != requests:
                return False
            step = {"days": str(days), "step": "register_start"}
            if scrape.total("sigmasight_window_onboarding_events", **step) != starts:
                return False
        return True

    exporter.until(equal, "windows and tables are those of the database")
