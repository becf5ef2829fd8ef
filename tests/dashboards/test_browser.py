"""Every dashboard in a real Grafana over a living demo, as a person sees it: drawn, with data, without an error.

The demo is the product's own (`observatory demo`): a real Redis that an invented HER writes to, the exporter,
Prometheus, Alertmanager, InfluxDB and Grafana with the provisioning of the stack.
"""

from __future__ import annotations

import base64
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser

from exporters.dead_panels import Finding, generated, inspect
from exporters.demo.grafana import ADMINISTRATOR
from exporters.demo.loopback import request as ask
from exporters.demo.process import Server
from exporters.panel_queries import InfluxDB, Prometheus, QueryFailed, Range
from exporters.panel_sql import Grafana
from tests.dashboards.looking import Look, Window, problems
from tests.servers.fixtures import skip_without

pytestmark = [
    pytest.mark.real_grafana,
    pytest.mark.real_influxdb,
    pytest.mark.browser,
    pytest.mark.servers,
    pytest.mark.timeout(600),
]
DASHBOARDS = [dashboard.json for dashboard in generated()]
LOOKS = (Look("now-5m", "light", 1600), Look("now-15m", "dark", 1600), Look("now-1h", "dark", 390))
PATIENCE = 240


@dataclass(frozen=True, slots=True)
class Demo:
    """A demo whose every panel is alive. headers: let one in as the administrator."""

    grafana: str
    headers: dict[str, str]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """`observatory demo`, once the dead-panel detector finds no dead panel."""
    if os.environ.get("OBSERVATORY_BROWSER") != "1":
        pytest.skip("a quarter of an hour of Chromium on two cores: `make test-browser` runs it")
    skip_without("grafana")
    skip_without("influxd")
    skip_without("chromium")
    folder = tmp_path_factory.mktemp("demo")
    log = folder / "log"
    server = Server(
        "Demo",
        [
            Path(sys.executable).with_name("observatory"),
            *("demo", "--folder", folder / "files", "--any-ports", "--no-download"),
        ],
        log=log,
        ready=lambda: "Ctrl-C stops everything" in log.read_text(),
    )
    try:
        server.start().wait_ready(timeout=90)
        rows = {row["name"]: row["address"] for row in json.loads((folder / "files" / "demo.json").read_text())}
        secrets = folder / "files" / "secrets"
        influxdb = InfluxDB(rows["InfluxDB"], "observatory", secrets / "influxdb-grafana-restricted.token")
        grafana = Grafana(rows["Grafana"], ADMINISTRATOR, secrets / "grafana_password")
        until_alive(Prometheus(rows["Prometheus"]), influxdb, grafana)
        yield Demo(rows["Grafana"], authorization((secrets / "grafana_password").read_text().strip()))
    finally:
        server.stop(grace=30)


def authorization(password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{ADMINISTRATOR}:{password}".encode()).decode()}


def until_alive(prometheus: Prometheus, influxdb: InfluxDB, grafana: Grafana) -> None:
    """Wait until no panel is dead; fails with those that still are."""
    deadline = time.monotonic() + PATIENCE
    while True:
        now = datetime.now(UTC)
        try:
            when = Range(now - timedelta(minutes=5), now)
            found = list(inspect(generated(), prometheus, influxdb, when, grafana))
            dead = [finding for finding in found if finding.dead]
        except QueryFailed as error:
            dead = [Finding("", "", "failing", str(error))]
        if not dead:
            return
        assert time.monotonic() < deadline, dead
        time.sleep(2)


@pytest.fixture(scope="module", params=LOOKS, ids=str)
def window(demo: Demo, chromium: Browser, request: pytest.FixtureRequest) -> Iterator[Window]:
    """One window at a time: several in one browser wait for each other."""
    context = chromium.new_context(extra_http_headers=demo.headers, reduced_motion="reduce")
    yield Window(context, demo.grafana, request.param)
    context.close()


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda dashboard: dashboard["uid"])
def test_every_panel_is_drawn(window: Window, dashboard: dict[str, Any]) -> None:
    """At three time ranges, in both themes, on a desk and on a telephone."""
    assert list(problems(dashboard, window.look_at(dashboard))) == []


def test_home_is_the_first_page_and_a_system_leads_to_its_own(demo: Demo, chromium: Browser) -> None:
    context = chromium.new_context(viewport={"width": 1600, "height": 1600}, extra_http_headers=demo.headers)
    page = context.new_page()
    page.goto(demo.grafana, wait_until="load")
    page.get_by_text("Every system").first.wait_for(timeout=20_000)
    page.locator('a[href*="/d/her-overview?"]').first.click(timeout=20_000)
    page.get_by_text("Sign of life").first.wait_for(timeout=20_000)
    assert "var-deployment=demo" in page.url
    context.close()


def test_what_is_typed_is_looked_for_as_it_stands(demo: Demo, chromium: Browser) -> None:
    """Grafana's own page makes the statement, its own server asks it: neither quotes nor macros mean anything."""
    context = chromium.new_context(viewport={"width": 1600, "height": 1600}, extra_http_headers=demo.headers)
    page = context.new_page()
    refused: list[str] = []
    page.on("response", lambda r: refused.append(r.url) if r.status >= 400 else None)
    for typed, found in (("ONIONS", True), ("'; $x(y) 100%_\\\" --", False), ("%", False), ("_", False)):
        page.goto(f"{demo.grafana}/d/her-memory-texts?var-search={quote(typed)}", wait_until="load")
        words = "Asks for recipes without onions" if found else "No memory found"
        page.get_by_text(words).first.wait_for(timeout=20_000)
    assert refused == []
    context.close()


def test_grafana_took_every_page(demo: Demo) -> None:
    port = int(demo.grafana.rsplit(":", 1)[1])
    found = ask(port, "/api/search", query={"type": "dash-db", "limit": "500"}, headers=demo.headers).json()
    assert {page["uid"] for page in found} == {dashboard["uid"] for dashboard in DASHBOARDS}
