"""The invented HER's PostgreSQL: a database, and an account that may only read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from exporters.demo.ports import LOOPBACK
from exporters.demo.postgres import SUPERUSER, Postgres
from exporters.demo.process import ServerError
from exporters.demo.stage import Stage

DBNAME = "her_memory"
OBSERVER = "observer"
READER = "reader"
PURPOSE = "what an invented HER remembers, and whom"


@dataclass(frozen=True, slots=True)
class Database:
    """settings: what stands under `postgres:` in observatory.yml. for_simulator: arguments of HER's simulator."""

    settings: dict[str, Any]
    for_simulator: tuple[str, ...]


def her_database(stage: Stage) -> Database | None:
    """Start it; None after telling why there is none."""
    name = "HER's PostgreSQL"
    try:
        postgres = Postgres(
            stage.folder / "her" / "postgres",
            stage.port(5432, name),
            password_file=stage.secret_file("her_postgres_superuser_password"),
            name=name,
        )
    except ServerError as error:
        stage.leave_out(name, PURPOSE, str(error), "its pages are left out")
        return None
    stage.start(postgres, address=f"{LOOPBACK}:{postgres.port}", purpose=PURPOSE)
    password_file = stage.secret_file("her_postgres_password")
    reader_file = stage.secret_file("her_postgres_text_password")
    _prepare(postgres)
    return Database(
        settings={
            "host": LOOPBACK,
            "port": postgres.port,
            "dbname": DBNAME,
            "user": OBSERVER,
            "password_file": str(password_file),
            # A server on loopback speaks no TLS.
            "memory_text": {"user": READER, "password_file": str(reader_file), "sslmode": "disable"},
        },
        for_simulator=(
            *("--postgres.host", LOOPBACK, "--postgres.port", str(postgres.port), "--postgres.dbname", DBNAME),
            *("--postgres.user", SUPERUSER, "--postgres.password-file", str(postgres.password_file)),
            *("--postgres.observer", OBSERVER, "--postgres.observer-password-file", str(password_file)),
            *("--postgres.reader", READER, "--postgres.reader-password-file", str(reader_file)),
        ),
    )


def _prepare(postgres: Postgres) -> None:
    """The database; it is there when a demo is continued. Its simulator makes the rest."""
    # Only a demo with a database needs libpq.
    import psycopg
    from psycopg import sql

    with psycopg.connect(postgres.dsn(), autocommit=True) as connection:
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DBNAME,)).fetchone() is None:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DBNAME)))
