"""How HER's PostgreSQL server itself is: the probe `postgres_server`, from views that every account may read.

    current_setting('server_version')  "17.6 (Debian 17.6-1)"   ->  her_postgres_info{version="17.6"} 1
    pg_stat_activity, one row a connection                      ->  her_postgres_connections{state="hidden"} 6
    pg_snapshot_xmin(pg_current_snapshot()), first seen at ...  ->  her_postgres_oldest_transaction_seconds 41

PostgreSQL shows an account its own connections and hides what others do: their state and the start of their transaction
are null without `pg_read_all_stats`, which is not needed here. That a connection exists is told to everybody, and so is
the oldest transaction still open, by its number. How long it has been open is then known from when it was seen first:
at least that long. With `pg_read_all_stats` states and starts are exact.
"""

from __future__ import annotations

from datetime import datetime

from exporters.core.contract import Probe, Sample
from exporters.core.label import OTHER
from exporters.her import system_metrics as m
from exporters.her.labels import CONNECTION_STATE
from exporters.her.names import member
from exporters.her.settings import HerSettings
from exporters.readers.postgres_client import Connection, reading

_SERVER = """
SELECT split_part(current_setting('server_version'), ' ', 1),
       extract(epoch FROM pg_postmaster_start_time()),
       pg_database_size(current_database()),
       current_setting('max_connections')::int,
       pg_snapshot_xmin(pg_current_snapshot())::text,
       EXISTS (SELECT FROM pg_locks WHERE locktype = 'transactionid' AND mode = 'ExclusiveLock' AND granted)
"""
# Whoever writes holds a lock on its own number, prepared transactions and other databases included. Without one the
# snapshot's xmin is merely the next number to be given, and stands still while nobody writes.
# A client has an account and a database; what works for the server itself lacks one of them. `state` and `xact_start`
# are null where they are hidden.
_CONNECTIONS = """
SELECT coalesce(state, 'hidden'), count(*),
       extract(epoch FROM clock_timestamp() - min(xact_start) FILTER (WHERE backend_xid IS NOT NULL))
FROM pg_stat_activity WHERE usesysid IS NOT NULL AND datid IS NOT NULL GROUP BY 1
"""
_STATES = {"idle in transaction": "idle_in_transaction", "idle in transaction (aborted)": "idle_in_transaction"}


def server_probe(settings: HerSettings) -> Probe[Connection]:
    """The probe of one deployment."""
    return Probe(
        name="postgres_server",
        interval=settings.interval("postgres_server"),
        collect=ServerProbe().collect,
        feeds=(
            m.POSTGRES_INFO,
            m.POSTGRES_STARTED,
            m.POSTGRES_SIZE,
            m.POSTGRES_CONNECTIONS,
            m.POSTGRES_CONNECTION_LIMIT,
            m.POSTGRES_HELD,
        ),
    )


class ServerProbe:
    """Remembers the oldest open transaction, and when it was seen first."""

    def __init__(self) -> None:
        self._oldest = ""
        self._since: datetime | None = None

    def collect(self, connection: Connection, now: datetime) -> list[Sample]:
        """The server as gauges. Raises StreamError, SourceDown."""
        with reading(connection) as cursor:
            cursor.execute(_SERVER)
            ((version, started, size, limit, oldest, open_now),) = cursor.fetchall()
            cursor.execute(_CONNECTIONS)
            rows = cursor.fetchall()
        counts = dict.fromkeys(CONNECTION_STATE.values or (), 0)
        for state, count, _ in rows:
            name = CONNECTION_STATE.clamp(_STATES.get(state, state))
            counts[name] = counts.get(name, 0) + count
        shown = [float(age) for _, _, age in rows if age is not None]
        return [
            Sample(m.POSTGRES_INFO, 1, (member(version),)),
            Sample(m.POSTGRES_STARTED, float(started)),
            Sample(m.POSTGRES_SIZE, size),
            Sample(m.POSTGRES_CONNECTION_LIMIT, limit),
            *(Sample(m.POSTGRES_CONNECTIONS, n, (state,)) for state, n in counts.items() if n or state != OTHER),
            Sample(m.POSTGRES_HELD, max([self._held(oldest, now) if open_now else 0.0, *shown])),
        ]

    def _held(self, oldest: str, now: datetime) -> float:
        if self._since is None or oldest != self._oldest:
            self._oldest, self._since = oldest, now
        return max(0.0, (now - self._since).total_seconds())
