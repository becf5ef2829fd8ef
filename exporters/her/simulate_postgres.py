"""HER's PostgreSQL as a program: makes the tables, fills them with a past, and lives until it is told to stop.

python -m exporters.her.simulate_postgres --postgres.port 5432 --postgres.password-file /run/secrets/postgres
"""

import argparse
import secrets
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from exporters.her.simulate_memory import Tables
from exporters.her.sql_grants import GRANTED, LEGACY_MEMORIES, LEGACY_TABLE, TIMEZONES


def main(argv: Sequence[str] | None = None) -> int:
    """Make the tables and live in them; 0 after a clean stop, 1 when PostgreSQL refuses."""
    parser = argparse.ArgumentParser(
        prog="python -m exporters.her.simulate_postgres",
        description="Write what the HER assistant keeps in PostgreSQL, until stopped by Ctrl-C or SIGTERM.",
    )
    parser.add_argument("--postgres.host", dest="host", default="127.0.0.1", help="host (%(default)s)")
    parser.add_argument("--postgres.port", dest="port", type=int, required=True, help="port")
    parser.add_argument("--postgres.user", dest="user", default="postgres", help="an account that may create tables")
    parser.add_argument("--postgres.dbname", dest="dbname", default="her_memory", help="database (%(default)s)")
    parser.add_argument("--postgres.password-file", dest="password_file", type=Path, help="file holding the password")
    parser.add_argument("--observer", help="an account that is to be allowed what the exporter reads")
    parser.add_argument("--backfill-days", type=int, default=30, help="memories to begin with (%(default)s)")
    arguments = parser.parse_args(argv)
    stop = threading.Event()
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, lambda *_: stop.set())
    try:
        with psycopg.connect(
            host=arguments.host,
            port=arguments.port,
            user=arguments.user,
            dbname=arguments.dbname,
            password=arguments.password_file.read_text().strip() if arguments.password_file else None,
        ) as connection:
            tables = Tables(connection, seed=secrets.randbits(32))
            begin(tables, arguments.backfill_days)
            if arguments.observer:
                admit(connection, arguments.observer)
            print(f"simulate_postgres: HER writes to {arguments.host}:{arguments.port}", file=sys.stderr, flush=True)
            tables.run(stop)
    except (OSError, psycopg.Error) as error:
        # libpq's messages name hosts and accounts; this one is only for whoever started the simulator.
        print(f"simulate_postgres: {error}", file=sys.stderr)
        return 1
    return 0


def admit(connection: psycopg.Connection[Any], account: str) -> None:
    """Let an account read what the probes need: with Mem0's payloads, the texts of memories too."""
    for columns in (GRANTED, TIMEZONES, {"memories": ("payload",), LEGACY_TABLE: LEGACY_MEMORIES}):
        for table, names in columns.items():
            connection.execute(
                sql.SQL("GRANT SELECT ({}) ON {} TO {}").format(
                    sql.SQL(", ").join(map(sql.Identifier, names)), sql.Identifier(table), sql.Identifier(account)
                )
            )
    connection.commit()


def begin(tables: Tables, days: int) -> None:
    """A HER that was an older build once: its memories are out of the way, and new ones were made since."""
    tables.create()
    if not tables.columns("memories"):
        tables.older_memory()
        tables.start_memory()
        tables.backfill(days)
        for person in (*tables.world.people, *tables.world.api_people):
            tables.seen(person)
        tables.system_user()


if __name__ == "__main__":
    sys.exit(main())
