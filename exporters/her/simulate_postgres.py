"""HER's PostgreSQL beside her Redis: the copies of what she decides, and what she keeps there and nowhere else.

database = Database(connect_sql(host=…, port=…, user="her", dbname="her_memory", password=…), her, seed=7)
database.begin(30)              # tables, people, memories of a month; from now on a row follows each decision
database.live(stop)             # the heartbeat, the schedule, somebody is remembered; in a thread of its own
database.join()
"""

import sys
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from exporters.her.simulate_memory import Tables
from exporters.her.simulate_sql import SqlTwin
from exporters.her.sql_grants import (
    GRANTED,
    LEGACY_MEMORIES,
    LEGACY_TABLE,
    MEMORY_PAYLOAD,
    MEMORY_TEXTS,
    READER_BOUNDS,
    TIMEZONES,
)

if TYPE_CHECKING:
    from exporters.her.simulate import Her


class Database:
    """The database of `her`. connection: of an account that may create tables, every statement a transaction."""

    def __init__(self, connection: psycopg.Connection[Any], her: "Her", *, seed: int) -> None:
        self.connection = connection
        self.tables = Tables(connection, seed=seed, clock=her.pen.clock, world=her.world)
        self.twin = SqlTwin(connection, seed=seed)
        self._her = her
        self._thread: threading.Thread | None = None

    def begin(self, days: int) -> None:
        """Make what is missing, as a HER does that was an older build once: its memories are out of the way.

        Raises OSError if PostgreSQL refuses.
        """
        try:
            self.tables.create()
            if not self.tables.columns("memories"):
                self.tables.older_memory()
                self.tables.start_memory()
                for person in (*self.tables.world.people, *self.tables.world.api_people):
                    self.tables.seen(person)
                self.tables.system_user()
                self.tables.backfill(days)
        except psycopg.Error:
            msg = "HER's tables cannot be made in this PostgreSQL"
            raise OSError(msg) from None
        self._her.pen.twin = self.twin

    def admit(self, account: str, password: str | None = None) -> None:
        """Let an account read what the exporter reads: with Mem0's payloads, the texts of memories too.

        password: make the account if it is missing, and give it this one. Raises OSError if there is no such account.
        """
        memories = {"memories": MEMORY_PAYLOAD, LEGACY_TABLE: LEGACY_MEMORIES}
        self._admit(account, password, {**GRANTED, **memories})
        # A second grant for a table that is among them already.
        self._admit(account, None, TIMEZONES)

    def admit_reader(self, account: str, password: str | None = None) -> None:
        """Let another account read memories word for word, and nothing beside them. password, errors: as `admit`."""
        self._admit(account, password, {"memories": MEMORY_TEXTS["mem0"]})
        try:
            for name, value in READER_BOUNDS.items():
                self.connection.execute(
                    sql.SQL("ALTER ROLE {} SET {} = {}").format(
                        sql.Identifier(account), sql.Identifier(name), sql.Literal(value)
                    )
                )
        except psycopg.Error:
            raise _refused(account) from None

    def _admit(self, account: str, password: str | None, columns: Mapping[str, tuple[str, ...]]) -> None:
        try:
            if password is not None:
                self._make(account, password)
            for table, names in columns.items():
                self.connection.execute(
                    sql.SQL("GRANT SELECT ({}) ON {} TO {}").format(
                        sql.SQL(", ").join(map(sql.Identifier, names)), sql.Identifier(table), sql.Identifier(account)
                    )
                )
        except psycopg.Error:
            raise _refused(account) from None

    def _make(self, account: str, password: str) -> None:
        name = sql.Identifier(account)
        if self.connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (account,)).fetchone() is None:
            self.connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(name))
        self.connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(name, sql.Literal(password)))

    def live(self, stop: threading.Event) -> None:
        """Go on until `stop` is set, or until PostgreSQL goes away."""
        self._thread = threading.Thread(target=self._live, args=(stop,), name="her's postgres", daemon=True)
        self._thread.start()

    def join(self) -> None:
        """Wait for its end, and leave."""
        if self._thread is not None:
            self._thread.join()
        self.connection.close()

    def _live(self, stop: threading.Event) -> None:
        try:
            self.tables.run(stop)
        except psycopg.Error as error:
            print(f"simulate: PostgreSQL is gone ({type(error).__name__})", file=sys.stderr)


def _refused(account: str) -> OSError:
    return OSError(f"the account {account} cannot be admitted to this PostgreSQL")
