"""`observatory render`: what lies in the repository is what the code says, byte for byte."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from exporters.registry import MEASUREMENTS, METRICS, SYSTEMS
from exporters.render import boards, files, render

ROOT = Path(__file__).parents[2]


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """The generated files, somewhere else."""
    for path in files(SYSTEMS):
        target = tmp_path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, target)
    return tmp_path


def test_the_repository_holds_what_the_code_says() -> None:
    assert render(ROOT, check=True) == []


def test_another_process_on_another_day_writes_the_same_bytes() -> None:
    """Nothing depends on hash seeds, the order of a folder, the clock or the working directory."""
    code = (
        "import hashlib, json; from exporters.registry import SYSTEMS; from exporters.render import files;"
        "print(hashlib.sha256(json.dumps(files(SYSTEMS)).encode()).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", code], cwd=cwd, env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            capture_output=True, text=True, check=True, timeout=60,
        ).stdout
        for seed, cwd in (("1", "/"), ("2", str(ROOT)))
    }  # fmt: skip
    assert len(digests) == 1


def test_a_changed_file_is_drift_and_is_written_anew(copied: Path) -> None:
    path = "grafana/dashboards/generated/main/her/logs.json"
    (copied / path).write_text((copied / path).read_text().replace("Errors", "Error"))
    assert render(copied, check=True) == [path]
    assert "Error " not in (ROOT / path).read_text()
    assert render(copied) == [path]
    assert (copied / path).read_bytes() == (ROOT / path).read_bytes()
    assert render(copied, check=True) == []


def test_a_missing_file_is_drift(copied: Path) -> None:
    (copied / "docs/metrics.md").unlink()
    assert render(copied, check=True) == ["docs/metrics.md"]


def test_a_file_that_nothing_makes_is_drift_and_goes(copied: Path) -> None:
    """A page that is gone from the code would otherwise stay in every Grafana."""
    stray = copied / "grafana/dashboards/generated/main/her/old.json"
    stray.write_text("{}")
    by_hand = copied / "prometheus/rules/tests/her_test.yml"
    by_hand.parent.mkdir(parents=True)
    by_hand.write_text("written by hand")
    assert render(copied, check=True) == ["grafana/dashboards/generated/main/her/old.json"]
    assert stray.exists(), "a check changes nothing"
    render(copied)
    assert not stray.exists()
    assert by_hand.exists()


def test_line_ends_are_drift(copied: Path) -> None:
    path = copied / "docs/metrics.md"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert render(copied, check=True) == ["docs/metrics.md"]


def test_without_systems_the_common_pages_remain() -> None:
    assert {board.system for board in boards(())} == {"home"}


def test_files_are_plain_json_that_a_person_can_compare() -> None:
    for path, text in files(SYSTEMS).items():
        assert text.endswith("\n")
        assert "\r" not in text
        if path.endswith(".json"):
            assert json.loads(text)["uid"]
            assert text == json.dumps(json.loads(text), indent=2, ensure_ascii=False) + "\n"


def test_the_page_of_metrics_has_everything_declared() -> None:
    page = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    for metric in METRICS:
        assert f"| `{metric.name}` | {metric.kind.value} |" in page
        assert metric.help.replace("|", "\\|") in page
        for label in metric.own_labels:
            assert f"| `{label.name}` |" in page
    for measurement in MEASUREMENTS:
        assert f"#### {measurement.name}\n" in page
        for field in measurement.fields:
            assert f"| `{field.name}` | {field.type} |" in page
    for label in {label for metric in METRICS for label in metric.own_labels}:
        for value in label.values or ():
            assert f"`{value}`" in page


PROVIDERS = ROOT / "grafana" / "provisioning" / "dashboards"


def test_every_folder_of_pages_is_mounted() -> None:
    """Grafana's providers name the folders that the pages are generated into."""
    mounted = {
        provider["options"]["path"].removeprefix("$GRAFANA_DASHBOARDS/")
        for file in PROVIDERS.glob("*.yml")
        for provider in yaml.safe_load(file.read_text())["providers"]
    }
    pages = [Path(path) for path in files(SYSTEMS) if path.endswith(".json")]
    assert mounted == {page.parent.relative_to("grafana/dashboards/generated").as_posix() for page in pages}
