"""promtool, and the cases of a test file run each with the rules it speaks of, and no others.

promtool evaluates every rule of a file at every step of every case. Most of them have nothing to do with the case, and
a week in steps of minutes takes a minute; with one rule it takes seconds. `promtool test rules
prometheus/rules/tests/*` says the same, and takes longer.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

_NAMED = re.compile(r'alertname="(\w+)"')


class _Loader(yaml.SafeLoader):
    """Takes `0x40` for what promtool takes it for: forty more zeros, and not a number in hexadecimal."""


_INTEGER = "tag:yaml.org,2002:int"
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != _INTEGER]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(_INTEGER, re.compile(r"[-+]?[0-9]+$"), list("-+0123456789"))


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run promtool. Skips visibly where it is not installed."""
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is not on PATH (Debian package prometheus)")
    return subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, timeout=240, check=False)


def complaint(file: Path, folder: Path, rules: Mapping[str, str] | None = None) -> str:
    """What promtool says against the cases of a test file; empty where all of them hold.

    folder: where the small files go. rules: file name -> text, for rule files that are not the ones beside `tests/`.
    """
    document = yaml.load(file.read_text(), _Loader)  # noqa: S506 - a safe one
    texts = [(rules or {}).get(Path(name).name) or (file.parent / name).read_text() for name in document["rule_files"]]
    every = [rule for text in texts for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]
    by_alerts: dict[frozenset[str], list[Any]] = {}
    for case in document["tests"]:
        by_alerts.setdefault(frozenset(_NAMED.findall(yaml.safe_dump(case, width=10_000))), []).append(case)
    said = []
    for number, (names, cases) in enumerate(by_alerts.items()):
        chosen = [rule for rule in every if rule["alert"] in names]
        assert {rule["alert"] for rule in chosen} == names != frozenset(), f"{file.name}: no rule for {set(names)}"
        made = folder / f"{file.stem}_{number}.yml"
        made.write_text(yaml.safe_dump({"groups": [{"name": "chosen", "rules": chosen}]}))
        case_file = folder / f"{file.stem}_{number}_test.yml"
        case_file.write_text(yaml.safe_dump({**document, "rule_files": [str(made)], "tests": cases}))
        result = promtool("test", "rules", case_file)
        if result.returncode != 0:
            said.append(result.stdout + result.stderr)
    return "\n".join(said)
