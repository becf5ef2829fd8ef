"""Every odd row that SigmaSight is known to leave, planted on purpose around one moment `now`.

Window borders to the microsecond, JSON null against SQL NULL, failures without a type, duplicate run ids, rows of the
future, NULL `created_at`, empty-string edits, unknown values in every conventional column.
"""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from psycopg.types.json import Jsonb

from exporters.sigmasight import simulate_names as names
from exporters.sigmasight.simulate_edges_ai import ai_edges
from exporters.sigmasight.simulate_edges_batch import batch_edges
from exporters.sigmasight.simulate_pen import JSON_NULL, Pen
from exporters.sigmasight.simulate_people import People, add_admin

WINDOWS: Final = (1, 7, 14, 30, 60, 90)
"""Days: the selectors of the real dashboard."""
MICROSECOND: Final = timedelta(microseconds=1)


class Planted(NamedTuple):
    """One row: where, its id, and what is odd about it."""

    table: str
    key: uuid.UUID
    why: str


def borders(now: datetime) -> Iterator[tuple[datetime, str]]:
    """Moments on and beside the borders of every window, and of the day."""
    for days in WINDOWS:
        edge = now - timedelta(days=days)
        yield edge, f"exactly {days} d ago: inside"
        yield edge - MICROSECOND, f"1 us more than {days} d ago: outside"
        yield edge + MICROSECOND, f"1 us less than {days} d ago: inside"
    yield now, "exactly now: inside"
    yield now + MICROSECOND, "1 us from now"
    yield now + timedelta(hours=5), "a process in New York: 5 h from now"
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    yield midnight, "midnight: belongs to the day that begins"
    yield midnight - MICROSECOND, "1 us before midnight"


def plant_edges(pen: Pen, now: datetime) -> list[Planted]:
    """Plant all of them, in both databases; oldest windows first."""
    planted = []
    for at, why in borders(now):
        planted.append(Planted("ai_request_metrics", _request(pen, at), why))
        planted.append(Planted("user_activity_events", _event(pen, at, "onboarding.register_start"), why))
        planted.append(
            Planted("user_activity_events", _event(pen, at, "onboarding.login_error", error="INVALID_PASSWORD"), why)
        )
    for changes, why in ODD_REQUESTS:
        planted.append(Planted("ai_request_metrics", _request(pen, now - timedelta(hours=3), **changes), why))
    same = pen.new_id()
    for _ in range(2):
        key = _request(pen, now - timedelta(hours=2), message_id=same)
        planted.append(Planted("ai_request_metrics", key, "two rows for one message, with one stamp"))
    for changes, why in ODD_EVENTS:
        planted.append(Planted("user_activity_events", _event(pen, now - timedelta(hours=3), **changes), why))
    planted += [Planted("batch_run_history", key, why) for key, why in batch_edges(pen, now)]
    planted += [Planted(table, key, why) for table, key, why in _core_edges(pen, now)]
    planted += [Planted(table, key, why) for table, key, why in ai_edges(pen, now)]
    return planted


_NO_TOOLS: Final[dict[str, object]] = {"tool_calls_count": 0}
ODD_REQUESTS: Final[tuple[tuple[dict[str, object], str], ...]] = (
    ({"tool_calls": JSON_NULL}, "no tool calls: JSON null, which IS NOT NULL"),
    ({"tool_calls": None}, "no tool calls: SQL NULL"),
    ({"tool_calls": Jsonb({})}, "an object without tools"),
    ({"tool_calls": Jsonb({"tools": []})}, "an empty list of tools"),
    ({"tool_calls": Jsonb({"tools": [{"id": "call_1"}]}), "tool_calls_count": 1}, "a tool without a name"),
    ({"tool_calls": Jsonb({"tools": [{"name": None, "id": "call_1"}]}), "tool_calls_count": 1}, "a name that is null"),
    ({"tool_calls": Jsonb([{"name": "get_market_news"}]), "tool_calls_count": 1}, "a list where an object belongs"),
    ({"tool_calls": Jsonb("get_market_news"), "tool_calls_count": 1}, "text where an object belongs"),
    ({"tool_calls": Jsonb({"tools": {"name": "x"}}), "tool_calls_count": 1}, "tools is no list"),
    (
        {"tool_calls": Jsonb({"tools": [{"name": names.TOOLS[0]}, {"name": names.TOOLS[1]}]}), "tool_calls_count": 5},
        "5 calls counted, 2 listed",
    ),
    ({"tool_calls": Jsonb({"tools": [{"name": "x" * 3000}]}), "tool_calls_count": 1}, "an invented, endless name"),
    ({"error_message": "upstream said nothing about its type"}, "failed without a type: counts as a success"),
    ({"error_type": "", "error_message": "?"}, "an error type of no characters: counts as an error"),
    ({"error_type": "somebody_elses_error", "first_token_ms": None, "total_latency_ms": 150}, "an unknown error type"),
    ({"error_type": "api_failure", "first_token_ms": None, "total_latency_ms": 61_000}, "an error after retries"),
    ({"total_latency_ms": None, "first_token_ms": None}, "no latency at all, no error"),
    ({"total_latency_ms": 0, "first_token_ms": 0}, "no time passed"),
    ({"total_latency_ms": 2_147_483_647}, "the largest latency there is"),
    ({"total_latency_ms": -5}, "a latency below nothing: the clock was set back"),
    ({"first_token_ms": 9_000, "total_latency_ms": 4_000}, "the first token after the end"),
    ({"user_id": None}, "nobody's request"),
    ({"model": "m" * 100}, "a model with the longest name there is"),
    ({"model": "gpt-5"}, "another model"),
    ({"input_tokens": 1200, "output_tokens": 80, "total_tokens": 1280}, "tokens, if they are ever filled"),
    ({"input_tokens": 1200, "output_tokens": 0, "total_tokens": None}, "tokens without a total"),
    ({"total_tokens": 77}, "a total alone"),
    ({"created_at": datetime(2093, 1, 1, tzinfo=UTC)}, "far in the future"),
    ({"created_at": datetime(1970, 1, 1, tzinfo=UTC)}, "from the beginning of time"),
)
ODD_EVENTS: Final[tuple[tuple[dict[str, object], str], ...]] = (
    ({"event_type": "heartbeat"}, "no dot: the category is unknown"),
    ({"event_type": "billing.upgrade.started"}, "an unknown type and category, two dots"),
    ({"event_type": "chat.session_start", "error": "RateLimitError"}, "an error code in another category"),
    ({"event_type": "onboarding.register_error", "error": "E" * 50}, "the longest code there is"),
    ({"event_type": "onboarding.portfolio_error", "error": ""}, "a code of no characters"),
    ({"event_type": "onboarding.register_error", "error": None}, "an error event without a code"),
)


def _request(pen: Pen, at: datetime, **changes: object) -> uuid.UUID:
    row: dict[str, object] = {
        "conversation_id": pen.new_id(),
        "message_id": pen.new_id(),
        "user_id": pen.new_id(),
        "model": names.MODEL,
        "first_token_ms": 700,
        "total_latency_ms": 5_000,
        "tool_calls_count": 0,
        "tool_calls": JSON_NULL,
        "created_at": at,
        **changes,
    }
    if row.get("error_message"):
        row["error_message"] = pen.canaries.text("ai_request_metrics.error_message", str(row["error_message"]))
    return pen.insert("ai_request_metrics", row)


def _event(pen: Pen, at: datetime, event_type: object, error: object = None) -> uuid.UUID:
    category, dot, _ = str(event_type).partition(".")
    message = pen.canaries.text("user_activity_events.error_message", "refused for an invented person")
    return pen.insert(
        "user_activity_events",
        {
            "event_type": event_type,
            "event_category": category if dot else "unknown",
            "event_data": Jsonb({}),
            "error_code": error,
            "error_message": None if error is None else message,
            "created_at": at,
        },
    )


def _core_edges(pen: Pen, now: datetime) -> Iterator[tuple[str, uuid.UUID, str]]:
    """Conversations without metrics, answers in progress, sessions on the border, aggregates nobody knows."""
    conversation = pen.insert(
        "agent_conversations",
        {
            "user_id": pen.new_id(),
            "mode": "ultraviolet",
            "provider": "openai",
            "created_at": now - timedelta(hours=4),
            "updated_at": now - timedelta(hours=4),
            "metadata": Jsonb({}),
        },
    )
    yield "agent_conversations", conversation, "an unknown mode"
    for role, latency, calls, why in (
        ("assistant", None, Jsonb([]), "in progress or died"),
        ("assistant", 900, JSON_NULL, "an answer without a row in the metrics"),
        ("system", None, Jsonb([]), "an unusual role"),
    ):
        row = {
            "conversation_id": conversation,
            "role": role,
            "content": pen.canaries.text("agent_messages.content", "odd"),
            "tool_calls": calls,
            "latency_ms": latency,
            "created_at": now - timedelta(hours=4),
        }
        yield "agent_messages", pen.insert("agent_messages", row), why
    admin = add_admin(pen, People())
    for delta, why in (
        (timedelta(days=-7), "expired exactly 7 d ago: kept"),
        (timedelta(days=-7) - MICROSECOND, "expired 7 d and 1 us ago: cleaned"),
        (timedelta(0), "expires now: no longer active"),
        (MICROSECOND, "expires 1 us from now: active"),
    ):
        row = {"admin_user_id": admin, "token_hash": f"{pen.rng.getrandbits(256):064x}", "expires_at": now + delta}
        yield "admin_sessions", pen.insert("admin_sessions", {**row, "created_at": None}), why
    today = now.astimezone(UTC).date()
    for metric, value, dimensions, back, why in (
        ("ai_requests.ai_requests", 0, {}, 400, "history is kept for ever"),
        ("ai_requests.model_breakdown", 3, {"key": "m" * 100}, 1, "the longest model"),
        ("something.new", "-999999999999.9999", {"key": "a", "more": "b"}, 1, "an unknown metric, two dimensions"),
        ("user_activity.unique_users", "0.0001", {}, -1, "tomorrow's"),
    ):
        row = {
            "date": today - timedelta(days=back),
            "metric_type": metric,
            "metric_value": value,
            "dimensions": Jsonb(dimensions),
            "created_at": None,
        }
        yield "daily_metrics", pen.insert("daily_metrics", row), why
