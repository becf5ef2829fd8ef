"""What the simulator writes is what the contract says, in every story, at every pace, byte for byte."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
import redis

from exporters.her.simulate import ABSENT, Her
from exporters.her.simulate_life import stories
from tests.her.contract_check import check_keyspace
from tests.her.contract_commands import check_commands, recorded
from tests.her.contract_decisions import TIP
from tests.her.whole_life import CAPS, DECISIONS, WORKFLOW, Clock, rows, tell_everything
from tests.servers.fixtures import StartRedis


@pytest.fixture
def client(start_redis: StartRedis) -> redis.Redis:
    return redis.Redis(port=start_redis(password=False).port)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("info_logs", [False, True])
def test_every_story_is_what_the_contract_says(client: redis.Redis, seed: int, *, info_logs: bool) -> None:
    her = Her(client, seed=seed, info_logs=info_logs)
    with recorded(client) as commands:
        tell_everything(her)
    assert check_commands(commands) > 1000
    judged = check_keyspace(client)
    for key, cap in CAPS.items():
        assert judged[key] == min(cap, her.produced[key])
    assert judged["her:context"] > 3
    assert judged["her:workflow:execution"] > 20
    assert judged["her:reinforcement:profile"] > 3
    levels = {row["level"] for row in rows(client, "her:logs")}
    assert levels == {"WARNING", "ERROR", "CRITICAL"} | ({"INFO"} if info_logs else set())


def test_produced_counts_every_push(client: redis.Redis) -> None:
    her = Her(client, seed=4)
    with recorded(client) as commands:
        tell_everything(her)
    pushed = Counter(command[1] for command in commands if command[0] == "LPUSH")
    assert her.produced == pushed
    assert client.get("her:metrics:messages") == str(pushed["her:metrics:events"]).encode()


@pytest.mark.parametrize("seed", range(12))
def test_requests_leave_as_many_entries_as_the_contract_counts(client: redis.Redis, seed: int) -> None:
    her = Her(client, seed=seed, users=3)
    for told in (her.chat(), her.api_chat(), her.chat(in_group=True)):
        assert 5 <= told[DECISIONS] <= 7
        assert 10 <= told[WORKFLOW] <= 18
        assert told["her:metrics:events"] == 1
        assert told["her:reinforcement:events"] in {1, 2}
    for told in (her.agent_request(), her.agent_request(failing=True), her.agent_request(disputed=True)):
        assert 10 <= told[DECISIONS] <= 20
        assert 17 <= told[WORKFLOW] <= 20
    assert her.direct_request()[WORKFLOW] == 4
    for nowhere in (her.rate_limited(), her.ignored_group_message()):
        assert nowhere[WORKFLOW] == 3
        assert "her:metrics:events" not in nowhere
    error = her.chat("error")
    assert "her:metrics:events" not in error
    assert her.api_chat("error")["her:metrics:events"] == 1
    assert her.startup("missing_command")["her:logs"] == 2
    assert her.startup("initialization")["her:logs"] == 3


def test_a_typical_chat_has_the_typical_events_in_order(client: redis.Redis) -> None:
    her = Her(client, seed=5)
    her.chat()
    events = [row["event_type"] for row in reversed(rows(client, WORKFLOW)) if row["event_type"] != "llm_stream_token"]
    assert events == [
        "message_received",
        "tool_execution_started",
        "tool_completed",
        "intent_detected",
        "tool_selected",
        "tool_execution_started",
        "tool_completed",
        "llm_started",
        "llm_completed",
        "response_sent",
    ]
    execution = json.loads(client.get(next(client.scan_iter(match="her:workflow:execution:*"))) or b"{}")
    sent = rows(client, WORKFLOW)[0]["details"]
    assert isinstance(sent, dict)
    assert execution["total_latency_ms"] == pytest.approx(sent["total_latency_ms"], abs=0.5)
    assert execution["nodes"]["llm"]["status"] == "success"


def test_errors_end_as_the_contract_says(client: redis.Redis) -> None:
    her = Her(client, seed=6)
    her.chat("error")
    assert rows(client, WORKFLOW)[0]["event_type"] == "error"
    execution = json.loads(client.get(next(client.scan_iter(match="her:workflow:execution:*"))) or b"{}")
    assert execution["nodes"]["llm"]["status"] == "running"
    assert execution["last_error"]
    her.api_chat("error")
    newest = rows(client, WORKFLOW)[:2]
    assert [row["event_type"] for row in newest] == ["response_sent", "error"]
    assert newest[0]["status"] == "error"


def test_one_deck_and_ten_minutes_show_everything_there_is(client: redis.Redis) -> None:
    her = Her(client, seed=7)
    her.startup()
    seen: Counter[str] = Counter()
    told = stories(her)
    with recorded(client) as commands:
        for _ in range(45):
            her.pen.tell(next(told))
        for _ in range(10):
            her.tick()
        her.startup()
    entries = [(key, json.loads(raw)) for name, key, raw in (c for c in commands if len(c) == 3) if name == "LPUSH"]
    seen.update(entry["event_type"] for key, entry in entries if key == DECISIONS)
    assert set(seen) == set(TIP)
    jobs = [entry for key, entry in entries if key == "her:scheduler:jobs"]
    assert {job["success"] for job in jobs} == {True, False}
    assert any(job["error"].startswith("reminder_retry:") for job in jobs)
    assert any(job["error"].startswith("reminder_failed:") for job in jobs)
    assert {entry["level"] for key, entry in entries if key == "her:logs"} == {"WARNING", "ERROR", "CRITICAL"}
    assert {entry["success"] for key, entry in entries if key == "her:sandbox:executions"} == {True, False}
    steps = {entry["event_type"] for key, entry in entries if key == WORKFLOW}
    assert {"debate", "step_start", "step_complete", "llm_stream_token", "error"} <= steps
    assert any(client.scan_iter(match="her:context:group:*"))


def test_the_same_seed_and_clock_write_the_same_bytes(start_redis: StartRedis) -> None:
    written = []
    for seed in (8, 8, 9):
        client = redis.Redis(port=start_redis(password=False).port)
        with recorded(client) as commands:
            tell_everything(Her(client, seed=seed, clock=Clock()))
        written.append([command for command in commands if command[0] not in {"HELLO", "CLIENT"}])
    assert written[0] == written[1]
    assert written[0] != written[2]


def test_whole_seconds_have_no_fraction_and_stamps_never_repeat(client: redis.Redis) -> None:
    her = Her(client, seed=10, clock=Clock(datetime(2026, 2, 22, 12, 0, tzinfo=UTC)))
    first, second = her.log("WARNING", "her-main", "one"), her.log("WARNING", "her-main", "two")
    assert first["timestamp"] == "2026-02-22T12:00:00+00:00"
    assert second["timestamp"] == "2026-02-22T12:00:00.000001+00:00"
    assert client.lindex("her:logs", 1) == (
        b'{"timestamp":"2026-02-22T12:00:00+00:00","level":"WARNING","name":"her-main","message":"one"}'
    )


def test_stories_end_now_and_are_squeezed_when_told_too_fast(client: redis.Redis) -> None:
    clock = Clock()
    her = Her(client, seed=11, clock=clock)
    her.chat()
    stamps = [datetime.fromisoformat(str(row["timestamp"])) for row in rows(client, WORKFLOW)]
    assert timedelta(seconds=0.2) < stamps[0] - stamps[-1] < timedelta(seconds=10)
    assert clock.at - timedelta(seconds=1) < stamps[0] <= clock.at + timedelta(milliseconds=1)
    for _ in range(20):
        her.chat()
    newest = datetime.fromisoformat(str(rows(client, WORKFLOW)[0]["timestamp"]))
    assert newest < clock.at + timedelta(milliseconds=5)


def test_non_ascii_is_escaped_and_read_back(client: redis.Redis) -> None:
    her = Her(client, seed=12)
    her.interaction("5551001", "gr\u00fc\u00dfe \U0001f44d\x00", "ok")
    raw = client.lindex("her:metrics:events", 0)
    assert isinstance(raw, bytes)
    assert b"gr\\u00fc\\u00dfe \\ud83d\\udc4d\\u0000" in raw
    assert json.loads(raw)["user_message"] == "gr\u00fc\u00dfe \U0001f44d\x00"


def test_overrides_replace_add_and_remove_fields(client: redis.Redis) -> None:
    her = Her(client, seed=13)
    her.log("INFO", "her-main", "x", {"name": ABSENT, "extra": 1, "level": 30})
    assert rows(client, "her:logs")[0].keys() == {"timestamp", "level", "message", "extra"}
    her.sandbox_execution("true", exit_code=0, overrides={"execution_time": "fast"})
    assert rows(client, "her:sandbox:executions")[0]["execution_time"] == "fast"
    assert rows(client, DECISIONS)[0]["details"] == rows(client, "her:sandbox:executions")[0]


def test_contexts_keep_twenty_entries_and_come_back_after_expiry(client: redis.Redis) -> None:
    her = Her(client, seed=16)
    for number in range(25):
        her.append_context("5551001", "user", f"message {number}")
    key = "her:context:5551001"
    assert [entry["message"] for entry in json.loads(client.get(key) or b"")] == [f"message {n}" for n in range(5, 25)]
    client.delete(key)
    her.append_context("5551001", "user", "again")
    assert len(json.loads(client.get(key) or b"")) == 20
    # Another process reads what is stored before it appends.
    Her(client, seed=17).append_context("5551001", "assistant", "from a new process")
    assert len(json.loads(client.get(key) or b"")) == 20
    for number in range(130):
        her.append_context(-100555, "user", f"Somebody: {number}", group=True)
    assert len(json.loads(client.get("her:context:group:-100555") or b"")) == 120
    check_keyspace(client)


def test_the_scheduler_state_is_dropped_when_the_last_one_is_young(client: redis.Redis) -> None:
    clock = Clock()
    her = Her(client, seed=18, clock=clock)
    assert her.publish_scheduler_state() is not None
    clock.forward(9.9)
    assert her.publish_scheduler_state() is None
    clock.forward(0.2)
    assert her.publish_scheduler_state() is not None
    her.shutdown()
    stored = json.loads(client.get("her:scheduler:state") or b"{}")
    assert {task["next_run"] for task in stored["upcoming"]} == {""}


def test_reminders_retry_then_fail_and_stay_listed(client: redis.Redis) -> None:
    clock = Clock()
    her = Her(client, seed=19, clock=clock)
    for _ in range(30):
        clock.forward(60)
        her.tick()
    errors = [str(job["error"]) for job in reversed(rows(client, "her:scheduler:jobs")) if job["type"] == "reminder"]
    start = errors.index("reminder_retry:transient_error")
    assert "reminder_failed:transient_error" in errors[start:]
    upcoming = json.loads(client.get("her:scheduler:state") or b"{}")["upcoming"]
    failed = [task for task in upcoming if task["status"] == "FAILED"]
    assert failed
    assert all(task["next_run"] == "" and task["last_error"] for task in failed)
    beats = [row for row in rows(client, DECISIONS) if row["event_type"] == "scheduler_system_job"]
    assert len(beats) == 30


def test_a_second_reflection_of_a_day_repeats_the_first(client: redis.Redis) -> None:
    her = Her(client, seed=20)
    her.daily()
    her.daily()
    for key in client.scan_iter(match="her:reflection:*"):
        newest, before = client.lrange(key, 0, 1)
        assert newest == before


def test_execution_ids_differ_between_processes_with_one_seed(client: redis.Redis) -> None:
    first, second = (Her(client, seed=26).open_execution("5551001", "hi").execution_id for _ in range(2))
    assert first != second
    assert re.fullmatch(r"[0-9a-f]{32}", first)
