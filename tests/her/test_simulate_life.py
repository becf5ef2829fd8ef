"""The simulator's pace: bursts over a cap, history, and living at a rate."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import redis

from exporters.her.simulate import Her, connect
from exporters.her.simulate_burst import KEYS, Stream
from tests.her.contract_check import check_keyspace, family
from tests.her.contract_commands import check_commands, recorded
from tests.her.whole_life import CAPS, DECISIONS, rows
from tests.servers.fixtures import StartRedis


@pytest.fixture
def client(start_redis: StartRedis) -> redis.Redis:
    return redis.Redis(port=start_redis(password=False).port)


STREAMS: list[tuple[Stream, int]] = [(stream, CAPS[key]) for stream, key in KEYS.items()]


@pytest.mark.parametrize(("stream", "cap"), [*STREAMS, ("reflections", 61)])
def test_bursts_fill_one_list(client: redis.Redis, stream: Stream, cap: int) -> None:
    for n in (cap, cap + 1, 3 * cap):
        client.flushall()
        her = Her(client, seed=14)
        assert her.burst(stream, n) == n
        keys = [name.decode() for name in client.scan_iter() if client.type(name) == b"list"]
        assert len(keys) == 1
        assert client.llen(keys[0]) == min(cap, n)
        assert her.produced == {keys[0]: n}
        assert check_keyspace(client, twins=False)[family(keys[0])] == min(cap, n)


def test_a_burst_keeps_push_and_trim_apart(client: redis.Redis) -> None:
    her = Her(client, seed=15)
    with recorded(client) as commands:
        her.burst("logs", 250)
    assert {command[0] for command in commands} <= {"LPUSH", "LTRIM", "CLIENT", "HELLO"}
    assert check_commands(commands) == 500


def test_backfill_writes_a_past_that_ends_before_now(client: redis.Redis) -> None:
    her = Her(client, seed=21)
    before = datetime.now(UTC)
    produced = her.backfill(8)
    check_keyspace(client)
    beats = [row for row in rows(client, DECISIONS) if row["event_type"] == "scheduler_system_job"]
    newest = datetime.fromisoformat(str(beats[0]["timestamp"]))
    assert timedelta(minutes=2) <= before - newest < timedelta(minutes=4)
    assert produced[DECISIONS] > 480
    assert produced["her:metrics:events"] > 30
    oldest = datetime.fromisoformat(str(rows(client, "her:metrics:events")[-1]["timestamp"]))
    assert before - oldest > timedelta(hours=2)
    lives = [client.ttl(name) for name in client.scan_iter(match="her:workflow:execution:*")]
    assert min(lives) < 86_400 - 3600
    again = Her(client, seed=22).backfill(8)
    assert sum(again.values()) < 60
    her.chat()
    check_keyspace(client)


def test_run_lives_at_about_the_rate_and_stops(client: redis.Redis) -> None:
    her = Her(client, seed=23)
    produced = her.run(seconds=4, rate=80)
    assert 4 * 80 * 0.5 < sum(produced.values()) < 4 * 80 * 1.8
    check_keyspace(client, older=True)
    stop = threading.Event()
    stop.set()
    assert sum(her.run(rate=60, stop=stop).values()) <= 2
    stored = json.loads(client.get("her:scheduler:state") or b"{}")
    assert {task["next_run"] for task in stored["upcoming"]} == {""}


def test_run_outlives_its_redis(start_redis: StartRedis) -> None:
    server = start_redis(password=False, appendonly=True)
    her = Her(connect("127.0.0.1", server.port, None), seed=24)
    stop = threading.Event()
    life = threading.Thread(target=her.run, kwargs={"rate": 100, "stop": stop})
    life.start()
    try:
        _wait_until(lambda: her.produced.total() > 20)
        server.kill()
        server.restart()
        before = her.produced.total()
        _wait_until(lambda: her.produced.total() > before + 50)
    finally:
        stop.set()
        life.join(10)
    assert not life.is_alive()


def test_two_threads_lose_no_count(client: redis.Redis) -> None:
    her = Her(client, seed=25)
    threads = [threading.Thread(target=lambda: [her.interaction() for _ in range(200)]) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert client.get("her:metrics:messages") == b"400"
    assert her.produced["her:metrics:events"] == 400
    stamps = [row["timestamp"] for row in rows(client, "her:metrics:events")]
    assert len(set(stamps)) == 50


def _wait_until(holds: Callable[[], bool]) -> None:
    deadline = datetime.now(UTC) + timedelta(seconds=20)
    pause = threading.Event()
    while not holds():
        assert datetime.now(UTC) < deadline
        pause.wait(0.02)
