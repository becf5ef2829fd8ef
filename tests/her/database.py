"""A real PostgreSQL with HER's tables in it, and the probes as an account reads them that may do nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import psycopg

from exporters.core.contract import Sample, Source
from exporters.core.metric import Metric
from exporters.demo.postgres import Postgres
from exporters.her.copies import Copies
from exporters.her.rows_source import rows_source
from exporters.her.settings import HerSettings
from exporters.her.simulate_memory import Tables
from exporters.readers.postgres_client import Connection, close
from tests.her.deployments import HASH_KEY

OBSERVER_PASSWORD = "an observer's password"
NOW = datetime(2026, 2, 22, 9, 0, tzinfo=UTC)
Shown = dict[tuple[str, tuple[str, ...]], float]


class Database:
    """HER's side (`tables`, `owner`) and ours (`read`)."""

    def __init__(self, server: Postgres, canaries: dict[str, str] | None = None) -> None:
        self.server = server
        self.owner: psycopg.Connection[Any] = psycopg.connect(server.dsn(), autocommit=True)
        self.owner.execute("SET TimeZone = 'UTC'")
        self.tables = Tables(self.owner, seed=5, clock=lambda: NOW, canaries=canaries)
        self.owner.execute("CREATE ROLE observer LOGIN PASSWORD 'an observer''s password'")

    def source(self, **postgres: object) -> Source[Connection]:
        """The source as the observer's account sees the database."""
        settings = HerSettings.model_validate(
            {"redis": {"host": "127.0.0.1"}, "postgres": {"host": "127.0.0.1", "user": "observer", **postgres}}
        )
        assert settings.postgres is not None
        return rows_source(settings, settings.postgres, HASH_KEY, Copies())

    def read(self, probe: str, **postgres: object) -> list[Sample]:
        """What a probe shows. postgres: settings of it."""
        from pydantic import SecretStr

        given = {"port": self.server.port, "dbname": "postgres", "password": SecretStr(OBSERVER_PASSWORD), **postgres}
        source = self.source(**given)
        (wanted,) = (one for one in source.probes if one.name == probe)
        connection = source.connect()
        try:
            samples = wanted.whole(connection, NOW)
        finally:
            close(connection)
        assert {sample.metric for sample in samples} <= set(wanted.feeds)
        assert all(len(sample.labels) == len(sample.metric.own_labels) for sample in samples)
        return samples

    def ask(self, query: str, values: Mapping[str, object] | None = None) -> list[tuple[Any, ...]]:
        """What the database itself says."""
        return self.owner.execute(query.encode(), values).fetchall()

    def number(self, query: str, values: Mapping[str, object] | None = None) -> Any:
        """One number of it."""
        ((found,),) = self.ask(query, values)
        return found


def shown(samples: list[Sample], metric: Metric) -> dict[str, float]:
    """Values of a metric by their only label, or by "" without one."""
    return {" ".join(sample.labels): sample.value for sample in samples if sample.metric is metric}
