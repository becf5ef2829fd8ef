"""A connection to one PostgreSQL, as the settings have its account."""

from __future__ import annotations

from exporters.core.errors import ConfigError, SourceDown
from exporters.readers.postgres_client import Connection, Tls, connect
from exporters.readers.postgres_settings import PostgresSettings


def log_in(database: PostgresSettings) -> Connection:
    """One connection, with the password as its file holds it now. Raises SourceDown."""
    try:
        password = database.secret()
    except ConfigError as error:
        raise SourceDown("auth", "; ".join(error.problems)) from None
    return connect(
        host=database.host,
        port=database.port,
        user=database.user,
        dbname=database.dbname,
        password=password,
        tls=Tls(
            mode=database.sslmode,
            ca_file=database.ca_file,
            certificate_file=database.cert_file,
            key_file=database.key_file,
        ),
        timeout=database.timeout_seconds,
    )
