"""A connection to one PostgreSQL that can only read, and cannot wait for ever.

The session is read-only by default; each of its statements, lock waits and idle transactions has its limit in the
server, and each answer one here, because a server that is stopped keeps no limits. Reads happen in `reading()`: one
snapshot, and no lock beyond the ACCESS SHARE of a SELECT. Only an ALTER TABLE must wait for that, and with it everybody
who comes after it: hence short statements, one transaction per read, and never a wait in between.
"""

from __future__ import annotations

import selectors
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any, Literal

import psycopg
from psycopg.abc import RV, PQGen

from exporters.readers.postgres_errors import Stalled, at_the_door, translated

__all__ = ["Connection", "SslMode", "Tls", "close", "connect", "reading", "translated"]

APPLICATION_NAME = "llm-observatory"
SslMode = Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]

_PATIENCE = 2.0
"""Seconds beyond the statement's own limit before the server counts as gone: its refusal must have time to arrive."""

_LOCK_SHARE = 0.2
"""Of the statement's limit, how long to wait for a table that is being altered; the next read tries again."""


@dataclass(frozen=True, kw_only=True)
class Tls:
    """How to speak TLS, in libpq's words. Without `ca_file` only libpq's own default authority is trusted."""

    mode: SslMode = "prefer"
    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None


class Connection(psycopg.Connection[Any]):
    """A connection on which no answer takes longer than `answer_within` seconds: it raises Stalled."""

    answer_within: float = 10.0

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        """Run one exchange with the server. psycopg's own would wait for a stopped server until it is killed."""
        deadline = monotonic() + (self.answer_within if timeout is None else min(timeout, self.answer_within))
        try:
            wanted = next(gen)
            with selectors.DefaultSelector() as selector:
                selector.register(self.pgconn.socket, int(wanted))
                while True:
                    ready = selector.select(min(interval, max(0.0, deadline - monotonic())))
                    if not ready and monotonic() >= deadline:
                        self.pgconn.finish()
                        raise Stalled
                    again = gen.send(psycopg.waiting.Ready(ready[0][1] if ready else 0))
                    if again != wanted:
                        selector.modify(self.pgconn.socket, int(again))
                        wanted = again
        except StopIteration as done:
            value: RV = done.value
            return value


def connect(
    *,
    host: str,
    port: int = 5432,
    user: str,
    dbname: str,
    password: str | None = None,
    tls: Tls | None = None,
    timeout: float = 5.0,
) -> Connection:
    """Open one connection that may read and nothing else. Raises SourceDown and nothing else.

    timeout: seconds that connecting may take (two at least: libpq's own bound), and that one statement may run.
    """
    secure = tls or Tls()
    milliseconds = int(timeout * 1000)
    session = {
        "default_transaction_read_only": "on",
        "statement_timeout": milliseconds,
        "lock_timeout": max(1, int(milliseconds * _LOCK_SHARE)),
        "idle_in_transaction_session_timeout": milliseconds * 2,
        "TimeZone": "UTC",
        "DateStyle": "ISO",
        "client_encoding": "UTF8",
        # Parallel workers and just-in-time compilation cost a busy server more than they save on a few thousand rows.
        "max_parallel_workers_per_gather": 0,
        "jit": "off",
    }
    failure = None
    try:
        connection = Connection.connect(
            host=host,
            port=port,
            user=user,
            dbname=dbname,
            password=password or "",
            sslmode=secure.mode,
            sslrootcert=str(secure.ca_file) if secure.ca_file else None,
            sslcert=str(secure.certificate_file) if secure.certificate_file else None,
            sslkey=str(secure.key_file) if secure.key_file else None,
            # Neither the user's own ~/.pgpass nor Kerberos tickets: what the settings say, and nothing beside it.
            passfile="/dev/null",
            gssencmode="disable",
            connect_timeout=max(2, round(timeout)),
            application_name=APPLICATION_NAME,
            options=" ".join(f"-c {name}={value}" for name, value in session.items()),
            autocommit=True,
            # A prepared statement is planned for any value, and then scans where an index serves these values.
            prepare_threshold=None,
        )
    except psycopg.Error as error:
        failure = at_the_door(error)
    except (OSError, UnicodeError):
        failure = at_the_door(psycopg.OperationalError("connection refused"))
    if failure is not None:
        raise failure
    connection.answer_within = timeout + _PATIENCE
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    connection.read_only = True
    return connection


def close(connection: Connection) -> None:
    """Close the connection. Never raises: what it could raise is about a connection nobody wants any more."""
    try:
        connection.close()
    except (psycopg.Error, OSError):
        return


@contextmanager
def reading(connection: Connection) -> Iterator[psycopg.Cursor[Any]]:
    """One REPEATABLE READ READ ONLY transaction: everything in it is of one snapshot. Rows come as tuples.

    Raises StreamError or SourceDown in place of psycopg's errors.
    """
    with translated(), connection.transaction(), connection.cursor() as cursor:
        yield cursor
