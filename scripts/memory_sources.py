"""Grafana's data sources for texts that stay in the watched system's database: one for each deployment that wants it.

    postgres:
      host: 192.0.2.20
      memory_text: {user: reader, password_file: /run/secrets/her_postgres_text_password}

becomes a PostgreSQL data source "HER memories: home", which the page with the variable `$database` finds by that name.
A Grafana that is not to read texts is told to forget those it may have had.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml
from watched import ContradictionError

SSL_MODES = ("disable", "require", "verify-ca", "verify-full")
LONGEST_UID = 40
"""Grafana's own limit."""
CONNECTIONS = 3
"""Of the five that the account may have: two Grafanas of one operator need not fight."""
_PLAIN = re.compile(r"[^\x00-\x1f$]+")
"""Grafana replaces `$…` in these files."""


@dataclass(frozen=True, slots=True)
class MemorySource:
    """One deployment's data source. reader: its settings, None where nobody is to read its texts."""

    system: str
    deployment: str
    postgres: Mapping[str, Any]
    reader: Mapping[str, Any] | None

    @property
    def name(self) -> str:
        """What it is called in Grafana, and what the pages look for."""
        return f"{self.system.upper()} memories: {self.deployment}"

    @property
    def uid(self) -> str:
        """Stable, and short enough for a deployment of any name."""
        whole = f"{self.system}-memories-{self.deployment}"
        if len(whole) <= LONGEST_UID:
            return whole
        digest = hashlib.sha256(whole.encode()).hexdigest()[:8]
        return f"{whole[: LONGEST_UID - 9]}-{digest}"

    def provisioned(self) -> dict[str, Any]:
        """As Grafana's provisioning has it. Raises ContradictionError for settings it could not use."""
        if self.reader is None:
            message = f"{self.name}: nobody is to read it"
            raise ContradictionError(message)
        host = self._word(self.postgres, "host")
        mode = str(self.reader.get("sslmode", "require"))
        if mode not in SSL_MODES:
            message = f"{self._where}: sslmode is one of {', '.join(SSL_MODES)}, not {mode!r}"
            raise ContradictionError(message)
        authority = {}
        if mode.startswith("verify"):
            authority = {"tlsConfigurationMethod": "file-path", "sslRootCertFile": self._word(self.reader, "ca_file")}
        return {
            "name": self.name,
            "uid": self.uid,
            "type": "postgres",
            "access": "proxy",
            "url": f"{f'[{host}]' if ':' in host else host}:{self.postgres.get('port', 5432)}",
            "user": self._word(self.reader, "user"),
            "editable": False,
            "jsonData": {
                "database": self._word({"dbname": "her_memory", **self.postgres}, "dbname"),
                "sslmode": mode,
                **authority,
                "maxOpenConns": CONNECTIONS,
                "maxIdleConns": 1,
                "maxIdleConnsAuto": False,
                "connMaxLifetime": 600,
                "postgresVersion": 1300,
                "timescaledb": False,
            },
            # Grafana reads the file; what stands here is its path.
            "secureJsonData": {"password": f"$__file{{{self._word(self.reader, 'password_file')}}}"},
        }

    @property
    def _where(self) -> str:
        return f"{self.system}, deployment {self.deployment}, postgres.memory_text"

    def _word(self, section: Mapping[str, Any], key: str) -> str:
        value = section.get(key)
        if not isinstance(value, str) or not _PLAIN.fullmatch(value):
            message = f"{self._where}: {key} is missing, or cannot be written into Grafana's files"
            raise ContradictionError(message)
        return value


def memory_sources(systems: Mapping[str, Any]) -> tuple[MemorySource, ...]:
    """Every deployment that says something of its PostgreSQL. systems: as in observatory.yml."""
    found = []
    for system, deployments in sorted(systems.items()):
        for one in deployments if isinstance(deployments, list) else [deployments]:
            postgres = one.get("postgres") if isinstance(one, dict) else None
            if isinstance(postgres, dict):
                reader = postgres.get("memory_text")
                name = str(one.get("deployment", "default"))
                found.append(MemorySource(system, name, postgres, reader if isinstance(reader, dict) else None))
    return tuple(found)


def provisioning(sources: Sequence[MemorySource], *, text: bool) -> bytes:
    """The file for one Grafana. text: whether it is to read texts."""
    wanted = [source for source in sources if text and source.reader is not None]
    document = {
        "apiVersion": 1,
        # From 11 on Grafana forgets by itself what is in no file any more; before, what it is told to.
        "prune": True,
        "deleteDatasources": [{"name": source.name, "orgId": 1} for source in sources if source not in wanted],
        "datasources": [source.provisioned() for source in wanted],
    }
    return yaml.safe_dump(document, sort_keys=False, width=200).encode()


def asks_a_database(page: bytes) -> bool:
    """Whether a dashboard has a panel that asks such a data source."""
    panels = json.loads(page).get("panels", ())
    return any((panel.get("datasource") or {}).get("type") == "postgres" for panel in panels)
