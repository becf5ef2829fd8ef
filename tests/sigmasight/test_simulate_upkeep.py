"""The aggregation, which agrees with an independent statement of its rules; the clean-up, which takes weeks away."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.sigmasight.databases import NOW, Databases
from tests.sigmasight.reference import Reference

DAY = timedelta(days=1)


def aggregated(databases: Databases, back: int) -> dict[str, float]:
    rows = databases.rows(
        "SELECT metric_type || coalesce(':' || (dimensions ->> 'key'), ''), metric_value::float8 FROM daily_metrics"
        " WHERE date = %(day)s",
        {"day": (NOW - back * DAY).date()},
    )
    return dict(rows)


@pytest.mark.parametrize("back", [1, 3, 5])
def test_an_aggregated_day_equals_the_rules(databases: Databases, back: int) -> None:
    sigma = databases.sigma(seed=31 + back)
    sigma.found()
    sigma.backfill(6, stories_per_day=60)
    sigma.edges(NOW)
    day = (NOW - back * DAY).date()
    databases.core.execute("DELETE FROM daily_metrics")
    written = sigma.aggregate(day)
    reference = Reference(databases.core, databases.ai, NOW)
    expected = {row["key"]: row["value"] for row in reference.table("aggregated_day", day=day)}
    assert aggregated(databases, back) == pytest.approx(expected, abs=1e-4)
    assert len(expected) == written >= 31
    assert expected["ai_requests.ai_requests"] > 5


def test_aggregating_again_after_a_clean_up_overwrites_history_with_zeros(databases: Databases) -> None:
    sigma = databases.sigma(seed=35)
    sigma.found()
    sigma.backfill(40, stories_per_day=10)
    day = (NOW - 35 * DAY).date()
    sigma.aggregate(day)
    before = databases.dicts("SELECT id, created_at, metric_value FROM daily_metrics ORDER BY id")
    assert sum(row["metric_value"] for row in before) > 0
    deleted = sigma.clean_up()
    assert min(deleted["ai_request_metrics"], deleted["user_activity_events"], deleted["batch_run_history"]) > 0
    sigma.aggregate(day)
    after = databases.dicts("SELECT id, created_at, metric_value FROM daily_metrics ORDER BY id")
    assert [(row["id"], row["created_at"]) for row in before] == [(row["id"], row["created_at"]) for row in after]
    # The breakdown by model is the exception: without requests there is no model to write a zero for.
    kept = databases.number(
        "SELECT sum(metric_value) FROM daily_metrics WHERE metric_type <> 'ai_requests.model_breakdown'"
    )
    assert kept == 0


def test_the_clean_up_cuts_at_the_hour_and_leaves_what_has_no_date(databases: Databases) -> None:
    sigma = databases.sigma(seed=36)
    sigma.found()
    sigma.edges(NOW)
    old = "SELECT count(*) FROM ai_request_metrics WHERE created_at < %(border)s"
    border = {"border": NOW - 30 * DAY}
    doomed = databases.number(old, border)
    assert doomed > 0
    undated = databases.number("SELECT count(*) FROM batch_run_history WHERE created_at IS NULL")
    deleted = sigma.clean_up()
    assert deleted["ai_request_metrics"] == doomed
    assert databases.number(old, border) == 0
    at_border = "SELECT count(*) FROM ai_request_metrics WHERE created_at = %(border)s"
    assert databases.number(at_border, border) == 1
    assert databases.number("SELECT count(*) FROM batch_run_history WHERE created_at IS NULL") == undated > 0
    assert deleted["admin_sessions"] == 1
    assert sum(sigma.clean_up().values()) == 0


def test_coverage_is_what_somebody_pressed(databases: Databases) -> None:
    sigma = databases.sigma(seed=37)
    sigma.found()
    sigma.backfill(20, stories_per_day=5, aggregated=0.5)
    covered = databases.number("SELECT count(DISTINCT date) FROM daily_metrics")
    assert 3 < covered < 17
