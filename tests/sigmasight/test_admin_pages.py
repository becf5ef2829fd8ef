"""What the admin pages make of numbers: shares, ratios without rounding, one run's figures, one day's aggregates.

The exporter shows none of these itself: whoever divides what it shows, or adds up its points, gets what the page says.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from exporters.core.contract import Point
from exporters.core.metric import Metric
from exporters.sigmasight import batch_metrics, metrics
from exporters.sigmasight import windows_metrics as m
from tests.sigmasight.houses import House, lived
from tests.sigmasight.reading import numbers
from tests.sigmasight.reference import Reference
from tests.sigmasight.test_streams import percentile
from tests.sigmasight.test_windows import DAYS, Told, told
from tests.sigmasight.watching import numbers as values_of

__all__ = ["told"]

pytestmark = pytest.mark.servers


def share(part: float, whole: float, digits: int = 1) -> float:
    """A percentage as the back end rounds it: half to even."""
    return float(round(Decimal(part) * 100 / Decimal(whole), digits)) if whole else 0.0


def shares(of: Told, metric: Metric, days: int) -> dict[str, float]:
    """Each member's percentage of all of its window."""
    found = of.by(metric, days)
    return {name: share(count, sum(found.values())) for name, count in found.items()}


@DAYS
@pytest.mark.parametrize(
    ("metric", "page", "key"),
    [
        (m.BY_ERROR, "ai_errors_by_type", "error_type"),
        (m.LISTED, "ai_tools_by_name", "name"),
        (m.BY_MODEL, "ai_models", "model"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_shares(told: Told, days: int, metric: Metric, page: str, key: str) -> None:
    shown = shares(told, metric, days)
    rows = {row[key]: row["percentage"] for row in told.reference.table(page, days=days)}
    known = shown.keys() & rows.keys()
    assert len(known) >= 2
    assert {name: shown[name] for name in known} == {name: rows[name] for name in known}
    assert shown.keys() - known <= {"other", "_OTHER"}


@DAYS
def test_shares_of_onboarding_errors(told: Told, days: int) -> None:
    found = {labels[1:]: n for labels, n in values_of(told.samples, m.STEP_ERRORS).items() if labels[0] == str(days)}
    rows = told.reference.table("onboarding_errors", days=days)
    assert sum(found.values()) == rows[0]["total_errors"] > 0
    compared = 0
    for row in rows:
        count = found.get((row["error_code"], row["event_type"]))
        if count is not None:
            assert share(count, sum(found.values())) == row["percentage"]
            compared += 1
    assert compared >= 3


@DAYS
def test_totals_and_rates_of_errors(told: Told, days: int) -> None:
    page = told.reference.one("ai_errors", days=days)
    assert told.value(m.REQUESTS, days, "error") == page["total_errors"] > 0
    assert told.value(m.ERROR_RATIO, days) == float(Decimal(repr(page["error_rate"])) / 100)
    funnel = told.reference.one("onboarding_funnel", days=days)
    overall = told.value(m.CONVERSION, days, "portfolio_complete")
    assert overall == float(Decimal(repr(funnel["overall_conversion"])) / 100)


@DAYS
def test_feedback_without_rounding(told: Told, days: int) -> None:
    page = told.reference.one("feedback_summary", days=days)
    up, down = (told.value(m.FEEDBACK, days, rating) or 0 for rating in ("up", "down"))
    assert (up, down) == (page["up"], page["down"])
    assert up / sum(told.by(m.FEEDBACK, days).values()) == page["positive_ratio"]


RUNS = """
    SELECT CASE WHEN status IN ('completed', 'failed', 'partial') THEN status ELSE 'other' END,
           round(extract(epoch FROM completed_at - started_at)::numeric, 3)::float8,
           total_jobs, completed_jobs, failed_jobs,
           coalesce(jsonb_typeof(error_summary) = 'object' AND error_summary ?| ARRAY['errors', 'count', 'exception'],
                    false)::int,
           extract(epoch FROM started_at)::float8
    FROM batch_run_history WHERE status <> 'running' AND completed_at >= started_at
      AND least(total_jobs, completed_jobs, failed_jobs) >= 0
"""
"""`/admin/batch/history/{run id}`, each row of it; `has_errors` by what is an error, not by what is no null."""


def test_each_run_is_a_point_with_its_figures(house: House) -> None:
    lived(house)
    with house.readers() as streams:
        points = streams["batch_runs"].read().points(batch_metrics.RUN_POINT)
    shown = Counter(
        (
            point.tags["status"],
            round(float(point.fields["duration_seconds"]), 3),
            *(point.fields[name] for name in ("jobs_total", "jobs_completed", "jobs_failed", "with_errors")),
            round(point.at.timestamp(), 6),
        )
        for point in points
        if "duration_seconds" in point.fields and "jobs_failed" in point.fields
    )
    rows = Counter((*row[:-1], round(row[-1], 6)) for row in house.databases.rows(RUNS))
    assert len(rows) > 10
    assert rows == shown
    for point in points:
        if point.fields.get("jobs_total"):
            done, all_jobs = int(point.fields["jobs_completed"]), int(point.fields["jobs_total"])
            rates = house.databases.rows(
                "SELECT round(completed_jobs * 100.0 / total_jobs, 1)::float8 FROM batch_run_history"
                " WHERE total_jobs = %(all)s AND completed_jobs = %(done)s",
                {"all": all_jobs, "done": done},
            )
            assert (pytest.approx(share(done, all_jobs), abs=0.0501),) in rates


TOKENS = ("input_tokens", "output_tokens", "total_tokens")


def day_of(points: list[Point], start: datetime) -> list[Point]:
    return [point for point in points if start <= point.at < start + timedelta(days=1)]


@pytest.mark.parametrize("back", [1, 2])
def test_a_days_aggregates_from_points(house: House, back: int) -> None:
    """The rules of `daily_metrics`, by which a day is kept when its rows are gone: averages with errors in them."""
    now = lived(house)
    start = datetime.combine(now.date() - timedelta(days=back), datetime.min.time(), UTC)
    with house.readers() as streams:
        requests = day_of(streams["ai_requests"].read().points(metrics.AI_REQUEST_POINT), start)
        events = day_of(streams["activity"].read().points(metrics.ACTIVITY_POINT), start)
    reference = Reference(house.databases.core, house.databases.ai, now)
    page = {row["key"]: row["value"] for row in reference.table("aggregated_day", day=start.date())}
    latency = [seconds * 1000 for seconds in numbers(requests, "latency_seconds")]
    first = [seconds * 1000 for seconds in numbers(requests, "first_chunk_seconds")]
    kinds = Counter(point.tags["event_type"] for point in events)
    models = Counter(point.tags["gen_ai_request_model"] for point in requests)
    said: dict[str, Any] = {
        "ai_requests.ai_requests": len(requests),
        "ai_requests.ai_requests_with_errors": sum("error_type" in point.tags for point in requests),
        "ai_requests.avg_latency_ms": sum(latency) / len(latency),
        "ai_requests.avg_first_token_ms": sum(first) / len(first),
        "ai_requests.avg_tool_calls": sum(numbers(requests, "tool_calls")) / len(requests),
        **{f"ai_requests.latency_p{n}": percentile(latency, n / 100) for n in (50, 75, 90, 95, 99)},
        **{f"ai_requests.total_{kind.removeprefix('total_')}": sum(numbers(requests, kind)) for kind in TOKENS},
        **{f"ai_requests.model_breakdown:{model}": count for model, count in models.items()},
        "user_activity.total_activity_events": len(events),
        "user_activity.unique_users": len({point.fields["user"] for point in events if "user" in point.fields}),
        "user_activity.user_registrations": kinds["onboarding.register_complete"],
        "user_activity.user_logins": kinds["onboarding.login_success"],
        "user_activity.portfolios_created": kinds["onboarding.portfolio_complete"],
        "user_activity.chat_sessions": kinds["chat.session_start"],
        "user_activity.feedback_given": kinds["chat.feedback_given"],
        "user_activity.registration_errors": kinds["onboarding.register_error"],
        "user_activity.login_errors": kinds["onboarding.login_error"],
    }
    assert said == pytest.approx({key: page[key] for key in said}, abs=0.00006)
    assert len(requests) > 5
