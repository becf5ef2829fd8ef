"""docker-compose.yml and its overrides as plain values, without Docker: variables filled in as compose would."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent.parent
FILES = ("docker-compose.yml", "docker-compose.tls.yml", "docker-compose.together.yml")

ONCE = frozenset({"layout", "influxdb-setup"})
"""Services that do their work and end."""

DEMO = frozenset({"redis", "postgres", "her", "sigmasight-postgres", "sigmasight", "mail"})

_VARIABLE = re.compile(r"\$\$|\$\{(?P<name>[A-Z_]+)(?:(?P<sign>:-)(?P<otherwise>(?:[^{}]|\$\{[^{}]*\})*))?\}")


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def load(name: str, environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    """One file, its variables filled in from `environment` or else with their defaults."""
    document: dict[str, Any] = _fill(yaml.safe_load(text(name)), environment or {})
    return document


def services(name: str = FILES[0], environment: Mapping[str, str] | None = None) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = load(name, environment)["services"]
    return found


def variables(name: str) -> dict[str, str | None]:
    """The variables a file uses -> their default; None where there is none."""
    return _variables(text(name))


def _variables(content: str) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for match in _VARIABLE.finditer(content):
        if match["name"]:
            # A default may be made of other variables.
            found |= _variables(match["otherwise"] or "")
            found[match["name"]] = match["otherwise"] if match["sign"] else None
    return found


def secret_names(service: Mapping[str, Any]) -> set[str]:
    return {entry if isinstance(entry, str) else entry["source"] for entry in service.get("secrets", ())}


def mounts(service: Mapping[str, Any]) -> dict[str, str]:
    """Target -> source, of volumes and binds."""
    found = {}
    for volume in service.get("volumes", ()):
        if isinstance(volume, str):
            source, target = volume.split(":")[:2]
        else:
            source, target = volume["source"], volume["target"]
        found[target] = source
    return found


def _fill(value: Any, environment: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _fill(member, environment) for key, member in value.items()}
    if isinstance(value, list):
        return [_fill(member, environment) for member in value]
    if isinstance(value, str):
        return _VARIABLE.sub(lambda found: _one(found, environment), value)
    return value


def _one(found: re.Match[str], environment: Mapping[str, str]) -> str:
    if not found["name"]:
        return "$"
    return environment.get(found["name"]) or str(_fill(found["otherwise"] or "", environment))
