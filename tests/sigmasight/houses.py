"""An invented SigmaSight in real databases, and what the exporter needs to watch it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from exporters.core.contract import RememberingReader, Source
from exporters.demo.postgres import Postgres
from exporters.sigmasight import grants
from exporters.sigmasight.settings import SigmaSightSettings
from exporters.sigmasight.simulate import Habits
from exporters.sigmasight.sources import sources
from tests.sigmasight.databases import Databases
from tests.sigmasight.reading import Reader

HASH_KEY = b"a hash key of our own making, 32+"
PASSWORD = "of the test's observer"
OBSERVER = "observer"


def make_account(server: Postgres) -> None:
    """The account that reads numbers; it is let in by each house."""
    with psycopg.connect(server.dsn(), autocommit=True) as admin:
        admin.execute(grants.account(OBSERVER).encode())
        admin.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(OBSERVER), sql.Literal(PASSWORD)))


class House:
    """One SigmaSight, alive now. sigma: its simulator. canaries: "table.column" -> token, as columns get written."""

    def __init__(self, databases: Databases, folder: Path) -> None:
        self.databases = databases
        self.folder = folder
        self.canaries: dict[str, str] = {}
        self.sigma = databases.sigma(
            7, clock=lambda: datetime.now(UTC), canaries=self.canaries, habits=Habits(tokens=0.5)
        )
        self._beside: list[psycopg.Connection[Any]] = []
        for half, connection in (("core", databases.core), ("ai", databases.ai)):
            name: grants.Half = "core" if half == "core" else "ai"
            connection.execute(grants.numbers(name, OBSERVER).encode())
        (folder / "observer").write_text(PASSWORD + "\n")

    def close(self) -> None:
        for connection in self._beside:
            connection.close()

    def beside(self) -> psycopg.Connection[Any]:
        """One more connection of the owner's to the core database."""
        self._beside.append(self.databases.connect())
        return self._beside[-1]

    def address(self, half: str = "core", **given: object) -> dict[str, object]:
        """How the exporter connects."""
        return {
            "host": "127.0.0.1",
            "port": self.databases.server.port,
            "user": OBSERVER,
            "dbname": self.databases.core_name if half == "core" else self.databases.ai_name,
            "password_file": self.folder / "observer",
            **given,
        }

    def settings(self, **given: object) -> SigmaSightSettings:
        return SigmaSightSettings(**{"core": self.address(), "ai": self.address("ai"), **given})

    def sources(self, **given: object) -> dict[str, Source[Any]]:
        return {source.name: source for source in sources(self.settings(**given), HASH_KEY)}

    @contextmanager
    def readers(self, **given: object) -> Iterator[dict[str, Reader]]:
        """Every stream of rows of the core database, over one connection."""
        source = self.sources(**given)["core"]
        connection = source.connect()
        try:
            rows = (stream for stream in source.streams if isinstance(stream.reader, RememberingReader))
            yield {stream.name: Reader(stream, connection) for stream in rows}
        finally:
            source.close(connection)


def lived(house: House, days: float = 4) -> datetime:
    """A past with every odd row, around the moment that is returned."""
    house.sigma.found()
    house.sigma.backfill(days)
    now = datetime.now(UTC)
    house.sigma.edges(now)
    return now
