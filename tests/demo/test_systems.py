"""Which invented systems a demo can have depends on what is installed."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from exporters.demo import postgres, programs
from exporters.demo.stage import Stage
from exporters.demo.systems import SIGMASIGHT_SELDOM, SOON, Invention, sigmasight
from exporters.sigmasight.intervals import INTERVALS

COMPOSE_DEMO = Path(__file__).resolve().parents[2] / "docker" / "demo.observatory.yml"


def test_without_postgresql_there_is_no_sigmasight_and_the_demo_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "_programs", lambda: programs.need("no-such-initdb", package="postgresql"))
    said: list[str] = []
    stage = Stage(tmp_path, said.append, any_ports=True)
    assert sigmasight(stage, Invention(0, 0)) == []
    assert "SigmaSight and its pages are left out" in said[-1]
    assert "postgresql" in said[-1]
    (line,) = [line for line in stage.table().splitlines() if line.startswith("SigmaSight's PostgreSQL")]
    assert "no-such-initdb" in line


def test_nothing_of_sigmasight_is_looked_at_seldom() -> None:
    """Natively and in containers: who watches a demo does not wait for what is read every quarter of an hour."""
    seldom = {name for name, seconds in INTERVALS.items() if seconds > SOON}
    assert set(SIGMASIGHT_SELDOM) == seldom
    (deployment,) = yaml.safe_load(COMPOSE_DEMO.read_text(encoding="utf-8"))["systems"]["sigmasight"]
    assert deployment["intervals"] == dict.fromkeys(seldom, SOON)
