"""The stream `batch_runs`: `batch_run_history`, whose rows are written at a run's start and once again at its end.

A row is an event when it says something else than `running`, whether an UPDATE made it so or it was inserted like that,
as nightly runs are: the snapshot horizon finds both, and the row's id keeps it from counting twice. Two rows with one
run id are two runs. Windows move over `started_at`, which is never NULL, as `created_at` may be.

Whether the row's summary has errors, and what started the run, is asked of the view `observatory.batch_runs`: the
columns behind it hold exception texts and addresses, and the account cannot read them.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from exporters.core.contract import Stream
from exporters.readers.postgres_client import Connection
from exporters.readers.postgres_rows import PostgresRows
from exporters.readers.postgres_table import Table
from exporters.sigmasight import batch_metrics as m
from exporters.sigmasight.batch_events import BatchRun, parse_batch_run
from exporters.sigmasight.batch_fold import State, fold_batch_run, initial
from exporters.sigmasight.batch_view import batch_view

NARROW = timedelta(days=2)
WIDE = timedelta(days=45)
"""How long after its start a run may end and still be counted; a few rows a day, so that this costs nothing."""
LARGEST_PHASES = 8192

BATCH_RUNS = Table(
    name="batch_run_history",
    key="id",
    time="started_at",
    columns={
        "status": "left(status, 50)",
        "seconds": (
            "CASE WHEN isfinite(completed_at) AND isfinite(started_at)"
            " THEN extract(epoch FROM completed_at - started_at)::float8 END"
        ),
        "total": "total_jobs",
        "completed": "completed_jobs",
        "failed": "failed_jobs",
        # Empty: another shape than the back end writes.
        "phases": (
            "CASE WHEN jsonb_typeof(phase_durations) = 'object'"
            f" AND pg_column_size(phase_durations) <= {LARGEST_PHASES} THEN phase_durations::text ELSE '' END"
        ),
        "facts": (
            "(SELECT json_build_object('trigger', v.trigger, 'calc_date', v.calc_date,"
            " 'with_errors', v.with_errors, 'crashed', v.crashed)::text"
            " FROM observatory.batch_runs AS v WHERE v.id = batch_run_history.id)"
        ),
    },
    only="status <> 'running'",
)


def batch_runs(interval: Callable[[str], float], hash_key: bytes) -> Stream[Connection, BatchRun, State]:
    """What has ended.

    ("6f1c…", 2026-01-12 23:30:04.1 UTC, False, "completed", 212.4, 402, 401, 2, '{…}',
     '{"trigger": "v2_cron", "with_errors": true, …}')

    sigmasight_batch_runs_total{trigger="v2_cron",status="completed"} 1
    sigmasight_batch_runs_with_errors_total{trigger="v2_cron",status="completed"} 1
    sigmasight_batch_symbols_total{result="planned"} 402
    sigmasight_batch_phase_duration_seconds_sum{phase="phase_1_market_data"} 127.4
    sigmasight_batch_last_end_timestamp_seconds{trigger="v2_cron",status="completed"} 1.768260816e+09
    """
    return Stream(
        name="batch_runs",
        interval=interval("batch_runs"),
        reader=PostgresRows(table=BATCH_RUNS, hash_key=hash_key, narrow=NARROW, wide=WIDE),
        parse=parse_batch_run,
        fold=fold_batch_run,
        initial=initial,
        event_time=_end,
        feeds=(
            m.RUNS,
            m.WITH_ERRORS,
            m.CRASHES,
            m.DURATION,
            m.PHASE_DURATION,
            m.SYMBOLS,
            m.PORTFOLIOS,
            m.DATES,
            m.ERROR_MESSAGES,
            m.ODD_VALUES,
            m.LAST_END,
            m.LAST_DURATION,
            m.LAST_PHASE,
            m.MARKET_DATE,
            m.NIGHTS_MISSED,
        ),
        view=batch_view,
    )


def _end(run: BatchRun) -> datetime:
    return run.end
