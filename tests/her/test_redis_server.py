"""HER's Redis server as it tells of itself, by an account that may read HER's keys and ask INFO."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import redis

from exporters.core.contract import Sample
from exporters.core.errors import StreamError
from exporters.demo.redis import Redis
from exporters.her import redis_server
from exporters.her import system_metrics as m
from exporters.her.redis_server import CounterReader, server, stored_texts
from exporters.readers import redis_client
from tests.her.deployments import settings
from tests.her.reading import Reader
from tests.her.test_sources import GRANT
from tests.servers.fixtures import StartRedis

NOW = datetime(2026, 2, 22, 12, tzinfo=UTC)
LIMIT = 64 * 1024 * 1024


@pytest.fixture
def house(start_redis: StartRedis) -> Redis:
    users = [f"observer on nopass {GRANT}", f"blindfolded on nopass {GRANT.replace(' +info', '')}"]
    return start_redis(password=False, users=users, appendonly=True, options={"maxmemory": str(LIMIT)})


@pytest.fixture
def owner(house: Redis) -> Iterator[redis.Redis]:
    client = redis.Redis(port=house.port)
    yield client
    client.close()


@pytest.fixture
def connection(house: Redis) -> Iterator[redis.Redis]:
    client = redis_client.connect(host="127.0.0.1", port=house.port, username="observer", password="any")
    yield client
    redis_client.close(client)


def shown(samples: list[Sample]) -> dict[str, float]:
    """Name and labels -> value."""
    values = {" ".join((sample.metric.name, *sample.labels)): sample.value for sample in samples}
    assert len(values) == len(samples)
    return values


def test_the_server_as_gauges(connection: redis.Redis, owner: redis.Redis) -> None:
    told = owner.info()
    found = shown(server(connection, NOW))
    assert found[f"her_redis_info {told['redis_version']} noeviction"] == 1
    assert found["her_redis_max_memory_bytes"] == LIMIT
    assert abs(found["her_redis_used_memory_bytes"] - told["used_memory"]) < 1024 * 1024
    assert found["her_redis_clients connected"] == 2
    assert found["her_redis_clients blocked"] == 0
    assert found["her_redis_max_clients"] == told["maxclients"]
    assert found["her_redis_save_ok aof"] == found["her_redis_save_ok snapshot"] == 1
    assert found["her_redis_last_save_timestamp_seconds"] == told["rdb_last_save_time"]
    began = told["server_time_usec"] / 1e6 - told["uptime_in_seconds"]
    assert abs(found["her_redis_start_timestamp_seconds"] - began) <= 2


def test_who_waits_in_it(house: Redis, connection: redis.Redis) -> None:
    with socket.create_connection(("127.0.0.1", house.port)) as waiting:
        waiting.sendall(b"BLPOP nothing 0\r\n")
        while shown(server(connection, NOW))["her_redis_clients blocked"] != 1:
            pass
    while shown(server(connection, NOW))["her_redis_clients blocked"] != 0:
        pass


def test_no_limit_and_no_append_only_file_are_absent(connection: redis.Redis, owner: redis.Redis) -> None:
    owner.config_set("maxmemory", 0)
    owner.config_set("appendonly", "no")
    found = shown(server(connection, NOW))
    assert "her_redis_max_memory_bytes" not in found
    assert "her_redis_save_ok aof" not in found


def test_a_save_that_fails(house: Redis, connection: redis.Redis, owner: redis.Redis) -> None:
    # A folder with the name of the file cannot be written over.
    (house.folder / "dump.rdb").mkdir()
    owner.bgsave()
    while shown(server(connection, NOW))["her_redis_save_ok snapshot"] != 0:
        pass


def test_what_a_server_does_not_tell_is_absent(monkeypatch: pytest.MonkeyPatch, connection: redis.Redis) -> None:
    monkeypatch.setattr(redis_server, "exchange", lambda *_: [{"used_memory": "much", "connected_clients": 3}])
    found = shown(server(connection, NOW))
    assert found == {"her_redis_info other other": 1, "her_redis_clients connected": 3}


def test_without_the_right_to_ask_both_fail_alone(house: Redis) -> None:
    client = redis_client.connect(host="127.0.0.1", port=house.port, username="blindfolded", password="any")
    with pytest.raises(StreamError, match="no_permission"):
        server(client, NOW)
    with pytest.raises(StreamError, match="no_permission"):
        CounterReader().read(client, None, NOW)
    redis_client.close(client)


def expire(owner: redis.Redis, keys: int) -> None:
    before = owner.info("stats")["expired_keys"]
    for number in range(keys):
        owner.set(f"short:{number}", "x", px=1)
    while owner.info("stats")["expired_keys"] < before + keys:
        for number in range(keys):
            owner.exists(f"short:{number}")


def test_counters_grow_by_what_came_since_the_first_look(
    house: Redis, connection: redis.Redis, owner: redis.Redis
) -> None:
    expire(owner, 3)
    stream = Reader(redis_server.redis_counters(settings()), connection)
    stream.read()
    assert stream.total(m.REDIS_EXPIRED) == 0, "what was before nobody watched"
    expire(owner, 4)
    stream.read()
    stream.read()
    assert stream.total(m.REDIS_EXPIRED) == 4
    owner.config_set("maxclients", 2)
    with socket.create_connection(("127.0.0.1", house.port)) as refused:
        assert refused.recv(10).startswith(b"-ERR")
    owner.config_set("maxmemory-policy", "allkeys-random")
    for number in range(100):
        owner.set(f"big:{number}", "x" * 16384)
    owner.config_set("maxmemory", owner.info("memory")["used_memory"] - 300_000)
    owner.set("one", "more")
    evicted = owner.info("stats")["evicted_keys"]
    stream.read()
    assert stream.total(m.REDIS_REJECTED) == 1
    assert stream.total(m.REDIS_EVICTED) == evicted > 0
    assert stream.touched() == set(stream.stream.feeds)


def test_a_restart_is_no_fall(house: Redis, connection: redis.Redis, owner: redis.Redis) -> None:
    reader = CounterReader()
    expire(owner, 5)
    first = reader.read(connection, None, NOW)
    owner.config_resetstat()
    expire(owner, 2)
    second = reader.read(connection, first.next_cursor, NOW)
    assert second.totals["expired_keys"] == 2
    house.restart()
    # More than before the restart: by the number alone it would look like a growth of five.
    expire(owner, 7)
    redis_client.close(connection)
    later = NOW + timedelta(minutes=1)
    third = reader.read(connection, second.next_cursor, later)
    assert third.totals["expired_keys"] == 7
    assert not third.gap
    soon = later + timedelta(seconds=45)
    assert reader.read(connection, third.next_cursor, soon).next_cursor == third.next_cursor, "nothing to commit"


@pytest.mark.parametrize("old", ["began before the last look", "of a cursor without a time", "tells no uptime"])
def test_what_another_server_counted_before_is_not_new(
    monkeypatch: pytest.MonkeyPatch, connection: redis.Redis, owner: redis.Redis, old: str
) -> None:
    """A replica that takes over brings the evictions of its whole life: they are no alert now."""
    reader = CounterReader()
    expire(owner, 5)
    cursor = reader.read(connection, None, NOW).next_cursor | {"run": "of the server before"}
    told = owner.info() | {"uptime_in_seconds": 86_400}
    if old == "of a cursor without a time":
        del cursor["at"]
    elif old == "tells no uptime":
        del told["uptime_in_seconds"]
    monkeypatch.setattr(redis_server, "_info", lambda _: told)
    second = reader.read(connection, cursor, NOW + timedelta(seconds=15))
    assert second.gap
    assert set(second.totals.values()) == {0}
    monkeypatch.setattr(redis_server, "_info", lambda _: told | {"expired_keys": told["expired_keys"] + 3})
    third = reader.read(connection, second.next_cursor, NOW + timedelta(seconds=30))
    assert (third.gap, third.totals["expired_keys"]) == (False, 3), "counted from there on"


def test_which_texts_leave_her() -> None:
    found = shown(stored_texts(settings(text={"logs": True})))
    assert found == {
        f"her_content_stored {kind}": float(kind == "logs")
        for kind in ("chats", "executions", "logs", "decisions", "workflow")
    }
