"""Which invented systems a demo can have depends on what is installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from exporters.demo import postgres, programs
from exporters.demo.stage import Stage
from exporters.demo.systems import Invention, sigmasight


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
