"""The fixtures: redis_server, start_redis, prometheus_server, alertmanager_server, victoriametrics, smtp_sink, influxd,
grafana, chromium, postgres_server.

A fixture whose server takes a configuration is a factory: `prometheus_server({"scrape_configs": [...]})`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import pytest
from playwright.sync_api import Browser, sync_playwright

from exporters.demo import programs
from exporters.demo.alertmanager import Alertmanager
from exporters.demo.grafana import Grafana
from exporters.demo.influxdb import InfluxDB
from exporters.demo.ports import free_port
from exporters.demo.postgres import Postgres
from exporters.demo.prometheus import Prometheus
from exporters.demo.redis import Redis
from exporters.demo.smtp import MailSink
from exporters.demo.victoriametrics import VictoriaMetrics
from tests.servers.present import OPTIONAL

CHROMIUM_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


class StartRedis(Protocol):
    def __call__(self, *, password: bool = ..., **options: Any) -> Redis: ...


class StartPrometheus(Protocol):
    def __call__(self, config: Mapping[str, Any], **options: Any) -> Prometheus: ...


class StartAlertmanager(Protocol):
    def __call__(self, config: Mapping[str, Any]) -> Alertmanager: ...


class StartGrafana(Protocol):
    def __call__(self, stack: Path, **env: str) -> Grafana: ...


def skip_without(fixture: str) -> None:
    wanted = next(server for server in OPTIONAL if server.fixture == fixture)
    if wanted.missing:
        pytest.skip(wanted.reason)


@pytest.fixture
def start_redis(tmp_path: Path) -> Iterator[StartRedis]:
    """Starts any number of Redis servers; options as `exporters.demo.redis.Redis` takes them."""
    with ExitStack() as servers:

        def start(*, password: bool = True, **options: Any) -> Redis:
            port = free_port()
            folder = tmp_path / f"redis-{port}"
            password_file = folder / "password" if password else None
            return servers.enter_context(Redis(folder, port, password_file=password_file, **options))

        yield start


@pytest.fixture
def redis_server(start_redis: StartRedis) -> Redis:
    """A Redis with a password, whose writes survive `kill()`."""
    return start_redis(appendonly=True)


@pytest.fixture
def prometheus_server(tmp_path: Path) -> Iterator[StartPrometheus]:
    """Starts a Prometheus with the configuration given; options as its class takes them."""
    with ExitStack() as servers:

        def start(config: Mapping[str, Any], **options: Any) -> Prometheus:
            port = free_port()
            return servers.enter_context(Prometheus(tmp_path / f"prometheus-{port}", port, config, **options))

        yield start


@pytest.fixture
def alertmanager_server(tmp_path: Path) -> Iterator[StartAlertmanager]:
    """Starts an Alertmanager with the configuration given."""
    with ExitStack() as servers:

        def start(config: Mapping[str, Any]) -> Alertmanager:
            port = free_port()
            return servers.enter_context(Alertmanager(tmp_path / f"alertmanager-{port}", port, config))

        yield start


@pytest.fixture
def victoriametrics(tmp_path: Path) -> Iterator[VictoriaMetrics]:
    skip_without("victoriametrics")
    with VictoriaMetrics(tmp_path / "victoriametrics", free_port()) as server:
        yield server


@pytest.fixture
def smtp_sink(tmp_path: Path) -> Iterator[MailSink]:
    with MailSink(tmp_path / "mail", free_port(), free_port()) as server:
        yield server


@pytest.fixture
def postgres_server(tmp_path: Path) -> Iterator[Postgres]:
    """An empty PostgreSQL that does not wait for the disk."""
    quick = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    with Postgres(
        tmp_path / "postgres", free_port(), password_file=tmp_path / "postgres-password", settings=quick
    ) as server:
        yield server


@pytest.fixture
def influxd(tmp_path: Path) -> Iterator[InfluxDB]:
    """A real InfluxDB 2 with its first user; `make()` adds buckets and tokens."""
    skip_without("influxd")
    program = programs.need("influxd", package="none")
    with InfluxDB(program, tmp_path / "influxdb", free_port(), token_file=tmp_path / "influxdb-token") as server:
        server.first_user()
        yield server


@pytest.fixture
def grafana(tmp_path: Path) -> Iterator[StartGrafana]:
    """Starts a real Grafana on a folder with grafana.ini, provisioning/ and dashboards/, as scripts/layout.py makes it.

    env: what the files there refer to, PROMETHEUS_URL and so on.
    """
    skip_without("grafana")
    program = programs.need("grafana", package="none")
    with ExitStack() as servers:

        def start(stack: Path, **env: str) -> Grafana:
            port = free_port()
            server = Grafana(
                program,
                tmp_path / f"grafana-{port}",
                port,
                config=stack / "grafana.ini",
                provisioning=stack / "provisioning",
                dashboards=stack / "dashboards",
                password_file=tmp_path / f"grafana-secrets-{port}" / "password",
                env=env,
            )
            return servers.enter_context(server)

        yield start


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """A headless Chromium; open pages in contexts of your own and close them."""
    skip_without("chromium")
    program = programs.need("chromium", package="chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(CHROMIUM_FLAGS))
        yield browser
        browser.close()
