"""`/admin/onboarding`: what each endpoint computes from `user_activity_events`. Events are counted, not users."""
# ruff: noqa: S608 - every text here is a literal of ours

from __future__ import annotations

from tests.sigmasight.reference_sql import Statement, W, share

STEPS = ("register_start", "register_complete", "login_success", "portfolio_start", "portfolio_complete")
DAILY = {
    "register_starts": "register_start",
    "register_completes": "register_complete",
    "login_successes": "login_success",
    "login_errors": "login_error",
    "portfolio_starts": "portfolio_start",
    "portfolio_completes": "portfolio_complete",
}
STATEMENTS = {
    # Every rate is of the starts, so a later step can pass 100 %.
    "onboarding_funnel": Statement(
        "core",
        f"""
        WITH numbers AS (
            SELECT {", ".join(f"count(*) FILTER (WHERE event_type = 'onboarding.{step}') AS {step}" for step in STEPS)}
            FROM user_activity_events WHERE {W})
        SELECT {", ".join(STEPS)},
               {", ".join(f"{share(step, 'register_start', 1)} AS {step}_rate" for step in STEPS)},
               {share("portfolio_complete", "register_start", 1)} AS overall_conversion
        FROM numbers""",
    ),
    # Any category, whatever the event.
    "onboarding_errors": Statement(
        "core",
        f"""
        WITH numbers AS (
            SELECT error_code, event_type, count(*) AS count, sum(count(*)) OVER () AS total
            FROM user_activity_events WHERE {W} AND error_code IS NOT NULL GROUP BY 1, 2)
        SELECT error_code, event_type, count, {share("count", "total", 1)} AS percentage, total AS total_errors
        FROM numbers ORDER BY count DESC, error_code, event_type""",
    ),
    # A day appears if anything happened at all.
    "onboarding_daily": Statement(
        "core",
        f"""
        SELECT created_at::date::text AS day,
               {
            ", ".join(
                f"count(*) FILTER (WHERE event_type = 'onboarding.{kind}') AS {name}" for name, kind in DAILY.items()
            )
        }
        FROM user_activity_events WHERE {W} GROUP BY created_at::date ORDER BY created_at::date""",
    ),
    "onboarding_events": Statement(
        "core",
        f"""
        SELECT least(count(*), 50) AS total
        FROM user_activity_events WHERE {W}""",
    ),
}
