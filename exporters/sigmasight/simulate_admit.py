"""Databases and accounts of the invented SigmaSight; accounts are allowed what `grants` says."""

from typing import Final, Literal

from psycopg import sql

from exporters.sigmasight import grants
from exporters.sigmasight.simulate_pen import Connection, Pen

Role = Literal["observer", "reader"]
"""Who reads: an observer numbers, a reader words."""

MAINTENANCE: Final = "postgres"
"""The database that every PostgreSQL has, from which others are made."""


def make_database(connection: Connection, name: str) -> None:
    """The database, where it is missing; `connection` is in autocommit, to another one."""
    if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone() is None:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))


def make_account(connection: Connection, role: Role, name: str, password: str) -> None:
    """The account, where it is missing, with this password. Raises ValueError for a name that `grants` refuses."""
    if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (name,)).fetchone() is None:
        connection.execute((grants.account(name) if role == "observer" else grants.reader(name)).encode())
    # Hashed here, as \password does it: a server may log its statements.
    hashed = connection.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256").decode()
    connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(name), sql.Literal(hashed)))


def admit(
    pen: Pen,
    *,
    core_observer: str | None,
    ai_observer: str | None,
    core_reader: str | None = None,
    ai_reader: str | None = None,
) -> None:
    """Let accounts that exist already read each half: an observer its numbers, a reader its words."""
    if core_observer:
        pen.core.execute(grants.numbers("core", core_observer).encode())
    if ai_observer:
        pen.ai.execute(grants.numbers("ai", ai_observer).encode())
    if core_reader:
        pen.core.execute(grants.texts("core", core_reader).encode())
    if ai_reader:
        pen.ai.execute(grants.texts("ai", ai_reader).encode())
