"""`/admin/ai`: what each endpoint computes from `ai_request_metrics`."""
# ruff: noqa: S608 - every text here is a literal of ours

from __future__ import annotations

from tests.sigmasight.reference_sql import Statement, W, average, rounded, share

_LISTED = f"""
    SELECT coalesce(tool ->> 'name', 'unknown') AS name
    FROM (SELECT tool_calls -> 'tools' AS tools FROM ai_request_metrics
          WHERE {W} AND jsonb_typeof(tool_calls) = 'object') AS called
    CROSS JOIN LATERAL jsonb_array_elements(CASE WHEN jsonb_typeof(tools) = 'array' THEN tools ELSE '[]' END) AS tool
"""
STATEMENTS = {
    # The average counts failed requests, too.
    "ai_metrics": Statement(
        "core",
        f"""
        WITH seen AS (SELECT * FROM ai_request_metrics WHERE {W}), numbers AS (
            SELECT count(*) AS total, count(*) FILTER (WHERE error_type IS NULL) AS successful,
                   count(error_type) AS failed, avg(total_latency_ms) AS latency, avg(input_tokens) AS input,
                   avg(output_tokens) AS output, coalesce(sum(input_tokens), 0) AS sum_input,
                   coalesce(sum(output_tokens), 0) AS sum_output, coalesce(sum(tool_calls_count), 0) AS tools
            FROM seen)
        SELECT total AS total_requests, successful AS successful_requests, failed AS failed_requests,
               {share("failed", "total", 2)} AS error_rate, {average("latency")} AS avg_latency_ms,
               {average("input")} AS avg_input_tokens, {average("output")} AS avg_output_tokens,
               sum_input AS total_input_tokens, sum_output AS total_output_tokens, tools AS total_tool_calls
        FROM numbers""",
    ),
    # Only requests without an error type: not the average of ai_metrics.
    "ai_latency": Statement(
        "core",
        f"""
        WITH numbers AS (
            SELECT count(*) AS sample_count, avg(total_latency_ms) AS mean, min(total_latency_ms) AS least,
                   max(total_latency_ms) AS most, avg(first_token_ms) AS first_token,
                   percentile_cont(ARRAY[0.5, 0.75, 0.9, 0.95, 0.99]) WITHIN GROUP (ORDER BY total_latency_ms) AS p
            FROM ai_request_metrics WHERE {W} AND total_latency_ms IS NOT NULL AND error_type IS NULL)
        SELECT sample_count, {
            ", ".join(f"{rounded(f'p[{n}]', 1)} AS p{name}" for n, name in enumerate((50, 75, 90, 95, 99), 1))
        },
               {average("mean")} AS avg, {rounded("least", 1)} AS min, {rounded("most", 1)} AS max,
               {average("first_token")} AS avg_first_token_ms
        FROM numbers""",
    ),
    # Days of the session's time zone.
    "ai_tokens_by_day": Statement(
        "core",
        f"""
        WITH numbers AS (
            SELECT created_at::date AS day, coalesce(sum(input_tokens), 0) AS input_tokens,
                   coalesce(sum(output_tokens), 0) AS output_tokens, coalesce(sum(total_tokens), 0) AS total_tokens,
                   count(*) AS request_count, avg(input_tokens) AS mean_input, avg(output_tokens) AS mean_output
            FROM ai_request_metrics WHERE {W} GROUP BY 1)
        SELECT day::text AS day, input_tokens, output_tokens, total_tokens, request_count,
               {average("mean_input")} AS avg_input_tokens, {average("mean_output")} AS avg_output_tokens
        FROM numbers ORDER BY numbers.day""",
    ),
    "ai_tokens": Statement(
        "core",
        f"""
        SELECT coalesce(sum(input_tokens), 0) AS input_tokens, coalesce(sum(output_tokens), 0) AS output_tokens,
               coalesce(sum(total_tokens), 0) AS total_tokens
        FROM ai_request_metrics WHERE {W}""",
    ),
    "ai_errors": Statement(
        "core",
        f"""
        WITH numbers AS (SELECT count(*) AS total, count(error_type) AS failed FROM ai_request_metrics WHERE {W})
        SELECT failed AS total_errors, {share("failed", "total", 2)} AS error_rate FROM numbers""",
    ),
    "ai_errors_by_type": Statement(
        "core",
        f"""
        WITH numbers AS (
            SELECT error_type, count(*) AS count, sum(count(*)) OVER () AS total
            FROM ai_request_metrics WHERE {W} AND error_type IS NOT NULL GROUP BY 1)
        SELECT error_type, count, {share("count", "total", 1)} AS percentage
        FROM numbers ORDER BY count DESC, error_type""",
    ),
    "ai_tools": Statement(
        "core",
        f"""
        WITH numbers AS (
            SELECT coalesce(sum(tool_calls_count), 0) AS total, count(*) FILTER (WHERE tool_calls_count > 0) AS callers
            FROM ai_request_metrics WHERE {W})
        SELECT total AS total_tool_calls, callers AS requests_with_tools,
               CASE WHEN callers = 0 THEN 0 ELSE {rounded("total / nullif(callers, 0)::numeric", 2)} END
                   AS avg_tools_per_request
        FROM numbers""",
    ),
    # What is listed and what is counted are two numbers.
    "ai_tools_by_name": Statement(
        "core",
        f"""
        WITH listed AS ({_LISTED}),
             numbers AS (SELECT name, count(*) AS count, sum(count(*)) OVER () AS total FROM listed GROUP BY 1)
        SELECT name, count, {share("count", "total", 1)} AS percentage FROM numbers ORDER BY count DESC, name""",
    ),
    "ai_models": Statement(
        "core",
        f"""
        WITH numbers AS (
            SELECT model, count(*) AS count, sum(count(*)) OVER () AS total, avg(total_latency_ms) AS latency,
                   avg(total_tokens) AS tokens
            FROM ai_request_metrics WHERE {W} GROUP BY 1)
        SELECT model, count, {share("count", "total", 1)} AS percentage, {average("latency")} AS avg_latency_ms,
               {average("tokens")} AS avg_total_tokens
        FROM numbers ORDER BY count DESC, model""",
    ),
}
