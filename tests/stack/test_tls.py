"""TLS, switched on as docker-compose.tls.yml does it: real servers, certificates of our own authority."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporters.demo import programs
from exporters.demo.loopback import Answer, request
from exporters.demo.ports import free_port
from exporters.demo.process import Probe, Server
from tests.servers.fixtures import skip_without
from tests.stack.checkout import make_checkout
from tests.stack.compose import ROOT, secret_names, services
from tests.stack.grafanas import PASSWORD, StackGrafana, basic_auth
from tests.stack.test_grafana import ALWAYS, has_v1_no_more, speaks_v1
from tests.stack.test_notifications import until

TLS = services("docker-compose.tls.yml")
USUAL = {"prometheus": 9090, "alertmanager": 9093}


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    """secrets/tls as scripts/make_tls.sh makes it."""
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    shutil.copy(ROOT / "scripts/make_tls.sh", scripts)
    subprocess.run(
        ["bash", scripts / "make_tls.sh", "observatory.example.org", "192.0.2.7"], capture_output=True, check=True
    )
    return tmp_path / "secrets/tls"


def test_every_certificate_that_compose_mounts_is_made(certificates: Path) -> None:
    declared = yaml.safe_load((ROOT / "docker-compose.tls.yml").read_text())["secrets"].values()
    assert {Path(secret["file"]).name for secret in declared} <= {path.name for path in certificates.iterdir()}
    mounted = {name for service in TLS.values() for name in secret_names(service)}
    # The authority's own key could make certificates for any name: it goes nowhere.
    assert not [name for name in mounted if "ca_key" in name]
    assert certificates.joinpath("ca.key").stat().st_mode & 0o077 == 0


def test_a_second_run_leaves_them_as_they_are(certificates: Path) -> None:
    before = {path.name: path.read_bytes() for path in certificates.iterdir()}
    again = subprocess.run(
        ["bash", certificates.parent.parent / "scripts/make_tls.sh"], capture_output=True, check=True
    )
    assert {path.name: path.read_bytes() for path in certificates.iterdir()} == before
    assert again.stdout == b""


@pytest.mark.parametrize("server", ["grafana", "prometheus", "alertmanager"])
def test_a_certificate_is_for_every_name_the_server_is_called_by(certificates: Path, server: str) -> None:
    for name in (server, "localhost", "observatory.example.org"):
        verify(certificates, server, "-verify_hostname", name)
    for address in ("127.0.0.1", "192.0.2.7"):
        verify(certificates, server, "-verify_ip", address)


def verify(certificates: Path, server: str, *how: str) -> None:
    authority, certificate = str(certificates / "ca.crt"), str(certificates / f"{server}.crt")
    # As strictly as Python 3.13 looks at every certificate.
    command = ["openssl", "verify", "-x509_strict", "-CAfile", authority, *how, certificate]
    subprocess.run(command, capture_output=True, check=True)


def over_tls(
    port: int, path: str, ca: Path, *, document: Any = None, headers: Mapping[str, str] | None = None
) -> Answer:
    """GET, or POST of a JSON document."""
    trust = ssl.create_default_context(cafile=str(ca))
    with closing(http.client.HTTPSConnection("localhost", port, timeout=5, context=trust)) as connection:
        body = None if document is None else json.dumps(document)
        connection.request("POST" if body else "GET", path, body=body, headers=dict(headers or {}))
        answer = connection.getresponse()
        return Answer(answer.status, answer.read())


def ready(port: int, ca: Path) -> Probe:
    return lambda: over_tls(port, "/-/ready", ca).status == http.client.OK


@pytest.fixture
def stack(tmp_path: Path, certificates: Path) -> Iterator[dict[str, int]]:
    """Prometheus and Alertmanager of one layout, both over TLS; returns their ports."""
    ports = {"prometheus": free_port(), "alertmanager": free_port()}
    checkout = make_checkout(tmp_path / "checkout")
    ca = certificates / "ca.crt"
    addresses = [part for name, port in ports.items() for part in (f"--{name}", f"localhost:{port}")]
    checkout.lay_out("--tls-ca", str(ca), *addresses, config="systems: {her: [{}]}\nscrape_interval_seconds: 1\n")
    for name in ports:
        # In a container compose puts them there.
        web = checkout.out / name / "web.yml"
        text = web.read_text()
        for end in ("crt", "key"):
            assert f"/run/secrets/tls_{name}_{end}" in text
            text = text.replace(f"/run/secrets/tls_{name}_{end}", str(certificates / f"{name}.{end}"))
        web.write_text(text)

    def server(name: str, program: Path, *flags: str) -> Server:
        common = [f"--config.file={checkout.out / name / name}.yml", f"--web.config.file={checkout.out / name}/web.yml"]
        listen = f"--web.listen-address=127.0.0.1:{ports[name]}"
        log = tmp_path / f"{name}.log"
        return Server(name, [program, *common, listen, *flags], log=log, ready=ready(ports[name], ca))

    prometheus = programs.need("prometheus", package="prometheus")
    alertmanager = programs.need("prometheus-alertmanager", "alertmanager", package="prometheus-alertmanager")
    with (
        server("alertmanager", alertmanager, f"--storage.path={tmp_path / 'am'}", "--cluster.listen-address="),
        server("prometheus", prometheus, f"--storage.tsdb.path={tmp_path / 'tsdb'}"),
    ):
        yield ports


def test_prometheus_reaches_itself_and_alertmanager_over_tls(
    stack: dict[str, int], certificates: Path, tmp_path: Path
) -> None:
    def lines() -> set[str]:
        query = "/api/v1/query?query=up%7Bjob!%3D%22observatory%22%7D"
        answer = over_tls(stack["prometheus"], query, certificates / "ca.crt").json()
        return {series["metric"]["job"] for series in answer["data"]["result"] if series["value"][1] == "1"}

    deadline = time.monotonic() + 20
    while lines() != {"prometheus", "alertmanager"}:
        assert time.monotonic() < deadline, (tmp_path / "prometheus.log").read_text()
        time.sleep(0.2)


def test_the_health_check_of_alertmanager_passes_over_tls(stack: dict[str, int], tmp_path: Path) -> None:
    check = TLS["alertmanager"]["healthcheck"]["test"]
    assert check[:2] == ["CMD", "amtool"]
    command = [part.replace("/stack/", f"{tmp_path}/checkout/out/alertmanager/") for part in check[1:]]
    command = [part.replace("localhost:9093", f"localhost:{stack['alertmanager']}") for part in command]
    subprocess.run(command, capture_output=True, check=True, timeout=20)
    # It is a check: with nobody there it fails.
    command = [part.replace(str(stack["alertmanager"]), str(free_port())) for part in command]
    assert subprocess.run(command, capture_output=True, check=False, timeout=20).returncode != 0


def test_the_health_check_of_prometheus_passes_over_tls(stack: dict[str, int], tmp_path: Path) -> None:
    promtool = programs.need("promtool", package="prometheus")
    if "check ready" not in subprocess.run([promtool, "--help"], capture_output=True, text=True, check=False).stdout:
        pytest.skip("this promtool is older than `check ready`")
    check = TLS["prometheus"]["healthcheck"]["test"]
    command = [part.replace("/stack/", f"{tmp_path}/checkout/out/prometheus/") for part in check[1:]]
    command = [part.replace("localhost:9090", f"localhost:{stack['prometheus']}") for part in command]
    subprocess.run(command, capture_output=True, check=True, timeout=20, env={"PATH": os.environ["PATH"]})


@pytest.mark.real_grafana
def test_grafana_speaks_tls_and_reaches_both(stack: dict[str, int], certificates: Path, tmp_path: Path) -> None:
    skip_without("grafana")
    ca, port = certificates / "ca.crt", free_port()
    checkout = make_checkout(tmp_path / "grafana-checkout")
    (checkout.folder / "grafana/provisioning/alerting/her.yml").write_text(yaml.safe_dump(ALWAYS))
    checkout.lay_out()
    grafana = StackGrafana(
        tmp_path / "grafana",
        port,
        checkout,
        addresses={f"{name}:{usual}": f"localhost:{stack[name]}" for name, usual in USUAL.items()},
        env=TLS["grafana"]["environment"],
        secrets={
            "tls_ca": ca.read_text(),
            **{f"tls_grafana_{end}": (certificates / f"grafana.{end}").read_text() for end in ("crt", "key")},
        },
        ready=lambda: over_tls(port, "/api/health", ca).status == http.client.OK,
    )
    with grafana:
        query = {"refId": "A", "datasource": {"uid": "prometheus"}, "expr": "vector(42)", "instant": True}
        asked = {"from": "now-5m", "to": "now", "queries": [query]}
        headers = {**basic_auth(), "Content-Type": "application/json"}
        assert "42" in over_tls(port, "/api/ds/query", ca, document=asked, headers=headers).text
        status = "/api/alertmanager/alertmanager/api/v2/status"
        assert over_tls(port, status, ca, headers=headers).json()["versionInfo"]
        # Grafana up to 10.3 hands its alerts to an interface that Alertmanager has no more since 0.27.
        version = over_tls(stack["alertmanager"], "/api/v2/status", ca).json()["versionInfo"]["version"]
        if not (speaks_v1(over_tls(port, "/api/health", ca).json()["version"]) and has_v1_no_more(version)):
            until(lambda: over_tls(stack["alertmanager"], "/api/v2/alerts", ca).json(), 60)
        words = {"user": "admin", "password": PASSWORD}
        cookies = over_tls_cookies(port, ca, words)
        assert all("Secure" in cookie for cookie in cookies if cookie.startswith("grafana_session"))
        assert grafana.complaints() == []


def over_tls_cookies(port: int, ca: Path, words: Mapping[str, str]) -> list[str]:
    trust = ssl.create_default_context(cafile=str(ca))
    with closing(http.client.HTTPSConnection("localhost", port, timeout=5, context=trust)) as connection:
        connection.request("POST", "/login", body=json.dumps(words), headers={"Content-Type": "application/json"})
        found = connection.getresponse().headers.get_all("Set-Cookie", [])
    assert found
    return found


def test_without_tls_nobody_is_answered(stack: dict[str, int]) -> None:
    assert request(stack["prometheus"], "/-/ready").status == http.client.BAD_REQUEST
