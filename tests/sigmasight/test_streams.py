"""SigmaSight's streams on a real PostgreSQL, through an account that may read a few columns and nothing else."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from exporters.core import llm
from exporters.core.contract import Point
from exporters.core.pseudonym import Pseudonyms
from exporters.sigmasight import metrics
from exporters.sigmasight.simulate import IN_KOLKATA, IN_NEW_YORK
from tests.sigmasight.databases import Databases
from tests.sigmasight.houses import HASH_KEY, House, lived
from tests.sigmasight.reading import numbers
from tests.sigmasight.reference import Reference

pytestmark = pytest.mark.servers

MEANT = "total_latency_ms BETWEEN 0 AND 86400000"
LISTED = """
    SELECT coalesce(nullif(tool ->> 'name', ''), 'unknown'), count(*) FROM ai_request_metrics
    CROSS JOIN LATERAL jsonb_array_elements(
        CASE WHEN jsonb_typeof(tool_calls) = 'object' AND jsonb_typeof(tool_calls -> 'tools') = 'array'
             THEN tool_calls -> 'tools' ELSE '[]' END) AS tool GROUP BY 1
"""


def asked(house: House, query: str) -> dict[tuple[str, ...], float]:
    """An independent count: the last column is the number, the others are the labels."""
    return {tuple(map(str, labels)): float(number) for *labels, number in house.databases.rows(query)}


def test_history_and_what_comes_after_are_what_sql_counts(house: House) -> None:
    lived(house)
    with house.readers() as streams:
        requests, activity = streams["ai_requests"].read(), streams["activity"].read()
        house.sigma.backfill(0.8)
        house.sigma.burst(100)
        requests.audit()
        activity.audit()
        by_sql = """
            SELECT CASE WHEN length(model) = 100 THEN 'other' ELSE model END,
                   CASE error_type WHEN '' THEN '_OTHER' ELSE coalesce(error_type, '') END, count(*)
            FROM ai_request_metrics GROUP BY 1, 2
        """
        assert requests.counted(metrics.AI_REQUESTS) == asked(house, by_sql)
        assert len({error for _, error in requests.counted(metrics.AI_REQUESTS)}) > 9
        assert requests.rejected == Counter()
        for metric, query in (
            (metrics.AI_WITHOUT_TEXT, "error_type IS NULL AND first_token_ms IS NULL"),
            (metrics.AI_WITHOUT_TOKENS, "coalesce(input_tokens, output_tokens, total_tokens) IS NULL"),
            (metrics.AI_WITH_TOOLS, "tool_calls_count > 0"),
        ):
            number = house.databases.number(f"SELECT count(*) FROM ai_request_metrics WHERE {query}")  # noqa: S608
            assert requests.total(metric) == number > 0, metric
        counted = house.databases.number("SELECT sum(tool_calls_count) FROM ai_request_metrics")
        assert requests.total(metrics.AI_TOOL_CALLS) == counted
        by_name = Counter[tuple[str, ...]]()
        for (name,), number in asked(house, LISTED).items():
            by_name[("other" if len(name) > 64 else name,)] += int(number)
        assert requests.counted(metrics.AI_TOOLS_LISTED) == by_name
        assert by_name.total() != counted, "what is listed and what is counted are two numbers"
        assert requests.counted(metrics.AI_ODD_VALUES) == {("tool_calls",): 4, ("total_latency_ms",): 2}
        assert activity.total(metrics.ACTIVITY_EVENTS) == house.databases.number(
            "SELECT count(*) FROM user_activity_events"
        )
        assert set(activity.counted(metrics.ACTIVITY_EVENTS)) == {(kind,) for kind in (*EVENT_TYPES, "other")}
        assert not any(reader.gaps for reader in streams.values())


EVENT_TYPES = (
    *(f"onboarding.register_{end}" for end in ("start", "complete", "error")),
    *(f"onboarding.portfolio_{end}" for end in ("start", "complete", "error")),
    *("onboarding.login_success", "onboarding.login_error"),
    *("chat.session_start", "chat.feedback_given", "auth.logout"),
)
"""As the contract lists them, once more."""


def test_the_shared_families_hold_every_value_that_can_be_meant_and_no_null(house: House) -> None:
    lived(house)
    with house.readers() as streams:
        requests = streams["ai_requests"].read()
    families = (
        (llm.OPERATION_DURATION, "total_latency_ms / 1000.0", MEANT),
        (llm.FIRST_CHUNK, "first_token_ms / 1000.0", "first_token_ms IS NOT NULL"),
    )
    for metric, value, where in families:
        rows = house.databases.rows(f"SELECT {value} FROM ai_request_metrics WHERE {where}")  # noqa: S608
        seen = [value for values in requests.observed(metric).values() for value in values]
        assert sorted(seen) == pytest.approx(sorted(float(value) for (value,) in rows))
    tokens = requests.observed(llm.TOKEN_USAGE)
    for kind in ("input", "output"):
        rows = house.databases.rows(
            f"SELECT {kind}_tokens FROM ai_request_metrics WHERE {kind}_tokens IS NOT NULL"  # noqa: S608
        )
        seen = [value for labels, values in tokens.items() if labels[-1] == kind for value in values]
        assert sorted(seen) == sorted(value for (value,) in rows)
    labels = {labels[:3] for metric in metrics.SHARED for labels in requests.observed(metric)}
    assert labels == {("sigmasight", "openai", "chat")}


def percentile(values: list[float], share: float) -> float:
    """Linear interpolation at (n - 1) · share."""
    values = sorted(values)
    place = (len(values) - 1) * share
    low = int(place)
    return values[low] + (values[min(low + 1, len(values) - 1)] - values[low]) * (place - low)


def test_points_give_the_back_ends_numbers_to_the_microsecond(house: House) -> None:
    now = lived(house)
    with house.readers() as streams:
        requests = streams["ai_requests"].read().points(metrics.AI_REQUEST_POINT)
        activity = streams["activity"].read().points(metrics.ACTIVITY_POINT)
    reference = Reference(house.databases.core, house.databases.ai, now)
    for days in (1, 7, 30, 60, 90):
        begin = now - timedelta(days=days)
        assert_requests([point for point in requests if begin <= point.at <= now], reference, days)
        assert_activity([point for point in activity if begin <= point.at <= now], reference, days)


def assert_requests(points: list[Point], reference: Reference, days: int) -> None:
    told = reference.one("ai_metrics", days=days)
    assert len(points) == told["total_requests"] > 0
    assert sum("error_type" in point.tags for point in points) == told["failed_requests"]
    latency = numbers(points, "latency_seconds")
    assert sum(latency) / len(latency) * 1000 == pytest.approx(told["avg_latency_ms"], abs=0.0501)
    for name, total in (
        ("input_tokens", "total_input_tokens"),
        ("output_tokens", "total_output_tokens"),
        ("tool_calls", "total_tool_calls"),
    ):
        assert sum(numbers(points, name)) == told[total]
    told = reference.one("ai_latency", days=days)
    latency = numbers([point for point in points if "error_type" not in point.tags], "latency_seconds")
    assert len(latency) == told["sample_count"]
    for share in (50, 75, 90, 95, 99):
        assert percentile(latency, share / 100) * 1000 == pytest.approx(told[f"p{share}"], abs=0.0501)


def assert_activity(points: list[Point], reference: Reference, days: int) -> None:
    funnel = reference.one("onboarding_funnel", days=days)
    kinds = Counter(point.tags["event_type"] for point in points)
    for step in ("register_start", "register_complete", "login_success", "portfolio_start", "portfolio_complete"):
        assert kinds[f"onboarding.{step}"] == funnel[step]
    errors = Counter(
        (point.tags["event_type"], str(point.fields["error_code"])) for point in points if "error_code" in point.fields
    )
    told = {
        (row["event_type"], row["error_code"]): row["count"] for row in reference.table("onboarding_errors", days=days)
    }
    assert errors.total() == sum(told.values()) > 0
    login = ("onboarding.login_error", "INVALID_PASSWORD")
    assert errors[login] == told[login]


def test_users_are_distinct_hashes_and_never_ids(house: House) -> None:
    lived(house)
    with house.readers() as streams:
        for name, measurement, table in (
            ("ai_requests", metrics.AI_REQUEST_POINT, "ai_request_metrics"),
            ("activity", metrics.ACTIVITY_POINT, "user_activity_events"),
        ):
            points = streams[name].read().points(measurement)
            users = {str(user) for (user,) in house.databases.rows(f"SELECT user_id FROM {table}")}  # noqa: S608
            named = {point.fields["user"] for point in points if "user" in point.fields}
            assert named == {Pseudonyms(HASH_KEY).of(user) for user in users - {"None"}}
            assert any("user" not in point.fields for point in points), "somebody is nobody yet"


def test_errors_are_counted_by_step_and_code(house: House) -> None:
    lived(house)
    with house.readers() as streams:
        activity = streams["activity"].read()
    step = """CASE event_type WHEN 'onboarding.register_error' THEN 'register'
                              WHEN 'onboarding.login_error' THEN 'login'
                              WHEN 'onboarding.portfolio_error' THEN 'portfolio' ELSE 'other' END"""
    code = "CASE WHEN error_code = '' THEN 'unnamed' WHEN error_code = repeat('E', 50) THEN 'other' ELSE error_code END"
    query = f"SELECT {step}, {code}, count(*) FROM user_activity_events WHERE error_code IS NOT NULL GROUP BY 1, 2"  # noqa: S608
    by_sql = asked(house, query)
    assert activity.counted(metrics.ACTIVITY_ERRORS) == by_sql
    assert {step for step, _ in by_sql} == {"register", "login", "portfolio", "other"}


def test_nothing_is_missed_or_doubled_by_crooked_clocks_and_late_transactions(house: House) -> None:
    house.sigma.found()
    with house.readers() as streams:
        requests = streams["ai_requests"].read()
        expected = 0
        for skew in (timedelta(0), IN_NEW_YORK, IN_KOLKATA, timedelta(minutes=-9)):
            with house.sigma.skewed(skew), house.sigma.held_request():
                expected += house.sigma.burst(3)
                requests.read()
            expected += 1
            requests.read()
            requests.audit()
            assert len(requests.records) == expected, skew
        assert requests.late > 0, "rows of five hours ago are found by the audit, and marked"
        requests.audit()
        assert len(requests.records) == len({row[0] for row in requests.records}) == expected
        assert requests.total(metrics.AI_REQUESTS) == expected


def test_one_database_for_both_is_a_legal_set_up(one_database: Databases, tmp_path: Path) -> None:
    with closing(House(one_database, tmp_path)) as house:
        house.sigma.found()
        house.sigma.backfill(1)
        with house.readers(ai=None) as streams:
            requests = streams["ai_requests"].read()
        assert requests.total(metrics.AI_REQUESTS) == one_database.number("SELECT count(*) FROM ai_request_metrics") > 0
        source = house.sources(ai=None)["ai"]
        connection = source.connect()
        samples = source.probes[0].whole(connection, datetime.now(UTC))
        source.close(connection)
        memories = sum(sample.value for sample in samples if sample.metric is metrics.MEMORIES)
        assert memories == one_database.number("SELECT count(*) FROM ai_memories") > 0


def test_knowledge_and_memories_are_counted_by_scope(house: House) -> None:
    lived(house)
    source = house.sources()["ai"]
    connection = source.connect()
    probe = source.probes[0]
    samples = {(sample.metric, *sample.labels): sample.value for sample in probe.whole(connection, datetime.now(UTC))}
    source.close(connection)
    for metric, table, known in (
        (metrics.KNOWLEDGE_DOCUMENTS, "ai_kb_documents", ("global", "feedback:positive_example")),
        (metrics.MEMORIES, "ai_memories", ("user", "portfolio", "global")),
    ):
        rows = dict(house.databases.rows(f"SELECT scope, count(*) FROM {table} GROUP BY 1", half="ai"))  # noqa: S608
        found = {scope: rows.get(scope, 0) for scope in known}
        found["other"] = sum(rows.values()) - sum(found.values())
        assert {scope: samples[metric, scope] for scope in found} == found
        assert all(found.values())
