"""Alerts as data, by system; `rule_files` is what Prometheus loads."""

from __future__ import annotations

from prometheus.alerts import her, observatory, runbooks, sigmasight
from prometheus.alerts.alert import Alert, rule_file

BY_SYSTEM: dict[str, tuple[Alert, ...]] = {
    "observatory": observatory.ALERTS,
    "her": her.ALERTS,
    "sigmasight": sigmasight.ALERTS,
}


def rule_files() -> dict[str, str]:
    """Path below `prometheus/rules` -> text."""
    steps = runbooks.first_steps(runbooks.FILE.read_text(encoding="utf-8"))
    return {f"{system}.yml": rule_file(system, alerts, steps) for system, alerts in BY_SYSTEM.items()}
