"""`/admin/batch`: what each endpoint computes from `batch_run_history`, phantoms and all."""
# ruff: noqa: S608 - every text here is a literal of ours

from __future__ import annotations

from tests.sigmasight.reference_sql import G, Statement, share

STATUSES = ("completed", "failed", "running", "partial")
STATEMENTS = {
    # JSON null is no error, a V2 run's facts are one: the flag is true for all of those.
    "batch_history": Statement(
        "core",
        f"""
        SELECT id::text, batch_run_id, status,
               extract(epoch FROM completed_at - started_at) AS duration_seconds,
               error_summary IS NOT NULL AND jsonb_typeof(error_summary) <> 'null' AS has_errors
        FROM batch_run_history WHERE {G} ORDER BY started_at DESC, id LIMIT 50""",
    ),
    # The most recent run is that of the whole table.
    "batch_summary": Statement(
        "core",
        f"""
        WITH numbers AS (
            SELECT count(*) AS total_runs,
                   {", ".join(f"count(*) FILTER (WHERE status = '{status}') AS {status}" for status in STATUSES)},
                   avg(extract(epoch FROM completed_at - started_at)) FILTER (WHERE status = 'completed') AS duration
            FROM batch_run_history WHERE {G})
        SELECT total_runs, {", ".join(STATUSES)},
               CASE WHEN total_runs = 0 THEN 100 ELSE {share("completed", "total_runs", 1)} END AS success_rate,
               nullif(duration, 0) AS avg_duration_seconds,
               (SELECT max(started_at) FROM batch_run_history) AS most_recent
        FROM numbers""",
    ),
    # Twice the same id: the endpoint answers 500.
    "batch_run": Statement(
        "core",
        f"""
        SELECT id::text, CASE WHEN total_jobs = 0 THEN 100
                              ELSE {share("completed_jobs", "total_jobs", 1)} END AS jobs_success_rate,
               jsonb_array_length(coalesce(activity_log, '[]')) AS log_entries
        FROM batch_run_history WHERE batch_run_id = %(run)s ORDER BY id""",
    ),
}
