"""`observatory check` on a SigmaSight: what can be read is told, and what is missing."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from exporters.check import check
from exporters.core.settings import load
from exporters.sigmasight.system import SIGMASIGHT
from tests.sigmasight.houses import OBSERVER, House


def findings(house: House, folder: Path) -> dict[str, tuple[str, str]]:
    """Subject -> (detail, problem), for the sources alone."""
    addresses = {
        half: {**house.address(half), "password_file": str(house.folder / "observer")} for half in ("core", "ai")
    }
    file = folder / "observatory.yml"
    config = {"state": {"directory": str(folder / "state")}, "systems": {"sigmasight": [addresses]}}
    file.write_text(yaml.safe_dump(config))
    settings = load([SIGMASIGHT], file=file, environment={})
    found = check(settings, [SIGMASIGHT])
    return {f.subject: (f.detail, f.problem) for f in found if f.subject.startswith("sigmasight/")}


@pytest.mark.servers
def test_everything_that_can_be_read_is_told(house: House, tmp_path: Path) -> None:
    house.sigma.found()
    house.sigma.backfill(0.9)
    house.sigma.edges(datetime.now(UTC))
    found = findings(house, tmp_path)
    assert {subject.removeprefix("sigmasight/default/") for subject in found} == {
        *("core", "core/ai_requests", "core/ai_messages", "core/activity", "core/batch_runs", "core/batch_now"),
        *("core/windows_requests", "core/windows_onboarding", "core/windows_batch", "core/windows_answers"),
        *("core/windows_daily", "core/retention", "core/people"),
        *("core/days_requests", "core/days_activity", "core/days_batch", "core/days_people"),
        *("ai", "ai/knowledge", "ai/ratings", "ai/annotations", "ai/windows_tuning", "ai/learning"),
        *("ratings", "ratings/ratings_by_model"),
    }
    assert [problem for _, problem in found.values() if problem] == []
    for name in ("ai_requests", "ai_messages", "activity"):
        read, _, refused = found[f"sigmasight/default/core/{name}"][0].partition(" records read, ")
        assert int(read) > 5
        assert refused == "0 of them not understood"


@pytest.mark.servers
def test_a_missing_grant_is_told_by_its_stream(house: House, tmp_path: Path) -> None:
    house.databases.core.execute(f"REVOKE ALL ON user_activity_events FROM {OBSERVER}".encode())
    house.databases.ai.execute(f"REVOKE ALL ON ai_memories FROM {OBSERVER}".encode())
    problems = {subject: problem for subject, (_, problem) in findings(house, tmp_path).items() if problem}
    assert {subject.removeprefix("sigmasight/default/") for subject in problems} == {
        *("core/activity", "core/days_activity", "core/windows_onboarding", "core/windows_daily", "core/retention"),
        "ai/knowledge",
    }
    assert all("may not read the table" in problem for problem in problems.values())


def test_nothing_is_loaded_before_there_is_a_database() -> None:
    """A host that watches something else may lack libpq."""
    code = "import sys; from exporters.sigmasight.system import SIGMASIGHT; print('psycopg' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "False"
