"""What HER's documents, threads and profiles show as gauges, from a real Redis."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest
import redis

from exporters.core.contract import Sample
from exporters.core.errors import StreamError
from exporters.core.metric import Metric
from exporters.her import context_view, metrics, system_metrics
from exporters.her.context_view import BYTES_PER_READ, LARGEST_THREAD, ContextProbe
from exporters.her.events_scheduler import parse_scheduler_state
from exporters.her.events_startups import parse_startup
from exporters.her.fold_startups import capability_samples
from exporters.her.profile_view import ProfileProbe
from exporters.her.state_views import capabilities, scheduler_samples, scheduler_state, users
from exporters.readers import redis_client
from tests.her import sample_records as sample
from tests.her.sample_records import changed
from tests.servers.fixtures import StartRedis

NOW = datetime(2026, 2, 22, 12, tzinfo=UTC)
DAY = 86_400


@pytest.fixture
def connection(start_redis: StartRedis) -> Iterator[redis.Redis]:
    with closing(redis_client.connect(host="127.0.0.1", port=start_redis(password=False).port)) as client:
        yield client


def shown(samples: list[Sample], metric: Metric) -> dict[tuple[str, ...], float]:
    found = [sample for sample in samples if sample.metric is metric]
    values = {sample.labels: sample.value for sample in found}
    assert len(values) == len(found), "a series shown twice"
    return values


def value(samples: list[Sample], metric: Metric) -> float:
    return shown(samples, metric)[()]


def test_users(connection: redis.Redis) -> None:
    assert [s.value for s in users(connection, NOW)] == [0]
    connection.sadd("her:metrics:users", "5551001", "5551002")
    assert [s.value for s in users(connection, NOW)] == [2]


def test_documents_that_are_not_there_show_nothing(connection: redis.Redis) -> None:
    assert scheduler_state(connection, NOW) == []
    assert capabilities(connection, NOW) == []


@pytest.mark.parametrize("raw", [b"", b"no json", b"[]", b"{}", changed(sample.SCHEDULER_STATE, timestamp="soon")])
def test_documents_that_are_none_are_errors_of_their_probe(connection: redis.Redis, raw: bytes) -> None:
    connection.set("her:scheduler:state", raw)
    connection.set("her:runtime:capabilities", raw)
    for collect in (scheduler_state, capabilities):
        with pytest.raises(StreamError, match="wrong_type"):
            collect(connection, NOW)


def test_a_document_that_is_too_large_is_not_even_read(connection: redis.Redis) -> None:
    connection.set("her:scheduler:state", changed(sample.SCHEDULER_STATE, padding="x" * 5_000_000))
    with pytest.raises(StreamError, match="bytes"):
        scheduler_state(connection, NOW)


def test_the_scheduler_state_as_gauges(connection: redis.Redis) -> None:
    connection.set("her:scheduler:state", sample.SCHEDULER_STATE)
    samples = scheduler_state(connection, NOW)
    assert value(samples, metrics.SCHEDULER_STATE_TIME) == datetime(2026, 2, 22, 12, 0, 2, 100, tzinfo=UTC).timestamp()
    assert value(samples, metrics.TASKS) == 5
    assert shown(samples, metrics.UPCOMING) == {("memory_reflection", "pending"): 1}
    assert shown(samples, metrics.NEXT_RUN) == {
        ("memory_reflection",): datetime(2026, 2, 22, 13, tzinfo=UTC).timestamp()
    }
    assert shown(samples, metrics.AUTONOMY_USERS) == {
        ("calm",): 1,
        ("reflective",): 0,
        ("supportive",): 0,
        ("curious",): 0,
        ("playful",): 0,
    }
    assert value(samples, metrics.AUTONOMY_ENGAGEMENT) == 0.61
    assert value(samples, metrics.AUTONOMY_INITIATIVE) == 0.58
    assert value(samples, metrics.AUTONOMY_SENT_TODAY) == 0
    assert value(samples, metrics.AUTONOMY_TARGET) == 1


def state(**fields: Any) -> list[Sample]:
    return scheduler_samples(parse_scheduler_state(changed(sample.SCHEDULER_STATE, **fields)))


def test_the_earliest_next_run_counts_even_if_it_has_passed() -> None:
    def task(status: str, next_run: object) -> dict[str, object]:
        return {"name": "x", "type": "reminder", "at": 930, "status": status, "next_run": next_run}

    upcoming = [
        task("PENDING", "2026-02-22T13:00:00+00:00"),
        task("RETRY", "2026-02-22T11:00:00+00:00"),
        task("FAILED", ""),
        task("FAILED", "whenever"),
    ]
    samples = state(upcoming=upcoming)
    assert shown(samples, metrics.NEXT_RUN) == {("reminder",): datetime(2026, 2, 22, 11, tzinfo=UTC).timestamp()}
    assert shown(samples, metrics.UPCOMING) == {
        ("reminder", "pending"): 1,
        ("reminder", "retry"): 1,
        ("reminder", "failed"): 2,
    }


def test_after_a_clean_stop_nothing_is_planned() -> None:
    samples = state(upcoming=[{"type": "custom", "next_run": ""}], autonomy=[])
    assert shown(samples, metrics.NEXT_RUN) == {}
    assert value(samples, metrics.AUTONOMY_SENT_TODAY) == 0
    assert shown(samples, metrics.AUTONOMY_ENGAGEMENT) == {}


def test_a_build_without_autonomy_shows_none() -> None:
    samples = state(autonomy=sample.ABSENT)
    assert not {s.metric for s in samples} & {metrics.AUTONOMY_USERS, metrics.AUTONOMY_TARGET}


def test_moods_that_nobody_knows_are_one_other() -> None:
    row = {"engagement_score": 0.2, "initiative_level": 0.4, "messages_sent_today": 2, "daily_target": 3}
    samples = state(autonomy=[row | {"current_mood": mood} for mood in ("grumpy", "sleepy", "calm")])
    moods = shown(samples, metrics.AUTONOMY_USERS)
    assert (moods["other",], moods["calm",]) == (2, 1)
    assert value(samples, metrics.AUTONOMY_SENT_TODAY) == 6
    assert value(samples, metrics.AUTONOMY_ENGAGEMENT) == pytest.approx(0.2)


def test_capabilities_as_gauges(connection: redis.Redis) -> None:
    connection.set("her:runtime:capabilities", sample.CAPABILITIES)
    samples = capabilities(connection, NOW)
    assert value(samples, metrics.CAPABILITIES_TIME) == datetime(2026, 2, 22, 8, 0, 0, 250000, tzinfo=UTC).timestamp()
    assert value(samples, metrics.TOOLS) == 14
    assert shown(samples, metrics.CAPABILITY_AVAILABLE) == {("internet",): 1, ("sandbox",): 0}
    assert shown(samples, metrics.MCP_SERVERS) == {
        ("running",): 1,
        ("disabled",): 1,
        ("unavailable",): 0,
        ("failed",): 0,
    }
    assert shown(samples, metrics.MCP_SERVER_STATUS) == {("fetch", "running"): 1, ("brave-search", "disabled"): 1}


def test_a_start_at_which_everything_failed() -> None:
    failed = {"mcp": {"status": "failed", "message": "bootstrap failed"}}
    raw = changed(sample.CAPABILITIES, tool_count=0, capabilities={}, mcp_servers=failed)
    samples = capability_samples(parse_startup(raw))
    assert shown(samples, metrics.CAPABILITY_AVAILABLE) == {}
    assert shown(samples, metrics.MCP_SERVER_STATUS) == {("mcp", "failed"): 1}


def test_a_state_of_a_server_that_nobody_knows() -> None:
    raw = changed(sample.CAPABILITIES, mcp_servers={"fetch": {"status": "resting", "message": ""}})
    assert shown(capability_samples(parse_startup(raw)), metrics.MCP_SERVERS)["other",] == 1


def thread(*roles: str, text: str = "hi") -> str:
    return json.dumps([{"role": role, "message": text} for role in roles])


def test_threads(connection: redis.Redis) -> None:
    connection.set("her:context:5551001", thread("user", "assistant", "user"), ex=DAY - 50)
    connection.set("her:context:group:-1005551", thread("user", "assistant", "HER"), ex=DAY - 10)
    connection.rpush("her:context:5551002", *[json.dumps({"role": "user", "message": "hi"})] * 2, "no json", "[]")
    connection.expire("her:context:5551002", DAY - 90)
    connection.hset("her:context:odd", "a", "b")
    connection.set("her:workflow:execution:1", "unrelated")
    samples = ContextProbe().collect(connection, NOW)
    assert shown(samples, metrics.CONTEXT_THREADS) == {
        ("user", "string"): 1,
        ("group", "string"): 1,
        ("user", "list"): 1,
        ("group", "list"): 0,
    }
    assert shown(samples, metrics.CONTEXT_MESSAGES) == {("user",): 5, ("assistant",): 2, ("other",): 2}
    assert shown(samples, metrics.CONTEXT_LARGEST) == {("1",): 3, ("2",): 3, ("3",): 3}
    assert value(samples, metrics.CONTEXT_LAST_ACTIVITY) == pytest.approx(NOW.timestamp() - 10, abs=2)


def test_no_threads_at_all(connection: redis.Redis) -> None:
    samples = ContextProbe().collect(connection, NOW)
    assert set(shown(samples, metrics.CONTEXT_THREADS).values()) == {0}
    assert shown(samples, metrics.CONTEXT_LAST_ACTIVITY) == {}
    assert shown(samples, metrics.CONTEXT_LARGEST) == {}


def test_threads_change_and_go(connection: redis.Redis) -> None:
    probe = ContextProbe()
    connection.set("her:context:1", thread("user"), ex=DAY)
    assert shown(probe.collect(connection, NOW), metrics.CONTEXT_MESSAGES)["user",] == 1
    connection.set("her:context:1", thread("user", "assistant"), ex=DAY)
    connection.set("her:context:2", thread("user"), ex=DAY)
    probe.collect(connection, NOW)
    messages = shown(probe.collect(connection, NOW), metrics.CONTEXT_MESSAGES)
    assert messages == {("user",): 2, ("assistant",): 1}
    connection.flushall()
    samples = probe.collect(connection, NOW)
    assert shown(samples, metrics.CONTEXT_THREADS)["user", "string"] == 0
    assert set(shown(samples, metrics.CONTEXT_MESSAGES).values()) == {0}


def test_threads_that_did_not_change_are_not_read_again(connection: redis.Redis) -> None:
    probe = ContextProbe()
    connection.set("her:context:1", thread("user"), ex=DAY)
    probe.collect(connection, NOW)
    gets = connection.info("commandstats")["cmdstat_get"]["calls"]
    probe.collect(connection, NOW)
    assert connection.info("commandstats")["cmdstat_get"]["calls"] == gets


def test_a_huge_thread_is_a_thread_and_is_never_read(connection: redis.Redis) -> None:
    connection.set("her:context:1", thread("user", text="x" * LARGEST_THREAD), ex=DAY)
    connection.set("her:context:2", thread("user"), ex=DAY)
    samples = ContextProbe().collect(connection, NOW)
    assert shown(samples, metrics.CONTEXT_THREADS)["user", "string"] == 2
    assert shown(samples, metrics.CONTEXT_MESSAGES)["user",] == 1
    assert connection.info("commandstats")["cmdstat_get"]["calls"] == 1


def test_a_read_is_bounded_and_the_next_one_goes_on(connection: redis.Redis) -> None:
    each = LARGEST_THREAD - 1000
    count = 2 * (BYTES_PER_READ // each) + 1
    for number in range(count):
        connection.set(f"her:context:{number}", thread("user", text="x" * each), ex=DAY)
    probe = ContextProbe()
    seen = [shown(probe.collect(connection, NOW), metrics.CONTEXT_MESSAGES)["user",] for _ in range(4)]
    assert seen == [BYTES_PER_READ // each, 2 * (BYTES_PER_READ // each), count, count]


def test_nothing_is_shown_before_every_key_was_looked_through(
    connection: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(context_view, "FIRST_PASS_STEPS", 1)
    with connection.pipeline() as pipeline:
        for number in range(3000):
            pipeline.set(f"her:workflow:execution:{number}", "x")
        pipeline.set("her:context:1", thread("user"), ex=DAY)
        pipeline.execute()
    probe = ContextProbe()
    passes = 0
    while not (samples := probe.collect(connection, NOW)):
        passes += 1
        assert passes < 20
    assert passes > 1
    assert shown(samples, metrics.CONTEXT_THREADS)["user", "string"] == 1


def test_profiles(connection: redis.Redis) -> None:
    assert [s.value for s in ProfileProbe().collect(connection, NOW)] == [0]
    connection.hset("her:reinforcement:profile:1", mapping={"concise": "0.5", "helpful": "1", "empathy": "0.25"})
    connection.hset("her:reinforcement:profile:2", mapping={"concise": "0.7", "helpful": "nan", "empathy": "1.5"})
    connection.set("her:reinforcement:profile:3", "no hash")
    samples = ProfileProbe().collect(connection, NOW)
    assert value(samples, metrics.PROFILES) == 2
    traits = shown(samples, metrics.PROFILE_TRAITS)
    assert traits == {("concise",): pytest.approx(0.6), ("helpful",): 1.0, ("empathy",): 0.25}


@pytest.mark.parametrize(
    ("zones", "wanted"),
    [
        ({"system_tz": "UTC", "default_user_tz": "Europe/Rome"}, {("UTC", "Europe/Rome"): 1}),
        ({"system_tz": "my zone; see 5551001", "default_user_tz": ""}, {("other", "unnamed"): 1}),
        ({"system_tz": "", "default_user_tz": ""}, {}),
    ],
)
def test_the_time_zones_it_works_in(zones: dict[str, str], wanted: dict[tuple[str, ...], float]) -> None:
    samples = scheduler_samples(parse_scheduler_state(changed(sample.SCHEDULER_STATE, **zones)))
    assert shown(samples, system_metrics.TIME_ZONES) == wanted
