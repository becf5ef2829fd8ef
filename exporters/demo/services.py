"""The servers around the exporter: mail sink, InfluxDB, the exporter itself, Alertmanager, Prometheus, Grafana.

Their files are those of production: scripts/layout.py makes them for the systems the demo watches.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from exporters.core.errors import ObservatoryError
from exporters.core.influx_setup import wanted_buckets, wanted_tokens
from exporters.demo import programs
from exporters.demo.alertmanager import Alertmanager
from exporters.demo.fetch_release import ReleaseUnavailableError, fetch, how_to_install, release_of
from exporters.demo.grafana import ADMINISTRATOR, Grafana
from exporters.demo.influxdb import ORGANISATION, InfluxDB, is_version_1
from exporters.demo.loopback import answers
from exporters.demo.ports import LOOPBACK
from exporters.demo.process import Server, ServerError, StoppingError
from exporters.demo.prometheus import Prometheus
from exporters.demo.smtp import MailSink
from exporters.demo.stage import Stage, shown

ROOT = Path(__file__).resolve().parents[2]
LAYOUT = ROOT / "scripts" / "layout.py"
SCRAPE_SECONDS = 5
RECIPIENT = "operator@example.org"
PROMETHEUS_RETENTION = "400d"
"""As in production; Prometheus's own default is half of the 30 days that pages look back."""

FLUX_PURPOSE = "single events, asked by Flux"
PAGES_PURPOSE = "the dashboards"


def mail_sink(stage: Stage) -> MailSink:
    port, web_port = stage.port(2525, "the mail sink"), stage.port(8025, "the page with the mails")
    sink = MailSink(stage.folder / "mail", port, web_port)
    stage.start(sink, address=sink.address, purpose="the mails that Alertmanager sends")
    return sink


def influxdb(stage: Stage, systems: Sequence[str], *, download: bool) -> InfluxDB | None:
    """InfluxDB with its buckets and tokens, or None after telling why not."""
    try:
        server = _influxdb(stage, systems, download=download)
    except ReleaseUnavailableError as error:
        _without(stage, "InfluxDB", FLUX_PURPOSE, "influxd", error)
        return None
    except StoppingError:
        raise
    except (ObservatoryError, OSError) as error:
        stage.leave_out("InfluxDB", FLUX_PURPOSE, str(error))
        return None
    return server


def _influxdb(stage: Stage, systems: Sequence[str], *, download: bool) -> InfluxDB:
    program = programs.find("influxd")
    if program is None or is_version_1(program):
        program = _fetched(stage, "influxd", download=download)
    port = stage.port(8086, "InfluxDB")
    tokens = stage.folder / "secrets"
    server = InfluxDB(program, stage.folder / "influxdb", port, token_file=tokens / "influxdb-operator.token")
    try:
        stage.start(server, address=server.address, purpose=FLUX_PURPOSE)
        server.make(wanted_buckets(systems), wanted_tokens(systems, tokens))
    except ObservatoryError:
        stage.drop(server)
        raise
    return server


def exporter(stage: Stage, systems: Mapping[str, Any], influx: InfluxDB | None) -> tuple[int, Path]:
    """`observatory serve` on a configuration made for these systems; returns its port and that file."""
    port = stage.port(9464, "the exporter")
    document: dict[str, Any] = {
        "scrape_interval_seconds": SCRAPE_SECONDS,
        "web": {"listen_addresses": [f"{LOOPBACK}:{port}"]},
        "state": {"directory": str(stage.folder / "exporter" / "state")},
        "systems": dict(systems),
    }
    if influx:
        token_file = stage.folder / "secrets" / "influxdb-exporter.token"
        document["influxdb"] = {"url": influx.address, "org": ORGANISATION, "token_file": str(token_file)}
    config = stage.folder / "observatory.yml"
    config.write_text(yaml.safe_dump(document, sort_keys=False))
    server = Server(
        "Exporter",
        [Path(sys.executable).with_name("observatory"), "serve", "--config.file", config],
        log=stage.folder / "exporter" / "exporter.log",
        ready=answers(port, "/healthz"),
        # Settings of the shell that starts the demo are not the demo's.
        env={key: None for key in os.environ if key.startswith("OBSERVATORY_")},
    )
    stage.start(server, address=f"http://{LOOPBACK}:{port}/metrics", purpose="the metrics of all that")
    return port, config


def alerting_and_pages(
    stage: Stage, config: Path, exporter_port: int, sink: MailSink, influx: InfluxDB | None, *, download: bool
) -> None:
    """Alertmanager, Prometheus and Grafana on the files that scripts/layout.py makes from `config`."""
    alertmanager_port = stage.port(9093, "Alertmanager")
    prometheus_port = stage.port(9090, "Prometheus")
    grafana_port = stage.port(3002, "Grafana")
    stack = stage.folder / "stack"
    lay_out(
        config,
        stack,
        sink,
        exporters=f"{LOOPBACK}:{exporter_port}",
        prometheus=f"{LOOPBACK}:{prometheus_port}",
        alertmanager=f"{LOOPBACK}:{alertmanager_port}",
        grafana=f"http://localhost:{grafana_port}/",
    )
    alertmanager = Alertmanager(
        stage.folder / "alertmanager", alertmanager_port, stack / "alertmanager" / "alertmanager.yml"
    )
    stage.start(alertmanager, address=alertmanager.address, purpose="alerts, and who hears of them")
    prometheus = Prometheus(
        stage.folder / "prometheus",
        prometheus_port,
        stack / "prometheus" / "prometheus.yml",
        flags=(f"--storage.tsdb.retention.time={PROMETHEUS_RETENTION}",),
    )
    stage.start(prometheus, address=prometheus.address, purpose="scrapes the exporter, evaluates the alert rules")
    variables = {"PROMETHEUS_URL": prometheus.address, "ALERTMANAGER_URL": alertmanager.address}
    _grafana(stage, stack / "grafana", grafana_port, variables, influx, download=download)


def lay_out(config: Path, stack: Path, sink: MailSink, **addresses: str) -> None:
    """Write the servers' files under `stack`. Raises ServerError with what layout.py said."""
    if not LAYOUT.exists():
        message = f"the demo runs from the project's own folder: there is no {LAYOUT}"
        raise ServerError(message)
    argv = [sys.executable, str(LAYOUT), "--config", str(config), "--out", str(stack), "--text", "together"]
    for name, address in addresses.items():
        argv += [f"--{name}", address]
    # Nothing of the person's own environment: it may hold the settings of a production stack.
    mail = {
        "ALERT_EMAIL_TO": RECIPIENT,
        "ALERT_EMAIL_FROM": "observatory@example.org",
        "SMTP_SMARTHOST": f"{LOOPBACK}:{sink.port}",
        "SMTP_REQUIRE_TLS": "false",
    }
    plain = {key: value for key, value in os.environ.items() if key in {"PATH", "HOME", "LANG", "TMPDIR"}}
    done = subprocess.run(
        argv, env={**plain, **mail}, capture_output=True, text=True, check=False, start_new_session=True
    )
    if done.returncode:
        message = f"the servers' files could not be made: {done.stderr.strip()}"
        raise ServerError(message)


def _grafana(
    stage: Stage, files: Path, port: int, variables: Mapping[str, str], influx: InfluxDB | None, *, download: bool
) -> None:
    tokens = {
        "INFLUXDB_READER_TOKEN": stage.folder / "secrets" / "influxdb-grafana.token",
        "INFLUXDB_TEXT_READER_TOKEN": stage.folder / "secrets" / "influxdb-grafana-restricted.token",
    }
    # Where there is no InfluxDB, the panels that ask it say so; the address is where it would be.
    flux = {
        "INFLUXDB_URL": influx.address if influx else f"http://{LOOPBACK}:8086",
        "INFLUXDB_ORG": ORGANISATION,
        **{name: f"$__file{{{file}}}" if influx else "none" for name, file in tokens.items()},
    }
    try:
        program = programs.find("grafana") or _fetched(stage, "grafana", download=download)
        server = Grafana(
            program,
            stage.folder / "grafana",
            port,
            config=files / "grafana.ini",
            provisioning=files / "provisioning",
            dashboards=files / "dashboards",
            password_file=stage.secret_file("grafana_password"),
            env={**variables, **flux},
        )
    except ReleaseUnavailableError as error:
        _without(stage, "Grafana", PAGES_PURPOSE, "grafana", error)
        return
    try:
        stage.start(server, address=server.address, purpose=PAGES_PURPOSE)
    except ServerError as error:
        stage.drop(server)
        stage.leave_out("Grafana", PAGES_PURPOSE, str(error))
        return
    stage.notes.append(f"Grafana: log in as {ADMINISTRATOR}, password in {shown(server.password_file)}")


def _fetched(stage: Stage, program: str, *, download: bool) -> Path:
    release = release_of(program)
    if not download:
        message = f"fetching {release.title} {release.version} was not wanted (--no-download)"
        raise ReleaseUnavailableError(message)
    return fetch(release, stage.folder / "releases", stage.say, give_up=stage.stopping.is_set)


def _without(stage: Stage, name: str, purpose: str, program: str, error: ReleaseUnavailableError) -> None:
    remedy = f"{error}. To have it: {how_to_install(program)}"
    stage.leave_out(name, purpose, f"no {program} on PATH", remedy)
