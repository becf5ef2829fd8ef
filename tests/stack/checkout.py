"""A copy of what the layout chooses from, with pages and rules invented for a second system that is not configured."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from tests.stack.compose import ROOT

SYSTEMS = ("her", "other")
CONFIG = "systems: {her: [{deployment: default}]}\n"

RULES = {
    "groups": [{"name": "one", "rules": [{"alert": "Always", "expr": "vector(1)", "labels": {"severity": "info"}}]}]
}


@dataclass(frozen=True)
class Checkout:
    """`folder`: the copy. `out`: where it is laid out."""

    folder: Path
    out: Path

    def lay_out(
        self,
        *flags: str,
        config: str = CONFIG,
        check: bool = True,
        environment: Mapping[str, str] = MappingProxyType({}),
    ) -> subprocess.CompletedProcess[str]:
        """Run scripts/layout.py as the container does; environment: all it sees, beside PATH."""
        file = self.folder / "observatory.yml"
        file.write_text(config)
        return subprocess.run(
            [sys.executable, self.folder / "scripts" / "layout.py", "--config", file, "--out", self.out, *flags],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(self.folder), **environment},
            capture_output=True,
            text=True,
            check=check,
            timeout=30,
        )

    def files(self, top: str = "") -> set[str]:
        base = self.out / top
        return {str(path.relative_to(base)) for path in base.rglob("*") if path.is_file()}

    def document(self, name: str) -> Any:
        return yaml.safe_load((self.out / name).read_text())


def make_checkout(folder: Path) -> Checkout:
    """The repository's own scripts, provisioning and servers' files; pages and rules of two systems and of all."""
    for part in ("scripts", "grafana/provisioning"):
        shutil.copytree(ROOT / part, folder / part)
    (folder / "prometheus" / "rules").mkdir(parents=True)
    for part in ("grafana/grafana.ini", "prometheus/prometheus.yml", "prometheus/alertmanager.yml"):
        shutil.copy(ROOT / part, folder / part)
    for system in SYSTEMS:
        (folder / "exporters" / system).mkdir(parents=True)
        (folder / "exporters" / system / "metrics.py").touch()
    (folder / "exporters" / "__init__.py").touch()
    provisioning = folder / "grafana" / "provisioning"
    for kind in ("alerting", "dashboards"):
        for stale in (provisioning / kind).glob("*.yml"):
            if stale.stem.removesuffix("-text") not in {"her", "home", "notify"}:
                stale.unlink()
    for name in (*SYSTEMS, "observatory"):
        write_yaml(folder / "prometheus" / "rules" / f"{name}.yml", RULES)
    for name in SYSTEMS:
        write_yaml(provisioning / "alerting" / f"{name}.yml", {"apiVersion": 1, "groups": []})
    for provider in ("her.yml", "her-text.yml"):
        text = (provisioning / "dashboards" / provider).read_text()
        (provisioning / "dashboards" / provider.replace("her", "other")).write_text(
            text.replace("her", "other").replace("HER", "Other")
        )
    for kind, name in [("main", "home"), *((kind, name) for kind in ("main", "restricted") for name in SYSTEMS)]:
        write_page(folder, kind, name, "home" if name == "home" else "overview")
    return Checkout(folder, folder / "out")


def write_page(folder: Path, kind: str, name: str, page: str) -> Path:
    path = folder / "grafana" / "dashboards" / "generated" / kind / name / f"{page}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    title = f"{name} {page} {kind}"
    path.write_text(json.dumps({"uid": f"{kind}-{name}-{page}", "title": title, "schemaVersion": 39, "panels": []}))
    return path


def write_yaml(path: Path, document: Any) -> None:
    path.write_text(yaml.safe_dump(document))
