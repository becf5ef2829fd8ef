"""How many users, portfolios and administrators' sessions there are: probe `people`.

`users.created_at` is the one true sign of a sign-up, because the live one goes through Clerk, which writes no events.
It has no index, and the account cannot read ids: so these are gauges of one scan, and no stream.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

from exporters.core.contract import Sample
from exporters.readers.postgres_client import Connection, reading
from exporters.sigmasight import windows_metrics as m

WINDOWS = {"24h": timedelta(hours=24), "7d": timedelta(days=7), "30d": timedelta(days=30)}
DAYS = 30

_USERS = """
SELECT tier, is_active, count(*), count(*) FILTER (WHERE with_clerk),
       count(*) FILTER (WHERE created_at >= %(24h)s), count(*) FILTER (WHERE created_at >= %(7d)s),
       count(*) FILTER (WHERE created_at >= %(30d)s)
FROM observatory.users GROUP BY 1, 2
"""
_BY_DAY = """
SELECT %(today)s::date - (created_at AT TIME ZONE 'UTC')::date, count(*) FROM observatory.users
WHERE created_at >= %(since)s AND created_at < %(tomorrow)s GROUP BY 1
"""
_PORTFOLIOS = "SELECT count(*) FILTER (WHERE deleted_at IS NULL), count(deleted_at) FROM public.portfolios"
_SESSIONS = "SELECT count(*) FROM public.admin_sessions WHERE expires_at > %(now)s"


def collect(connection: Connection, now: datetime) -> list[Sample]:
    """Three tables -> sigmasight_users{tier="free",active="yes"} 12 and the rest. Raises StreamError, SourceDown."""
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    day = timedelta(days=1)
    with reading(connection) as cursor:
        users = cursor.execute(_USERS, {window: now - back for window, back in WINDOWS.items()}).fetchall()
        values = {"today": midnight.date(), "since": midnight - (DAYS - 1) * day, "tomorrow": midnight + day}
        by_day = dict(cursor.execute(_BY_DAY, values).fetchall())
        ((kept, deleted),) = cursor.execute(_PORTFOLIOS).fetchall()
        ((sessions,),) = cursor.execute(_SESSIONS, {"now": now}).fetchall()
    counts = Counter({(tier, active): 0 for tier in m.TIER.values or () for active in ("yes", "no")})
    recent: Counter[str] = Counter(dict.fromkeys(WINDOWS, 0))
    with_clerk = 0
    for tier, active, count, clerk, *signed_up in users:
        counts[m.TIER.clamp(tier), "yes" if active else "no"] += count
        with_clerk += clerk
        recent.update(dict(zip(WINDOWS, signed_up, strict=True)))
    return [
        *(Sample(m.USERS, count, labels) for labels, count in counts.items()),
        Sample(m.WITH_CLERK, with_clerk),
        *(Sample(m.SIGNED_UP, count, (window,)) for window, count in recent.items()),
        *(Sample(m.SIGNED_UP_BY_DAY, by_day.get(ago, 0), (f"{ago:02}",)) for ago in range(DAYS)),
        Sample(m.PORTFOLIOS, kept, ("kept",)),
        Sample(m.PORTFOLIOS, deleted, ("deleted",)),
        Sample(m.ADMIN_SESSIONS, sessions),
    ]
