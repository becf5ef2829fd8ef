"""Every alert about SigmaSight: four cases that promtool runs, a page, the streams it reads, and declared names."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporters.core.catalog import Catalog
from exporters.core.contract import Probe, Stream
from exporters.core.promql import RULE
from exporters.registry import METRICS
from exporters.sigmasight import metrics
from exporters.sigmasight.settings import SigmaSightSettings
from exporters.sigmasight.sources import sources
from grafana.dashboards.sigmasight import BOARDS
from prometheus.alerts.alert import Alert, rule_file
from prometheus.alerts.sigmasight import ALERTS

CASES = Path(__file__).parent / "alerts"
FILES = sorted(CASES.glob("*_test.yml"))
KINDS = ("firing", "quiet", "gap", "blind")
CATALOG = Catalog((*METRICS, *(one for one in (*metrics.METRICS, *metrics.SHARED) if one not in METRICS)), ())
DATABASE = {"host": "127.0.0.1", "user": "observer", "dbname": "sigmasight"}

each_alert = pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)


def cases() -> list[dict[str, Any]]:
    return [case for file in FILES for case in yaml.safe_load(file.read_text())["tests"]]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_case_holds(file: Path, tmp_path: Path) -> None:
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is not on PATH (Debian package prometheus)")
    (tmp_path / "tests").mkdir()
    (tmp_path / "sigmasight.yml").write_text(rule_file("sigmasight", ALERTS, {}))
    shutil.copy(file, tmp_path / "tests")
    done = subprocess.run(
        [program, "test", "rules", tmp_path / "tests" / file.name],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@each_alert
def test_it_has_a_firing_a_quiet_a_gap_and_a_blind_case(alert: Alert) -> None:
    names = {case["name"].split(",")[0] for case in cases()}
    assert {f"{alert.name}: {kind}" for kind in KINDS} <= names
    (firing,) = (case for case in cases() if case["name"] == f"{alert.name}: firing")
    expected = [sample["labels"] for test in firing["promql_expr_test"] for sample in test["exp_samples"]]
    assert any(f'alertname="{alert.name}", alertstate="firing"' in labels for labels in expected)


@each_alert
def test_its_page_exists(alert: Alert) -> None:
    assert alert.dashboard in {board.uid for board in BOARDS if not board.restricted}


@each_alert
def test_it_asks_for_nothing_undeclared(alert: Alert) -> None:
    assert CATALOG.promql(alert.expr.render(RULE)) == []


@each_alert
def test_it_reads_the_streams_that_own_what_it_asks(alert: Alert) -> None:
    made = sources(SigmaSightSettings(core=DATABASE), bytes(32))
    parts: list[Stream[Any, Any, Any] | Probe[Any]] = []
    for source in made:
        parts += [*source.streams, *source.probes]
    owners = {part.name for part in parts if {metric.name for metric in part.feeds} & alert.expr.metrics}
    assert {*alert.reads, *alert.asks_too} == owners
