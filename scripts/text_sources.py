"""Grafana's data sources for texts that stay in the watched system's database: one for each database that wants it.

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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml
from watched import ContradictionError

SSL_MODES = ("disable", "require", "verify-ca", "verify-full")
LONGEST_UID = 40
"""Grafana's own limit."""
CONNECTIONS = 3
"""Of the five or eight that the account may have: two Grafanas of one operator need not fight."""
_PLAIN = re.compile(r"[^\x00-\x1f$]+")
"""Grafana replaces `$…` in these files."""
_WANTED = re.compile(r"/\^(.+): \$\{deployment:regex\}\$/")
"""How a page's variable says which data sources it takes."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Texts of one kind. sections: where a deployment says which database they are in; the first one given counts.

    text: what the account for them is called there. dbname: the database's name where a deployment gives none.
    """

    system: str
    name: str
    word: str
    sections: tuple[str, ...]
    text: str
    dbname: str = ""


KINDS = (
    Kind("her", "HER memories", "memories", ("postgres",), "memory_text", "her_memory"),
    Kind("sigmasight", "SigmaSight core texts", "core-texts", ("core",), "text"),
    # With one database for both, its account reads the words of both.
    Kind("sigmasight", "SigmaSight ai texts", "ai-texts", ("ai", "core"), "text"),
)


@dataclass(frozen=True, slots=True)
class TextSource:
    """One deployment's data source. reader: its settings, None where nobody is to read its texts."""

    kind: Kind
    deployment: str
    section: str
    database: Mapping[str, Any]
    reader: Mapping[str, Any] | None

    @property
    def name(self) -> str:
        """What it is called in Grafana, and what the pages look for."""
        return f"{self.kind.name}: {self.deployment}"

    @property
    def uid(self) -> str:
        """Stable, and short enough for a deployment of any name."""
        whole = f"{self.kind.system}-{self.kind.word}-{self.deployment}"
        if len(whole) <= LONGEST_UID:
            return whole
        digest = hashlib.sha256(whole.encode()).hexdigest()[:8]
        return f"{whole[: LONGEST_UID - 9]}-{digest}"

    def provisioned(self) -> dict[str, Any]:
        """As Grafana's provisioning has it. Raises ContradictionError for settings it could not use."""
        if self.reader is None:
            message = f"{self.name}: nobody is to read it"
            raise ContradictionError(message)
        host = self._word(self.database, "host")
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
            "url": f"{f'[{host}]' if ':' in host else host}:{self.database.get('port', 5432)}",
            "user": self._word(self.reader, "user"),
            "editable": False,
            "jsonData": {
                "database": self._word({"dbname": self.kind.dbname, **self.database}, "dbname"),
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
        return f"{self.kind.system}, deployment {self.deployment}, {self.section}.{self.kind.text}"

    def _word(self, section: Mapping[str, Any], key: str) -> str:
        value = section.get(key)
        if not isinstance(value, str) or not _PLAIN.fullmatch(value):
            message = f"{self._where}: {key} is missing, or cannot be written into Grafana's files"
            raise ContradictionError(message)
        return value


def text_sources(systems: Mapping[str, Any]) -> tuple[TextSource, ...]:
    """Every database that a deployment names and that holds texts. systems: as in observatory.yml."""
    return tuple(
        source
        for kind in KINDS
        for deployments in [systems.get(kind.system)]
        for one in (deployments if isinstance(deployments, list) else [deployments])
        if isinstance(one, dict)
        for source in _of(kind, one)
    )


def _of(kind: Kind, deployment: Mapping[str, Any]) -> Iterator[TextSource]:
    for section in kind.sections:
        database = deployment.get(section)
        if isinstance(database, dict):
            reader = database.get(kind.text)
            name = str(deployment.get("deployment", "default"))
            yield TextSource(kind, name, section, database, reader if isinstance(reader, dict) else None)
            return


def provisioning(sources: Sequence[TextSource], *, text: bool) -> bytes:
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


def databases_asked(page: bytes) -> set[str]:
    """The names of the kinds of data sources that a dashboard chooses its database from; none for most pages."""
    listed = json.loads(page).get("templating", {}).get("list", ())
    wanted = (_WANTED.fullmatch(str(one.get("regex", ""))) for one in listed if one.get("type") == "datasource")
    return {found[1] for found in wanted if found}
