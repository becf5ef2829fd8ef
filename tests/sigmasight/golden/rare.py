"""Rows that a SigmaSight writes once in a year or never, planted so that every declared value comes up in its life."""

from __future__ import annotations

from datetime import datetime, timedelta

from psycopg.types.json import Jsonb

from exporters.sigmasight.simulate_batch import insert_running
from exporters.sigmasight.simulate_pen import JSON_NULL, Pen

UNPRICED_MODEL = "gpt-5"
"""A model that the simulator knows and the life's price table does not."""
_MINUTE = timedelta(minutes=1)


def every_day(pen: Pen, now: datetime) -> None:
    """One user, one event and one request with tokens on each of the last thirty days, so that no day is empty."""
    for back in range(31):
        at = now - timedelta(days=back, minutes=5)
        user = pen.new_id()
        row = {
            "id": user,
            "email": f"day.{back}@mail.invalid",
            "hashed_password": "-",
            "full_name": "Somebody Invented",
            "is_active": True,
            "created_at": at,
            "updated_at": at,
        }
        pen.insert("users", row)
        event = {"event_type": "onboarding.login_success", "event_category": "onboarding", "event_data": Jsonb({})}
        pen.insert("user_activity_events", {**event, "user_id": user, "created_at": at})
        _request(pen, at, input_tokens=1000, output_tokens=100, total_tokens=1100)


def odd_values(pen: Pen, now: datetime) -> None:
    """Each number of a request and of a run that cannot be meant."""
    for column in ("first_token_ms", "input_tokens", "output_tokens", "total_tokens", "tool_calls_count"):
        _request(pen, now - _MINUTE, **{column: -1})
    _request(pen, now - _MINUTE, model=UNPRICED_MODEL, input_tokens=1000, output_tokens=100, total_tokens=1100)
    for column in ("total_jobs", "completed_jobs", "failed_jobs"):
        run = {
            "batch_run_id": f"batch_{column}",
            "triggered_by": "manual",
            "started_at": now - _MINUTE,
            "completed_at": now,
            "status": "completed",
            "phase_durations": Jsonb({"total_duration": 60}),
            "error_summary": JSON_NULL,
            "created_at": now - _MINUTE,
        }
        pen.insert("batch_run_history", {**run, column: -1})


def running(pen: Pen) -> None:
    """A run of each of the orchestrator's kinds that has just begun."""
    for trigger in ("admin", "cron", "onboarding", "settings"):
        insert_running(pen, f"batch_running_{trigger}", trigger, total=2)


def _request(pen: Pen, at: datetime, **changes: object) -> None:
    row: dict[str, object] = {
        "conversation_id": pen.new_id(),
        "message_id": pen.new_id(),
        "user_id": pen.new_id(),
        "model": "gpt-5-mini",
        "first_token_ms": 700,
        "total_latency_ms": 5_000,
        "tool_calls_count": 0,
        "tool_calls": JSON_NULL,
        "created_at": at,
    }
    pen.insert("ai_request_metrics", row | changes)
