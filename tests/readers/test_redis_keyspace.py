"""Keys found by SCAN, and what they are, on a real Redis."""

from __future__ import annotations

import pytest
import redis

from exporters.core.errors import SourceDown, StreamError
from exporters.readers.redis_client import close, connect
from exporters.readers.redis_keyspace import KeyFacts, Keyspace, describe, hashes, lists, strings
from tests.readers.odd_server import OddServer
from tests.readers.test_redis_client import GRANT, NO_REDIS
from tests.servers.fixtures import StartRedis


def fill(client: redis.Redis, pattern: str, count: int) -> set[bytes]:
    names = {pattern.format(number) for number in range(count)}
    with client.pipeline(transaction=False) as pipeline:
        for name in names:
            pipeline.set(name, "x")
        pipeline.execute()
    return {name.encode() for name in names}


def test_a_pass_takes_small_steps_and_finds_all(writer: redis.Redis, connection: redis.Redis) -> None:
    wanted = fill(writer, "her:context:{}", 700)
    fill(writer, "other:{}", 700)
    keyspace = Keyspace("her:context:*", steps=3, count=100)
    assert (keyspace.keys, keyspace.complete) == ((), False)
    writer.config_resetstat()
    advances = 1
    while not keyspace.advance(connection):
        advances += 1
        assert not keyspace.complete
        assert set(keyspace.keys) < wanted
    assert advances >= 4
    stats = writer.info("commandstats")
    assert stats["cmdstat_scan"]["calls"] <= 3 * advances
    assert "cmdstat_keys" not in stats
    assert set(keyspace.keys) == wanted
    assert list(keyspace.keys) == sorted(wanted)
    assert keyspace.complete


def test_a_new_pass_finds_the_new_at_once_and_forgets_the_gone_at_its_end(
    writer: redis.Redis, connection: redis.Redis
) -> None:
    fill(writer, "her:context:{}", 300)
    keyspace = Keyspace("her:context:*", steps=1, count=100)
    while not keyspace.advance(connection):
        pass
    writer.delete("her:context:7")
    writer.set("her:context:new", "x")
    seen_before_the_end = False
    while not keyspace.advance(connection):
        assert b"her:context:7" in keyspace.keys
        seen_before_the_end |= b"her:context:new" in keyspace.keys
    assert b"her:context:7" not in keyspace.keys
    assert b"her:context:new" in keyspace.keys
    assert keyspace.complete


def test_more_keys_than_allowed(writer: redis.Redis, connection: redis.Redis) -> None:
    wanted = fill(writer, "her:context:{}", 50)
    keyspace = Keyspace("her:context:*", max_keys=20, steps=100)
    assert keyspace.advance(connection)
    assert len(keyspace.keys) == 20
    assert set(keyspace.keys) < wanted
    assert keyspace.truncated
    writer.flushall()
    fill(writer, "her:context:{}", 20)
    assert keyspace.advance(connection)
    assert not keyspace.truncated


def test_an_empty_server(connection: redis.Redis) -> None:
    keyspace = Keyspace("her:*")
    assert keyspace.advance(connection)
    assert (keyspace.keys, keyspace.truncated) == ((), False)


def test_facts(writer: redis.Redis, connection: redis.Redis) -> None:
    writer.set("s", "héllo", ex=1000)
    writer.rpush("l", "a", "b", "c")
    writer.sadd("set", "a", "b")
    writer.hset("h", mapping={"concise": "0.5"})
    writer.zadd("z", {"a": 1})
    writer.xadd("x", {"a": "1"})
    writer.set("empty", "")
    keys = [b"s", b"l", b"set", b"h", b"z", b"x", b"empty", b"gone"]
    facts = describe(connection, keys)
    assert facts[0].ttl is not None
    assert 990 < facts[0].ttl <= 1000
    assert facts[0] == KeyFacts(b"s", "string", facts[0].ttl, 6)
    assert facts[1:] == [
        KeyFacts(b"l", "list", None, 3),
        KeyFacts(b"set", "set", None, 2),
        KeyFacts(b"h", "hash", None, None),
        KeyFacts(b"z", "zset", None, None),
        KeyFacts(b"x", "stream", None, None),
        KeyFacts(b"empty", "string", None, 0),
    ]


def test_many_facts_come_in_bounded_pipelines(writer: redis.Redis, connection: redis.Redis) -> None:
    wanted = fill(writer, "her:context:{}", 450)
    assert {fact.key for fact in describe(connection, sorted(wanted))} == wanted
    assert describe(connection, []) == []


def test_hashes(writer: redis.Redis, connection: redis.Redis) -> None:
    writer.hset("h:1", mapping={"concise": "0.5", "empathy": "0.25"})
    writer.set("h:2", "no hash")
    found = hashes(connection, [b"h:1", b"h:2", b"h:gone"])
    assert found == {b"h:1": {b"concise": b"0.5", b"empathy": b"0.25"}}


def test_strings_by_size(writer: redis.Redis, connection: redis.Redis) -> None:
    for number in range(30):
        writer.set(f"s:{number}", "x" * number * 10)
    writer.rpush("l", "a")
    facts = describe(connection, [f"s:{number}".encode() for number in range(30)] + [b"l"])
    writer.delete("s:3")
    writer.delete("s:4")
    writer.rpush("s:4", "now a list")
    found = strings(connection, facts, max_bytes=200)
    assert found == {f"s:{number}".encode(): b"x" * number * 10 for number in range(21) if number not in (3, 4)}


def test_lists_by_size(writer: redis.Redis, connection: redis.Redis) -> None:
    writer.rpush("l:small", "a", "b")
    writer.rpush("l:large", "x" * 100_000)
    writer.rpush("l:changed", "a")
    facts = describe(connection, [b"l:small", b"l:large", b"l:changed"])
    writer.delete("l:changed")
    writer.set("l:changed", "now a string")
    assert lists(connection, facts, max_bytes=10_000) == {b"l:small": [b"a", b"b"]}


def test_accounts(start_redis: StartRedis) -> None:
    password = "only-for-this-test"
    users = [f"reader on >{password} %R~her:* {GRANT}", f"less on >{password} %R~her:* +@all -scan -memory"]
    server = start_redis(users=users)
    owner = connect(host="127.0.0.1", port=server.port, password=server.password)
    owner.rpush("her:context:1", "a")
    reader = connect(host="127.0.0.1", port=server.port, username="reader", password=password)
    keyspace = Keyspace("her:context:*")
    keyspace.advance(reader)
    facts = describe(reader, keyspace.keys)
    assert facts == [KeyFacts(b"her:context:1", "list", None, 1)]
    assert lists(reader, facts, max_bytes=1000) == {b"her:context:1": [b"a"]}
    with pytest.raises(StreamError, match="no_permission"):
        describe(reader, [b"other:key"])
    less = connect(host="127.0.0.1", port=server.port, username="less", password=password)
    with pytest.raises(StreamError, match=r"no_permission: needs \+scan"):
        Keyspace("her:context:*").advance(less)
    assert lists(less, facts, max_bytes=1000) == {}
    for client in (owner, reader, less):
        close(client)


def test_a_server_that_is_none(connection: redis.Redis) -> None:
    with OddServer(NO_REDIS["ok to everything"]) as server:
        client = redis.Redis(host="127.0.0.1", port=server.port, protocol=2, socket_timeout=1)
        client.connection_pool.connection_kwargs["redis_connect_func"] = lambda made: made._parser.on_connect(made)
        with pytest.raises(SourceDown) as caught:
            Keyspace("her:*").advance(client)
        assert caught.value.reason == "protocol"
        client.close()
