"""What has not ended, and rows that no window serves well: probe `batch_now` over the view `observatory.batch_runs`.

`running` is said by three kinds of rows. A phantom is the tracker's: its run id is a UUID, and nobody ever ends it (a
nightly run has such an id too, but its row is written when it has ended). A stuck run was ended before its start was
committed, or its process died. The rest is running.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

from exporters.core.contract import Sample
from exporters.core.label import OTHER
from exporters.readers.postgres_client import Connection, reading
from exporters.sigmasight import batch_metrics as m

STUCK_AFTER = timedelta(hours=7)
"""Runs take minutes; a process whose zone is Kolkata's stamps their start five and a half hours in the past."""
LOOK_BACK = timedelta(days=45)
_CLOCKS_DIFFER = timedelta(seconds=60)

_UNFINISHED = """
SELECT trigger,
       CASE WHEN uuid_id THEN 'phantom' WHEN started_at < %(stuck)s THEN 'stuck' ELSE 'running' END,
       count(*), extract(epoch FROM min(started_at) FILTER (WHERE isfinite(started_at)))
FROM observatory.batch_runs WHERE status = 'running' GROUP BY 1, 2
"""
_ODD = """
SELECT (SELECT count(*) FROM public.batch_run_history WHERE started_at > %(future)s),
       (SELECT count(*) FROM public.batch_run_history WHERE created_at IS NULL AND started_at >= %(since)s),
       (SELECT coalesce(sum(n), 0) FROM (SELECT count(*) AS n FROM public.batch_run_history
        WHERE started_at >= %(since)s GROUP BY batch_run_id HAVING count(*) > 1) AS twins)
"""


def collect(connection: Connection, now: datetime) -> list[Sample]:
    """`batch_run_history` -> sigmasight_batch_unfinished_runs{trigger="user",state="phantom"} 3 and the rest.

    Raises StreamError, SourceDown.
    """
    with reading(connection) as cursor:
        cursor.execute(_UNFINISHED, {"stuck": now - STUCK_AFTER})
        unfinished = cursor.fetchall()
        cursor.execute(_ODD, {"future": now + _CLOCKS_DIFFER, "since": now - LOOK_BACK})
        (odd,) = cursor.fetchall()
    runs = Counter({(trigger, state): 0 for trigger in m.TRIGGER.values or () for state in m.UNFINISHED})
    oldest: dict[str, float] = {}
    for trigger, state, count, began in unfinished:
        known = m.TRIGGER.clamp(trigger)
        runs[known, state] += count
        if began is not None:
            oldest[state] = min(oldest.get(state, float(began)), float(began))
    return [
        *(Sample(m.UNFINISHED_RUNS, count, labels) for labels, count in runs.items() if count or OTHER not in labels),
        *(Sample(m.OLDEST_RUNNING, began, (state,)) for state, began in oldest.items()),
        *(Sample(m.ODD_ROWS, float(count), (oddity,)) for oddity, count in zip(m.ODDITIES, odd, strict=True)),
    ]
