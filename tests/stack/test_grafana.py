"""The laid-out Grafanas, running: everything loads, nobody is let in, nobody is called, texts stay apart."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporters.demo.loopback import request
from exporters.demo.ports import free_port
from tests.servers.fixtures import StartAlertmanager, skip_without
from tests.stack.checkout import Checkout, make_checkout
from tests.stack.compose import services
from tests.stack.grafanas import PASSWORD, StackGrafana
from tests.stack.test_notifications import until

pytestmark = [pytest.mark.servers, pytest.mark.real_grafana]
EIGHT_HOURS = 8 * 3600


class Internet:
    """A proxy that lets nobody out and remembers who asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            with connection:
                connection.settimeout(5)
                line = connection.recv(4096).decode(errors="replace").partition("\r\n")[0]
                if not line:
                    return
                self.asked.append(line)
                connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    def close(self) -> None:
        # One connection that says nothing ends it.
        socket.create_connection(("127.0.0.1", self.port)).close()
        self._thread.join()
        self._listener.close()


def via(internet: Internet) -> dict[str, str]:
    proxy = f"http://127.0.0.1:{internet.port}"
    return {"HTTPS_PROXY": proxy, "HTTP_PROXY": proxy, "https_proxy": proxy, "http_proxy": proxy}


@pytest.fixture(scope="module")
def internet() -> Iterator[Internet]:
    proxy = Internet()
    yield proxy
    proxy.close()


@pytest.fixture(scope="module")
def main(tmp_path_factory: pytest.TempPathFactory, internet: Internet) -> Iterator[StackGrafana]:
    """The main Grafana, whose only way out leads through `internet`."""
    skip_without("grafana")
    folder = tmp_path_factory.mktemp("main")
    checkout = make_checkout(folder / "checkout")
    checkout.lay_out()
    addresses = {"prometheus:9090": "127.0.0.1:1", "influxdb:8086": "127.0.0.1:2"}
    with StackGrafana(folder / "grafana", free_port(), checkout, addresses=addresses, env=via(internet)) as grafana:
        yield grafana


@pytest.fixture(scope="module")
def restricted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackGrafana]:
    skip_without("grafana")
    folder = tmp_path_factory.mktemp("restricted")
    checkout = make_checkout(folder / "checkout")
    checkout.lay_out()
    with StackGrafana(folder / "grafana", free_port(), checkout, service="grafana-restricted") as grafana:
        yield grafana


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., StackGrafana]]:
    """Another main Grafana, over a checkout of the test's own."""
    skip_without("grafana")
    with contextlib.ExitStack() as servers:

        def run(checkout: Checkout, **options: Any) -> StackGrafana:
            return servers.enter_context(StackGrafana(tmp_path / "grafana", free_port(), checkout, **options))

        yield run


def loaded(grafana: StackGrafana) -> tuple[list[str], list[str]]:
    """Uids of its data sources, titles of its folders."""
    sources = sorted(source["uid"] for source in grafana.get("/api/datasources"))
    return sources, sorted(folder["title"] for folder in grafana.get("/api/folders"))


def test_the_main_one_loads_without_a_warning(main: StackGrafana) -> None:
    assert loaded(main) == (["alertmanager", "influxdb", "prometheus"], ["HER", "Observatory"])
    assert main.complaints() == []


def test_the_restricted_one_loads_without_a_warning(restricted: StackGrafana) -> None:
    assert loaded(restricted) == (["alertmanager", "influxdb", "influxdb-text", "prometheus"], ["HER texts"])
    assert restricted.complaints() == []


def test_both_in_one_load_without_a_warning(tmp_path: Path, start: Callable[..., StackGrafana]) -> None:
    checkout = make_checkout(tmp_path / "checkout")
    checkout.lay_out("--text", "together")
    (together,) = services("docker-compose.together.yml").keys() - {"layout"}
    grafana = start(checkout, env=services("docker-compose.together.yml")[together]["environment"])
    sources = ["alertmanager", "influxdb", "influxdb-text", "prometheus"]
    assert loaded(grafana) == (sources, ["HER", "HER texts", "Observatory"])
    assert grafana.complaints() == []


def test_data_sources_carry_what_the_environment_says(main: StackGrafana) -> None:
    found = {source["uid"]: source for source in main.get("/api/datasources")}
    assert found["prometheus"]["url"] == "http://127.0.0.1:1"
    assert found["prometheus"]["jsonData"]["timeInterval"] == "15s"
    assert found["prometheus"]["isDefault"]
    assert found["influxdb"]["url"] == "http://127.0.0.1:2"
    assert found["influxdb"]["jsonData"]["organization"] == "observatory"
    assert all(source["readOnly"] for source in found.values())


def test_nobody_gets_in_without_a_login(main: StackGrafana) -> None:
    for path in ("/api/search", "/api/datasources", "/api/dashboards/home", "/api/ds/query"):
        assert request(main.port, path).status == http.client.UNAUTHORIZED
    assert request(main.port, "/metrics").status != http.client.OK
    wrong = {"user": "admin", "password": "admin"}
    assert log_in(main, wrong).status == http.client.UNAUTHORIZED


def log_in(grafana: StackGrafana, words: dict[str, str]) -> http.client.HTTPResponse:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", grafana.port, timeout=10)) as connection:
        connection.request("POST", "/login", body=json.dumps(words), headers={"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        return answer


@pytest.mark.parametrize(
    ("which", "cookie"), [("main", "grafana_session"), ("restricted", "grafana_restricted_session")]
)
def test_a_session_lasts_eight_hours(request: pytest.FixtureRequest, which: str, cookie: str) -> None:
    answer = log_in(request.getfixturevalue(which), {"user": "admin", "password": PASSWORD})
    assert answer.status == http.client.OK
    cookies: SimpleCookie = SimpleCookie()
    for header in answer.headers.get_all("Set-Cookie", []):
        cookies.load(header)
    assert int(cookies[cookie]["max-age"]) == EIGHT_HOURS
    assert cookies[cookie]["httponly"]


def test_the_settings_of_its_pages(main: StackGrafana) -> None:
    settings = main.get("/api/frontend/settings")
    assert settings["minRefreshInterval"] == "1s"
    for switch in (
        "reportingEnabled",
        "newsFeedEnabled",
        "feedbackLinksEnabled",
        "pluginAdminEnabled",
        "snapshotEnabled",
    ):
        assert not settings.get(switch), switch
    assert not settings["buildInfo"].get("latestVersion")


def test_it_opens_with_home(main: StackGrafana) -> None:
    assert main.get("/api/dashboards/home")["dashboard"]["title"] == "home home main"
    assert main.get("/api/dashboards/uid/main-her-overview")["meta"]["folderTitle"] == "HER"


def test_it_calls_nobody(main: StackGrafana, internet: Internet) -> None:
    for path in ("/", "/api/frontend/settings", "/api/dashboards/home", "/api/plugins", "/avatar/0"):
        main.call("GET", path)
    assert internet.asked == []


def test_it_would_be_seen_if_it_did(tmp_path: Path, start: Callable[..., StackGrafana]) -> None:
    other = Internet()
    checkout = make_checkout(tmp_path / "checkout")
    checkout.lay_out()
    try:
        start(checkout, env={**via(other), "GF_ANALYTICS_CHECK_FOR_UPDATES": "true"})
        until(lambda: other.asked)
    finally:
        other.close()


ALWAYS = {
    "apiVersion": 1,
    "groups": [
        {
            "orgId": 1,
            "name": "always",
            "folder": "HER",
            "interval": "10s",
            "rules": [
                {
                    "uid": "always",
                    "title": "HerAlways",
                    "condition": "A",
                    "for": "0s",
                    "noDataState": "OK",
                    "execErrState": "Error",
                    "labels": {"severity": "warning", "system": "her", "deployment": "default"},
                    "annotations": {"summary": "One is one."},
                    "data": [
                        {
                            "refId": "A",
                            "datasourceUid": "__expr__",
                            "relativeTimeRange": {"from": 60, "to": 0},
                            "model": {"refId": "A", "type": "math", "expression": "1 == 1"},
                        }
                    ],
                }
            ],
        }
    ],
}


def test_grafanas_own_alerts_reach_the_same_alertmanager(
    tmp_path: Path, start: Callable[..., StackGrafana], alertmanager_server: StartAlertmanager
) -> None:
    checkout = make_checkout(tmp_path / "checkout")
    alertmanager = alertmanager_server({"route": {"receiver": "none"}, "receivers": [{"name": "none"}]})
    version = request(alertmanager.port, "/api/v2/status").json()["versionInfo"]["version"]
    rules = checkout.folder / "grafana/provisioning/alerting/her.yml"
    rules.write_text(yaml.safe_dump(ALWAYS))
    checkout.lay_out()
    grafana = start(checkout, addresses={"alertmanager:9093": f"127.0.0.1:{alertmanager.port}"})
    if speaks_v1(grafana.get("/api/health")["version"]) and has_v1_no_more(version):
        pytest.skip(f"this Grafana speaks the first interface, which Alertmanager {version} has no more")
    (alert,) = until(alertmanager.alerts, 60)
    assert alert["labels"].items() >= {"alertname": "HerAlways", "system": "her", "deployment": "default"}.items()
    assert alert["annotations"]["summary"] == "One is one."
    assert grafana.complaints() == []


def speaks_v1(grafana: str) -> bool:
    """Grafana hands alerts to /api/v1/alerts up to 10.3."""
    return numbers(grafana) <= (10, 3)


def has_v1_no_more(alertmanager: str) -> bool:
    return numbers(alertmanager) >= (0, 27)


def numbers(version: str) -> tuple[int, int]:
    found = re.match(r"(\d+)\.(\d+)", version)
    assert found
    return int(found[1]), int(found[2])
