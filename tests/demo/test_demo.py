"""`make demo` as a person runs it: a program of its own, real servers, an invented HER, and Ctrl-C."""

from __future__ import annotations

import base64
import fcntl
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from exporters.demo import programs
from exporters.demo.demo import main
from exporters.demo.loopback import Answer, request
from exporters.demo.process import Server
from tests.demo.test_process import alive, eventually
from tests.servers.fixtures import skip_without

READY = "Ctrl-C stops everything."


@dataclass
class Running:
    """A demo: its process, its folder, and what it has said so far."""

    process: subprocess.Popen[str]
    folder: Path
    said: list[str]

    def read_until(self, text: str) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line.rstrip("\n"))
            if text in line:
                return
        pytest.fail(f"the demo ended before it said {text!r}:\n" + "\n".join(self.said))

    def finish(self) -> int:
        assert self.process.stdout is not None
        self.said += self.process.stdout.read().splitlines()
        return self.process.wait(60)

    @property
    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    @property
    def rows(self) -> dict[str, dict[str, str]]:
        return {row["name"]: row for row in json.loads((self.folder / "demo.json").read_text())}

    def port(self, name: str) -> int:
        return int(self.rows[name]["address"].removesuffix("/metrics").rsplit(":", 1)[1])

    def ask(self, name: str, path: str, **query: str) -> Answer:
        return request(self.port(name), path, query=query)


def begin(folder: Path, *options: str) -> Running:
    quick = ("--any-ports", "--no-download", "--history-hours", "0.2", "--history-days", "3")
    process = subprocess.Popen(
        [sys.executable, "-m", "exporters.demo", "--folder", str(folder), *quick, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return Running(process, folder, [])


def end(running: Running) -> None:
    with running.process as process:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    running = begin(tmp_path_factory.mktemp("demo") / "files")
    try:
        running.read_until(READY)
        yield running
    finally:
        end(running)


def test_the_table_names_everything(demo: Running) -> None:
    assert set(demo.rows) == {
        *("Mail sink", "HER's Redis", "HER simulator", "HER's PostgreSQL", "InfluxDB"),
        *("SigmaSight's PostgreSQL", "SigmaSight simulator"),
        *("Exporter", "Alertmanager", "Prometheus", "Grafana"),
    }
    may_lack = {"InfluxDB": "influxd", "Grafana": "grafana"}
    for name, row in demo.rows.items():
        program = may_lack.get(name)
        assert row["missing"] == ("" if program is None or programs.find(program) else f"no {program} on PATH"), row
        line = next(line for line in demo.said if line.startswith(name + " "))
        assert row["address"] in line


def test_prometheus_has_the_metrics_of_the_invented_her(demo: Running) -> None:
    def value(query: str) -> float:
        result = demo.ask("Prometheus", "/api/v1/query", query=query).json()["data"]["result"]
        return float(result[0]["value"][1]) if result else 0.0

    assert eventually(lambda: value('up{job="observatory"}') == 1, 30)
    assert eventually(lambda: value("min(observatory_source_up)") == 1, 30)
    assert eventually(lambda: value('sum(her_decisions_total{deployment="demo"})') > 0, 30)


def test_the_invented_sigmasight_has_a_past_a_price_and_a_back_end(demo: Running) -> None:
    def value(query: str) -> float:
        result = demo.ask("Prometheus", "/api/v1/query", query=query).json()["data"]["result"]
        return float(result[0]["value"][1]) if result else 0.0

    assert eventually(lambda: value('sum(sigmasight_ai_requests_total{deployment="demo"})') > 100, 40)
    assert eventually(lambda: value("sum(sigmasight_ai_cost_total)") > 0, 30)
    assert eventually(lambda: value("min(sigmasight_health)") == 1, 30)
    assert eventually(lambda: value("sum(sigmasight_log_records_total)") > 0, 30)


def test_an_alert_becomes_a_mail(demo: Running) -> None:
    alert = {
        "labels": {"alertname": "ShopClosed", "severity": "critical", "system": "her", "deployment": "demo"},
        "annotations": {"summary": "no bread"},
        "endsAt": (datetime.now(tz=UTC) + timedelta(minutes=5)).isoformat(),
    }
    headers = {"Content-Type": "application/json"}
    request(demo.port("Alertmanager"), "/api/v2/alerts", method="POST", body=json.dumps([alert]), headers=headers)
    assert eventually(lambda: b"ShopClosed (demo): no bread" in demo.ask("Mail sink", "/").body, 40)


def test_events_arrive_in_influxdb(demo: Running) -> None:
    skip_without("influxd")
    token = (demo.folder / "secrets" / "influxdb-grafana.token").read_text().strip()
    headers = {"Authorization": f"Token {token}", "Content-Type": "application/vnd.flux"}
    flux = 'from(bucket: "her") |> range(start: -1d) |> group() |> count() |> keep(columns: ["_value"])'

    def points() -> bool:
        where = {"org": "observatory"}
        answer = request(demo.port("InfluxDB"), "/api/v2/query", method="POST", query=where, headers=headers, body=flux)
        assert answer.status == 200, answer.text
        return any(line.split(",")[-1].isdigit() for line in answer.text.split("\r\n"))

    assert eventually(points, 30)


def test_grafana_reaches_everything_it_asks(demo: Running) -> None:
    skip_without("grafana")
    password = (demo.folder / "secrets" / "grafana_password").read_text()
    pair = base64.b64encode(f"admin:{password}".encode()).decode()
    texts = ("her-memories-demo", "sigmasight-core-texts-demo", "sigmasight-ai-texts-demo")
    for uid in ("prometheus", "influxdb", "influxdb-text", *texts):
        path = f"/api/datasources/uid/{uid}/health"
        health = request(demo.port("Grafana"), path, headers={"Authorization": f"Basic {pair}"})
        assert health.json().get("status") == "OK", health.text


def test_it_listens_on_loopback_only_and_shows_no_secret(demo: Running) -> None:
    secrets = [file.read_text().strip() for file in (demo.folder / "secrets").iterdir()]
    assert len(secrets) >= 1
    for child in demo.children:
        with suppress(psutil.NoSuchProcess):
            open_to = {c.laddr.ip for c in child.net_connections("inet") if c.status == psutil.CONN_LISTEN}
            assert open_to <= {"127.0.0.1"}, child
            visible = " ".join([*child.cmdline(), *child.environ().values()])
            assert not [secret for secret in secrets if secret in visible], child
    for row in demo.rows.values():
        log = Path(row["log"]).read_text(errors="replace") if row["log"] else ""
        assert not [secret for secret in secrets if secret in log], row["name"]
    assert demo.folder.stat().st_mode & 0o777 == 0o700


def test_ctrl_c_stops_all_of_it_and_nothing_else(demo: Running, tmp_path: Path) -> None:
    """The last one: it ends the demo that the tests above share."""
    children = demo.children
    assert len(children) >= 6
    with Server("stranger", [sys.executable, "-c", "import time; time.sleep(600)"], log=tmp_path / "log") as stranger:
        demo.process.send_signal(signal.SIGINT)
        demo.process.send_signal(signal.SIGINT)
        assert demo.finish() == 0
        assert [child for child in children if alive(child.pid)] == []
        assert stranger.running
    assert demo.said[-2:] == ["demo: stopping", "demo: stopped"]


@pytest.mark.parametrize(("how", "code"), [(signal.SIGTERM, 130), (signal.SIGKILL, -9)])
def test_ended_half_way_it_leaves_nothing_running(tmp_path: Path, how: signal.Signals, code: int) -> None:
    running = begin(tmp_path / "files")
    try:
        running.read_until("HER's Redis is up")
        children = running.children
        assert children
        running.process.send_signal(how)
        assert running.finish() == code
        assert eventually(lambda: not [child for child in children if alive(child.pid)])
    finally:
        end(running)


def test_a_strangers_folder_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    assert main(["--folder", str(tmp_path)]) == 1
    assert (tmp_path / "thesis.txt").read_text() == "years of work"
    assert "holds files of somebody else (thesis.txt, …)" in capsys.readouterr().err


def test_two_demos_do_not_share_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (tmp_path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert main(["--folder", str(tmp_path)]) == 1
    assert "another demo is running" in capsys.readouterr().err
