"""Prometheus and Alertmanager beside an exporter, on the very files scripts/layout.py makes for it, only quicker."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import pytest
import yaml

from exporters.demo import services
from exporters.demo.alertmanager import Alertmanager
from exporters.demo.ports import free_port
from exporters.demo.prometheus import Prometheus
from exporters.demo.smtp import MailSink
from tests.system.exporter import Exporter

T = TypeVar("T")

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_DURATION = re.compile(r"(\d+)(ms|s|m|h|d)")
_WINDOW = re.compile(r"\[(\d+(?:ms|s|m|h|d))\]")
_AGE = re.compile(r"([<>]) (180|300|600)\b")
"""The thresholds in the rules that are times."""


@contextmanager
def alerting(
    folder: Path,
    exporter: Exporter,
    sink: MailSink,
    *,
    waits: float = 1,
    windows: float = 1,
    links: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[tuple[Prometheus, Alertmanager]]:
    """Both servers, watching the exporter and mailing to the sink.

    waits: divides how long an alert must hold before it fires. windows: divides the ranges in its expression and its
    thresholds of age. links: grafana, runbooks, as scripts/layout.py takes them. Alertmanager waits a second where it
    waits half a minute or more.
    """
    stack = folder / "stack"
    prometheus_port, alertmanager_port = free_port(), free_port()
    services.lay_out(
        exporter.config,
        stack,
        sink,
        exporters=f"127.0.0.1:{exporter.port}",
        prometheus=f"127.0.0.1:{prometheus_port}",
        alertmanager=f"127.0.0.1:{alertmanager_port}",
        **links,
    )
    for rules in (stack / "prometheus" / "rules").glob("*.yml"):
        rules.write_text(yaml.safe_dump(_quicker(yaml.safe_load(rules.read_text()), waits, windows)))
    routing = yaml.safe_load((stack / "alertmanager" / "alertmanager.yml").read_text())
    for route in (routing["route"], *routing["route"]["routes"]):
        route |= {"group_wait": "1s", "group_interval": "1s"}
    with (
        Alertmanager(folder / "alertmanager", alertmanager_port, routing) as alertmanager,
        Prometheus(folder / "prometheus", prometheus_port, stack / "prometheus" / "prometheus.yml") as prometheus,
    ):
        yield prometheus, alertmanager


def _quicker(rules: dict[str, Any], waits: float, windows: float) -> dict[str, Any]:
    for group in rules["groups"]:
        for rule in group["rules"]:
            if rule["alert"] == "ObservatoryExporterDown":
                # Prometheus takes five seconds to its first scrape, and nothing hurries it.
                continue
            rule["for"] = _divided(rule["for"], waits)
            expr = _WINDOW.sub(lambda found: f"[{_divided(found[1], windows)}]", rule["expr"])
            rule["expr"] = _AGE.sub(lambda found: f"{found[1]} {int(found[2]) / windows:g}", expr)
    return rules


def _divided(duration: str, by: float) -> str:
    parts = _DURATION.fullmatch(duration)
    assert parts is not None, duration
    return f"{round(int(parts[1]) * _SECONDS[parts[2]] / by * 1000)}ms"


def firing(prometheus: Prometheus, **labels: str) -> set[tuple[str, str]]:
    """(alert, deployment) of what fires now, of alerts with these labels."""
    return {(found["alertname"], found.get("deployment", "")) for found in _alerts(prometheus, labels, "")}


def ever(prometheus: Prometheus, **labels: str) -> set[tuple[str, str]]:
    """(alert, deployment) of what has fired at any time."""
    return {(found["alertname"], found.get("deployment", "")) for found in _alerts(prometheus, labels, "[10m]")}


def _alerts(prometheus: Prometheus, labels: dict[str, str], window: str) -> Iterator[dict[str, str]]:
    matchers = ", ".join(f'{name}="{value}"' for name, value in {"alertstate": "firing", **labels}.items())
    asked = f"ALERTS{{{matchers}}}"
    for series in prometheus.query(f"max_over_time({asked}{window})" if window else asked):
        yield dict(series)


def until(found: Callable[[], T], what: str, seconds: float = 40) -> T:
    """What `found` gives, once it gives something."""
    deadline = time.monotonic() + seconds
    while not (result := found()):
        if time.monotonic() > deadline:
            pytest.fail(f"not within {seconds:g} s: {what}")
        time.sleep(0.1)
    return result
