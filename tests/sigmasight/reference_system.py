"""`/system`: row counts, retention, coverage; and the rules by which `daily_metrics` is made."""
# ruff: noqa: S608 - every text here is a literal of ours

from __future__ import annotations

from tests.sigmasight.reference_sql import TODAY, Statement

_DAY = "(%(now)s - interval '24 hours')"
_OLD = "%(now)s - 30 * interval '24 hours'"


def _retention(table: str) -> str:
    return (
        f"SELECT '{table}' AS name, min(created_at) AS oldest, count(*) AS total,"
        f" count(*) FILTER (WHERE created_at < {_OLD}) AS overdue FROM {table}"
    )


_SPAN = "{column} >= %(day)s::timestamp AT TIME ZONE 'UTC' AND {column} < (%(day)s + 1)::timestamp AT TIME ZONE 'UTC'"
_EVENTS = {
    "user_registrations": "onboarding.register_complete",
    "user_logins": "onboarding.login_success",
    "portfolios_created": "onboarding.portfolio_complete",
    "chat_sessions": "chat.session_start",
    "feedback_given": "chat.feedback_given",
    "registration_errors": "onboarding.register_error",
    "login_errors": "onboarding.login_error",
}
_ACTIVITY = {
    **{name: f"count(*) FILTER (WHERE event_type = '{event}')" for name, event in _EVENTS.items()},
    "total_activity_events": "count(*)",
    "unique_users": "count(DISTINCT user_id)",
}
_REQUESTS = {
    "ai_requests": "count(*)",
    "ai_requests_with_errors": "count(error_type)",
    "avg_latency_ms": "avg(total_latency_ms)",
    "avg_first_token_ms": "avg(first_token_ms)",
    "total_input_tokens": "sum(input_tokens)",
    "total_output_tokens": "sum(output_tokens)",
    "total_tokens": "sum(total_tokens)",
    "avg_tool_calls": "avg(tool_calls_count)",
    **{
        f"latency_p{p}": f"percentile_cont({p / 100}) WITHIN GROUP (ORDER BY total_latency_ms)"
        for p in (50, 75, 90, 95, 99)
    },
}
_BATCH = {
    "batch_runs": "count(*)",
    "batch_completed": "count(*) FILTER (WHERE status = 'completed')",
    "batch_failed": "count(*) FILTER (WHERE status = 'failed')",
    "batch_partial": "count(*) FILTER (WHERE status = 'partial')",
    "avg_duration_minutes": "avg(extract(epoch FROM completed_at - started_at) / 60)",
    "total_jobs": "sum(total_jobs)",
    "total_completed_jobs": "sum(completed_jobs)",
    "total_failed_jobs": "sum(failed_jobs)",
}


def _unpivoted(prefix: str, table: str, column: str, numbers: dict[str, str]) -> str:
    """One line per number of a table's day: (metric, value)."""
    computed = ", ".join(f"{expression} AS c{n}" for n, expression in enumerate(numbers.values()))
    lines = ", ".join(f"('{prefix}.{name}', c{n}::numeric)" for n, name in enumerate(numbers))
    day = f"SELECT {computed} FROM {table} WHERE {_SPAN.format(column=column)}"
    return f"SELECT v.* FROM ({day}) AS t CROSS JOIN LATERAL (VALUES {lines}) AS v (metric, value)"


STATEMENTS = {
    "system_health": Statement(
        "core",
        f"""
        SELECT (SELECT count(*) FROM user_activity_events) AS events,
               (SELECT count(*) FROM ai_request_metrics) AS requests,
               (SELECT count(*) FROM batch_run_history) AS runs,
               (SELECT count(*) FROM daily_metrics) AS aggregates,
               (SELECT count(*) FROM user_activity_events WHERE created_at >= {_DAY}) AS events_24h,
               (SELECT count(*) FROM ai_request_metrics WHERE created_at >= {_DAY}) AS requests_24h,
               (SELECT count(*) FROM batch_run_history WHERE started_at >= {_DAY}) AS runs_24h""",
    ),
    # Runs without created_at are never overdue.
    "retention": Statement(
        "core",
        f"{_retention('user_activity_events')} UNION ALL {_retention('ai_request_metrics')}"
        f" UNION ALL {_retention('batch_run_history')} UNION ALL"
        " SELECT 'admin_sessions', min(expires_at), count(*),"
        " count(*) FILTER (WHERE expires_at < %(now)s - 7 * interval '24 hours') FROM admin_sessions ORDER BY 1",
    ),
    # Today and tomorrow count as present, so coverage can pass 100 %.
    "aggregation": Statement(
        "core",
        f"""
        WITH present AS (SELECT DISTINCT date FROM daily_metrics WHERE date >= {TODAY} - %(days)s),
             wanted AS (SELECT {TODAY} - n AS date FROM generate_series(1, %(days)s) AS n)
        SELECT (SELECT count(*) FROM present) AS present,
               (SELECT count(*) FROM wanted WHERE date NOT IN (SELECT date FROM present)) AS missing,
               (SELECT count(*) FROM present) * 100.0 / %(days)s AS coverage""",
        days=7,
    ),
    "daily_metrics": Statement(
        "core",
        f"""
        SELECT date::text AS date, metric_type || coalesce(':' || (dimensions ->> 'key'), '') AS key,
               metric_value AS value
        FROM daily_metrics WHERE date >= {TODAY} - %(days)s ORDER BY 1, 2""",
        days=7,
    ),
    # %(day)s from midnight to midnight UTC; runs by started_at, those still running too.
    "aggregated_day": Statement(
        "core",
        f"""
        WITH numbers AS (
            {_unpivoted("user_activity", "user_activity_events", "created_at", _ACTIVITY)} UNION ALL
            {_unpivoted("ai_requests", "ai_request_metrics", "created_at", _REQUESTS)} UNION ALL
            SELECT 'ai_requests.model_breakdown:' || model, count(*) FROM ai_request_metrics
            WHERE {_SPAN.format(column="created_at")} GROUP BY model UNION ALL
            {_unpivoted("batch", "batch_run_history", "started_at", _BATCH)})
        SELECT metric AS key, round(coalesce(value, 0), 4) AS value FROM numbers ORDER BY 1""",
    ),
}
