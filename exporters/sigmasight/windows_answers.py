"""Finished answers with and without a row among the AI requests, by window: probe `windows_answers`.

The stream `ai_messages` counts the same as it happens; this looks back, at what is in both tables now. A clean-up takes
requests and leaves answers, so that the window of 30 days is true to a few minutes only.
"""

from __future__ import annotations

from datetime import datetime

from exporters.core.contract import Sample
from exporters.core.in_parts import Look
from exporters.readers.postgres_client import Connection, reading
from exporters.sigmasight import windows_metrics as m
from exporters.sigmasight.windows_bounds import MICROSECOND, PIECE, affordable, computed, start

TABLE = "agent_messages"
_ANSWERS = """
SELECT count(*) FILTER (WHERE recorded), count(*) FILTER (WHERE NOT recorded)
FROM (SELECT EXISTS (SELECT FROM public.ai_request_metrics AS r WHERE r.message_id = a.id) AS recorded
      FROM public.agent_messages AS a WHERE a.created_at >= %(start)s AND a.created_at < %(end)s
      AND a.role = 'assistant' AND a.latency_ms IS NOT NULL) AS answers
"""


def look(connection: Connection, now: datetime) -> Look:
    """Every affordable window -> sigmasight_window_answers{days="7",recorded="no"} 3.

    Raises StreamError, SourceDown.
    """
    with reading(connection) as cursor:
        windows = affordable(cursor, TABLE, now)
    samples = list(computed(m.ANSWERS_COMPUTED, windows))
    recorded = lost = 0
    end = now + MICROSECOND
    for days in windows:
        while end > start(now, days):
            begin = max(start(now, days), end - PIECE)
            yield
            with reading(connection) as cursor:
                ((more_recorded, more_lost),) = cursor.execute(_ANSWERS, {"start": begin, "end": end}).fetchall()
            recorded, lost, end = recorded + more_recorded, lost + more_lost, begin
        samples.append(Sample(m.ANSWERS, recorded, (str(days), "yes")))
        samples.append(Sample(m.ANSWERS, lost, (str(days), "no")))
    return samples
