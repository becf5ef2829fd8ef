"""HER's tables: streams decision_rows, proactive_audit and reflection_rows.

Each docstring shows its evidence: the table, one record, the exposition lines it becomes (`deployment` left out).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from exporters.core.contract import Effects, Stream
from exporters.her import copies as copies_module
from exporters.her import metrics
from exporters.her.copies import Copies, CopiesState
from exporters.her.copies_watch import WatchedRows, noting
from exporters.her.events_rows import (
    DecisionRow,
    ProactiveRow,
    ReflectionRow,
    parse_decision_row,
    parse_proactive_row,
    parse_reflection_row,
)
from exporters.her.fold_rows import fold_decision_row, fold_proactive_row, fold_reflection_row
from exporters.her.settings import HerSettings
from exporters.her.stateless import event_time, stateless
from exporters.her.tables import DECISION_LOGS, PROACTIVE_AUDIT, REFLECTIONS
from exporters.readers.postgres_client import Connection
from exporters.readers.postgres_rows import PostgresRows


def decision_rows(
    settings: HerSettings, hash_key: bytes, copies: Copies
) -> Stream[Connection, DecisionRow, CopiesState]:
    """`decision_logs`, append-only, never trimmed: read through (event_type, timestamp DESC), history by decision_id.

    ("6f1c…", 2026-02-22 12:00:00.004711 UTC, False, "performance_timing", "telegram")

    her_decision_rows_total{event_type="performance_timing",source="telegram"} 1

    Its state is how far the two copies of the log have been compared.
    """

    def compared(state: CopiesState, _now: datetime) -> tuple[CopiesState, Effects]:
        return copies.compare(state)

    return Stream(
        name="decision_rows",
        interval=settings.interval("decision_rows"),
        reader=WatchedRows(PostgresRows(table=DECISION_LOGS, hash_key=hash_key), copies),
        parse=noting(copies, copies.rows, parse_decision_row),
        fold=fold_decision_row,
        initial=CopiesState,
        event_time=event_time,
        expire=compared,
        encode=copies_module.encode,
        decode=copies_module.decode,
        feeds=(metrics.DECISION_ROWS, metrics.MISSING_COPIES, metrics.COMPARED_COPIES),
    )


def proactive_audit(settings: HerSettings, hash_key: bytes) -> Stream[Connection, ProactiveRow, None]:
    """`proactive_message_audit`, append-only: read through (success, day_bucket), whose days have no zone.

    ("71aa…", 2026-02-22, False, "checkin", True, "2026-02-22T09:30:01.220000+00:00")

    her_proactive_audit_rows_total{message_kind="checkin",outcome="success"} 1
    """
    return stateless(
        name="proactive_audit",
        interval=settings.interval("proactive_audit"),
        reader=PostgresRows(table=PROACTIVE_AUDIT, hash_key=hash_key, narrow=timedelta(days=1), wide=timedelta(days=7)),
        parse=parse_proactive_row,
        fold=fold_proactive_row,
        feeds=(metrics.PROACTIVE_ROWS,),
    )


def reflection_rows(settings: HerSettings, hash_key: bytes) -> Stream[Connection, ReflectionRow, None]:
    """`autonomy_reflections`, one row per user and day, written again in place: each id counts once, for ever.

    ("80e2…", 2026-02-22, False, "stable", "2026-02-22T03:00:00.120000+00:00")

    her_reflection_rows_total{engagement_trend="stable"} 1

    The ids of users are looked up in the index (user_id, reflection_date) and are neither kept nor shown.
    """
    return stateless(
        name="reflection_rows",
        interval=settings.interval("reflection_rows"),
        reader=PostgresRows(
            table=REFLECTIONS,
            hash_key=hash_key,
            narrow=timedelta(days=2),
            wide=timedelta(days=30),
            keeps_ids=True,
        ),
        parse=parse_reflection_row,
        fold=fold_reflection_row,
        feeds=(metrics.REFLECTION_ROWS,),
    )
