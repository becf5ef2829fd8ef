"""The invented HER's PostgreSQL: a database, an account that may only read, and somebody who writes."""

from __future__ import annotations

import sys
from typing import Any

from exporters.demo.ports import LOOPBACK
from exporters.demo.postgres import Postgres
from exporters.demo.process import Server, ServerError
from exporters.demo.stage import Stage

DBNAME = "her_memory"
OBSERVER = "observer"
PURPOSE = "what an invented HER remembers, and whom"


def her_database(stage: Stage) -> dict[str, Any] | None:
    """Start it with its simulator; the settings under `postgres:`, or None after telling why there is none."""
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
    _prepare(postgres, password_file.read_text().strip())
    log = stage.folder / "her" / "postgres-simulator.log"
    simulator = Server(
        "HER's PostgreSQL simulator",
        [
            *(sys.executable, "-m", "exporters.her.simulate_postgres", "--postgres.port", str(postgres.port)),
            *("--postgres.dbname", DBNAME, "--postgres.password-file", postgres.password_file),
            *("--observer", OBSERVER),
        ],
        log=log,
        ready=lambda: "HER writes to" in log.read_text(errors="replace"),
    )
    stage.start(simulator, address="-", purpose="remembers, and writes to that PostgreSQL")
    return {
        "host": LOOPBACK,
        "port": postgres.port,
        "dbname": DBNAME,
        "user": OBSERVER,
        "password_file": str(password_file),
    }


def _prepare(postgres: Postgres, password: str) -> None:
    """The database and the account; both are there when a demo is continued."""
    # Only a demo with a database needs libpq.
    import psycopg
    from psycopg import sql

    with psycopg.connect(postgres.dsn(), autocommit=True) as connection:
        for question, name, making in (
            ("SELECT 1 FROM pg_database WHERE datname = %s", DBNAME, sql.SQL("CREATE DATABASE {}")),
            ("SELECT 1 FROM pg_roles WHERE rolname = %s", OBSERVER, sql.SQL("CREATE ROLE {} LOGIN")),
        ):
            if connection.execute(question, (name,)).fetchone() is None:
                connection.execute(making.format(sql.Identifier(name)))
        connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(OBSERVER), sql.Literal(password)))
