"""HER's sign of life in PostgreSQL, timed by our clock: the lock that its scheduler renews once a minute.

    renewed, stamped 13:00:00 by a clock an hour ahead, read 12:00:09    her_scheduler_lock_timestamp_seconds  12:00:09
    read again at 12:10:09, the same stamp                               12:00:09: ten minutes old, whatever it says

Whether the server or HER stamps it, only what changes is a sign of life, and it came when we saw it change. What lay
there at the first look is as old as the server's own clock says; should HER live, its next comes within a minute.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from exporters.core.contract import Sample
from exporters.her import sql_metrics as m
from exporters.her.heartbeat import Heartbeats, hear
from exporters.readers.postgres_client import Connection, reading

_LOCKS = """
SELECT extract(epoch FROM max(updated_at) FILTER (WHERE lock_name = 'system:reminder_processor')),
       extract(epoch FROM clock_timestamp()),
       count(*) FILTER (WHERE lock_name LIKE 'task:%%')
FROM scheduler_job_locks
"""


class LocksProbe:
    """Reads the locks of one deployment, and remembers, while the process runs, when it saw HER renew its own."""

    def __init__(self) -> None:
        self._renewals = Heartbeats()

    def collect(self, connection: Connection, now: datetime) -> list[Sample]:
        """`scheduler_job_locks` -> her_scheduler_lock_timestamp_seconds, her_scheduler_task_locks.

        Raises StreamError, SourceDown.
        """
        with reading(connection) as cursor:
            cursor.execute(_LOCKS)
            ((stamp, clock, tasks),) = cursor.fetchall()
        samples = [Sample(m.TASK_LOCKS, tasks)]
        if stamp is not None:
            renewed = self._renewed(float(stamp), float(clock), now)
            samples.append(Sample(m.LOCK_TIME, renewed))
        return samples

    def _renewed(self, stamp: float, clock: float, now: datetime) -> float:
        """When, by our clock. stamp: of the lock. clock: the server's. Both in seconds since the epoch."""
        present = now.timestamp()
        before = self._renewals
        if before.heard is None:
            first = present - max(0.0, clock - stamp)
            self._renewals = Heartbeats(None, stamp, present, first, (clock - present,))
        elif stamp != before.stamp:
            self._renewals, _ = hear(replace(before, told=stamp), now)
        heard = self._renewals.heard
        return present if heard is None else min(heard, present)
