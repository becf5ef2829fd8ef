"""Every alert: four cases that promtool runs, a runbook, a dashboard, and names the catalog declares."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporters.core.errors import DeclarationError
from exporters.core.promql import scalar
from exporters.registry import SYSTEMS
from prometheus.alerts import BY_SYSTEM, rule_files
from prometheus.alerts.alert import Alert
from prometheus.alerts.runbooks import first_steps
from tests.alerts.promtool import complaint, promtool
from tests.contract.rooms import parts

ROOT = Path(__file__).parents[2]
RULES = ROOT / "prometheus" / "rules"
ALERTS = [(system, alert) for system, alerts in BY_SYSTEM.items() for alert in alerts]
CASES = ("firing", "quiet", "gap", "blind")

each_alert = pytest.mark.parametrize(("system", "alert"), ALERTS, ids=[alert.name for _, alert in ALERTS])


@cache
def cases(system: str) -> list[dict[str, Any]]:
    """The test groups of a system."""
    files = sorted((RULES / "tests").glob(f"{system}*_test.yml"))
    return [case for file in files for case in yaml.safe_load(file.read_text())["tests"]]


@pytest.mark.parametrize("system", BY_SYSTEM)
def test_the_committed_rules_are_what_the_code_says(system: str) -> None:
    assert (RULES / f"{system}.yml").read_text() == rule_files()[f"{system}.yml"], "run `observatory render`"


def test_prometheus_takes_the_rules() -> None:
    result = promtool("check", "rules", *sorted(RULES.glob("*.yml")))
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("file", sorted((RULES / "tests").glob("*.yml")), ids=lambda file: file.stem)
def test_every_case_holds(file: Path, tmp_path: Path) -> None:
    said = complaint(file, tmp_path)
    assert not said, said


@each_alert
def test_it_has_a_firing_a_quiet_a_gap_and_a_blind_case(system: str, alert: Alert) -> None:
    names = {case["name"].split(",")[0] for case in cases(system)}
    assert {f"{alert.name}: {case}" for case in CASES} <= names


@each_alert
def test_its_firing_case_expects_it_to_fire(system: str, alert: Alert) -> None:
    (firing,) = (case for case in cases(system) if case["name"] == f"{alert.name}: firing")
    expected = [sample["labels"] for test in firing["promql_expr_test"] for sample in test["exp_samples"]]
    assert any(f'alertname="{alert.name}"' in labels and 'alertstate="firing"' in labels for labels in expected)


@each_alert
def test_it_has_a_runbook(system: str, alert: Alert) -> None:
    headings = re.findall(r"^## (.+)$", (ROOT / "docs" / "runbooks.md").read_text(), re.MULTILINE)
    assert alert.name in headings


def test_no_runbook_is_left_over() -> None:
    headings = re.findall(r"^## (.+)$", (ROOT / "docs" / "runbooks.md").read_text(), re.MULTILINE)
    assert set(headings) == {alert.name for _, alert in ALERTS}


@each_alert
def test_its_mail_carries_the_first_steps(system: str, alert: Alert) -> None:
    (rule,) = (
        rule
        for group in yaml.safe_load((RULES / f"{system}.yml").read_text())["groups"]
        for rule in group["rules"]
        if rule["alert"] == alert.name
    )
    steps = rule["annotations"]["first_steps"]
    assert re.fullmatch(r"Look: .+ Do: .+", steps)
    assert "Known: " not in steps


def test_a_runbook_that_would_be_taken_for_a_template_is_refused() -> None:
    assert first_steps("## A\n\nKnown: x.\n\nLook: *HER / Logs*,\nlevel.\n\nDo: `a*b*c`.\n") == {
        "A": "Look: HER / Logs, level. Do: `a*b*c`."
    }
    with pytest.raises(DeclarationError, match="runbook of A"):
        first_steps("## A\n\nDo: {{ $labels }}.\n")


@each_alert
def test_its_dashboard_exists(system: str, alert: Alert) -> None:
    boards = (ROOT / "grafana" / "dashboards" / "generated" / "main").rglob("*.json")
    assert any(f'"uid": "{alert.dashboard}"' in board.read_text() for board in boards), alert.dashboard


def test_the_cases_notice_when_blindness_cures_an_alert(tmp_path: Path) -> None:
    """Without the clause that holds an alert while nobody can look, the blind cases fail: they are no decoration."""
    text = (RULES / "her.yml").read_text()
    cut = re.sub(r"\n +or\n +max by .*ALERTS.*", "", text)
    assert cut != text
    said = complaint(RULES / "tests" / "her_test.yml", tmp_path, {"her.yml": cut})
    failed = set(re.findall(r'alertname=\\"(Her\w+)\\"', said))
    assert {"HerSandboxFailing", "HerMcpServerFailed", "HerJobsFailing"} <= failed


@pytest.mark.parametrize(
    ("name", "summary", "complaint"),
    [("her_silent", "It is.", "CamelCase"), ("HerSilent", "it is", "not a sentence")],
)
def test_an_alert_refuses_to_be_wrong(name: str, summary: str, complaint: str) -> None:
    with pytest.raises(DeclarationError, match=complaint):
        Alert(name, "info", "her", scalar(1), summary, "Told.", "her-overview", reads=("logs",))


@pytest.mark.parametrize(
    ("held_by", "reads"), [((), ()), (None, ("logs",)), (("system",), ()), (("system", "source"), ("logs",))]
)
def test_what_blindness_holds_says_what_it_reads(held_by: tuple[str, ...] | None, reads: tuple[str, ...]) -> None:
    with pytest.raises(DeclarationError, match="names the streams it reads"):
        Alert("HerSilent", "info", "her", scalar(1), "It is.", "Told.", "her-overview", held_by=held_by, reads=reads)


@each_alert
def test_it_reads_the_streams_that_own_what_it_asks(system: str, alert: Alert) -> None:
    if not alert.reads:
        assert not alert.expr.metrics & {metric.name for known in SYSTEMS for metric in known.metrics}, (
            "made from what a system tells, so blindness must hold it: held_by=…"
        )
        return
    (watched,) = (known for known in SYSTEMS if known.name == system)
    owners = {name for name, part in parts(watched) if {metric.name for metric in part.feeds} & alert.expr.metrics}
    assert {*alert.reads, *alert.asks_too} == {name.partition("/")[2] for name in owners}
