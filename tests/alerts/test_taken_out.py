"""What is taken out of the configuration takes its alerts along after six hours, though the deployment stays."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporters.registry import SYSTEMS
from prometheus.alerts import BY_SYSTEM
from prometheus.alerts.alert import Alert
from tests.alerts.promtool import promtool
from tests.contract.rooms import RULES, parts

HELD = [(system, alert) for system, alerts in BY_SYSTEM.items() for alert in alerts if alert.held_by is not None]
SEEN, GONE = "1x300", "0x30"
"""Once in two minutes, for ten hours; out of sight for one hour, and then not there at all."""
BLIND = "0x300"


@dataclass(frozen=True, slots=True)
class Case:
    """One deployment, in which an alert fires that blindness holds. taken: source or stream; None: nothing is."""

    alert: Alert
    taken: str | None

    @property
    def deployment(self) -> str:
        return f"{self.alert.name}-{self.taken}"

    def series(self) -> list[dict[str, str]]:
        where = f'system="{self.alert.system or "her"}", deployment="{self.deployment}"'
        shown = {
            stream: GONE if stream == self.taken else BLIND if self.taken is None else SEEN
            for stream in self.alert.reads
        }
        own = ", ".join(f'{label}="{_value(self.alert, label)}"' for label in self.alert.held_by or ())
        by_source = BLIND if self.taken is None else GONE
        return [
            # The rule finds it firing for longer than any alert waits, and goes on by itself.
            _one(
                f'ALERTS{{alertname="{self.alert.name}", alertstate="firing", seed="x", '
                f'deployment="{self.deployment}"{", " if own else ""}{own}}}',
                "1x70",
            ),
            _one(f'observatory_source_up{{{where}, source="stays"}}', SEEN),
            *([] if self.alert.reads else [_one(f'observatory_source_up{{{where}, source="taken"}}', by_source)]),
            *(
                _one(f'observatory_stream_up{{{where}, source="{_source(stream)}", stream="{stream}"}}', values)
                for stream, values in shown.items()
            ),
        ]

    def firing_at(self, time: str, *, fires: bool) -> dict[str, Any]:
        labels = f'{{deployment="{self.deployment}"}}'
        return {
            "expr": f'max by (deployment) (ALERTS{{alertname="{self.alert.name}", alertstate="firing", '
            f'deployment="{self.deployment}"}})',
            "eval_time": time,
            "exp_samples": [{"labels": labels, "value": 1}] if fires else [],
        }


def _one(series: str, values: str) -> dict[str, str]:
    return {"series": series, "values": values}


def _value(alert: Alert, label: str) -> str:
    return {"system": alert.system or "her", "source": "taken"}.get(label, "any")


def _source(stream: str) -> str:
    (found,) = {
        name.partition("/")[0] for known in SYSTEMS for name, _ in parts(known) if name.partition("/")[2] == stream
    }
    return found


CASES = [Case(alert, taken) for _, alert in HELD for taken in (*(alert.reads or ("source",)), None)]


def judged(folder: Path, rules: Path) -> str:
    """What promtool complains of; "" where all is as it should be."""
    group = {
        "interval": "2m",
        "input_series": [series for case in CASES for series in case.series()],
        "promql_expr_test": [
            test
            for case in CASES
            for test in (
                case.firing_at("6h56m", fires=True),
                case.firing_at("7h10m", fires=case.taken is None),
            )
        ],
    }
    files = [str(rules / f"{system}.yml") for system in BY_SYSTEM]
    file = folder / "taken_out_test.yml"
    file.write_text(yaml.safe_dump({"rule_files": files, "evaluation_interval": "2m", "tests": [group]}))
    result = promtool("test", "rules", file)
    return "" if result.returncode == 0 else result.stdout + result.stderr


def test_a_source_taken_out_ends_what_it_told_after_six_hours(tmp_path: Path) -> None:
    complaint = judged(tmp_path, RULES)
    assert not complaint, complaint[:4000]


def test_it_notices_a_rule_that_asks_for_any_source(tmp_path: Path) -> None:
    """The judgement is no decoration: with the old question, an alert outlives its source."""
    for system in BY_SYSTEM:
        text = (RULES / f"{system}.yml").read_text()
        text = text.replace('max_over_time(observatory_stream_up{system="her", stream="endpoints"}[6h])', "X")
        changed = text.replace("X", 'max_over_time(observatory_source_up{system="her"}[6h])')
        (tmp_path / f"{system}.yml").write_text(changed)
    assert "HerEndpointDown-endpoints" in judged(tmp_path, tmp_path)


@pytest.mark.parametrize("alert", [alert for _, alert in HELD], ids=lambda alert: alert.name)
def test_every_alert_that_blindness_holds_is_judged(alert: Alert) -> None:
    assert {case.taken for case in CASES if case.alert is alert} > {None}
