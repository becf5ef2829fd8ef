"""The real Grafana on the files of the stack, and where its own files are found."""

from __future__ import annotations

import json
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Browser

from exporters.demo import grafana as module
from exporters.demo.grafana import MAGIC_OF_ELF, locate
from exporters.demo.loopback import request
from tests.demo.test_real_servers import listening
from tests.servers.fixtures import StartGrafana

ROOT = Path(__file__).parents[2]


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    """The least that Grafana needs: our settings, and one page to open with."""
    folder = tmp_path / "stack"
    for part in ("datasources", "dashboards", "alerting", "plugins", "notifiers"):
        (folder / "provisioning" / part).mkdir(parents=True)
    (folder / "grafana.ini").write_text((ROOT / "grafana" / "grafana.ini").read_text())
    (folder / "dashboards").mkdir()
    page = {"title": "Welcome", "schemaVersion": 39, "panels": []}
    (folder / "dashboards" / "home.json").write_text(json.dumps(page))
    source = {"name": "Prometheus", "type": "prometheus", "uid": "prometheus", "url": "$PROMETHEUS_URL"}
    provisioned = {"apiVersion": 1, "datasources": [source]}
    (folder / "provisioning" / "datasources" / "prometheus.yml").write_text(json.dumps(provisioned))
    return folder


def test_it_is_provisioned_and_lets_nobody_in_without_the_password(grafana: StartGrafana, stack: Path) -> None:
    server = grafana(stack, PROMETHEUS_URL="http://127.0.0.1:1")
    assert request(server.port, "/api/datasources").status == 401
    sources = server.api("datasources").json()
    assert [(source["uid"], source["url"]) for source in sources] == [("prometheus", "http://127.0.0.1:1")]
    assert listening(server) == {"127.0.0.1"}
    process = psutil.Process(server.pid)
    seen = " ".join([*process.cmdline(), *process.environ().values()])
    assert server.password_file.read_text() not in seen


def test_it_opens_in_a_browser_and_asks_nobody_else(grafana: StartGrafana, stack: Path, chromium: Browser) -> None:
    server = grafana(stack, PROMETHEUS_URL="http://127.0.0.1:1")
    context = chromium.new_context(extra_http_headers=server.authorization)
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda sent: asked.append(sent.url))
    page.goto(server.address)
    page.wait_for_load_state("networkidle")
    assert "Grafana" in page.title()
    context.close()
    assert asked
    assert [url for url in asked if not url.startswith((server.address, "data:", "blob:"))] == []


def binary(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(MAGIC_OF_ELF + b"\0")
    return path


def test_its_own_files_are_found_beside_the_binary(tmp_path: Path) -> None:
    program = binary(tmp_path / "opt" / "bin" / "grafana")
    (tmp_path / "opt" / "public").mkdir()
    on_path = tmp_path / "grafana"
    on_path.symlink_to(program)
    assert locate(on_path) == (program, tmp_path / "opt")


def test_a_packages_files_are_found_where_packages_put_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packaged = tmp_path / "share" / "grafana"
    (packaged / "public").mkdir(parents=True)
    monkeypatch.setattr(module, "PACKAGED", packaged)
    program = binary(tmp_path / "bin" / "grafana")
    assert locate(program) == (program, packaged)


def test_a_wrapper_is_trusted_to_know_its_home(tmp_path: Path) -> None:
    wrapper = tmp_path / "grafana"
    wrapper.write_text("#!/bin/sh\n")
    assert locate(wrapper) == (wrapper, None)
