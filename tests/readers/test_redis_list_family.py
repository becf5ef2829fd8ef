"""Lists of one pattern on a real Redis: each aligned by itself, found by SCAN, few at a time."""

from __future__ import annotations

import json
from typing import Any

import pytest
import redis

from exporters.core.errors import StreamError
from exporters.readers.redis_list_family import RedisListFamily
from tests.readers.lists import HASH_KEY, Consumer, Pusher


def family(**options: Any) -> RedisListFamily:
    return RedisListFamily(**{"pattern": "her:reflection:*", "cap": 61, "hash_key": HASH_KEY, **options})


def pusher(client: redis.Redis, user: object, cap: int = 61) -> Pusher:
    return Pusher(client, cap=cap, key=f"her:reflection:{user}", counted=False, name=f"of {user}:")


@pytest.fixture
def consumer(connection: redis.Redis) -> Consumer:
    return Consumer(family(), connection)


def test_every_list_is_read_from_its_beginning(writer: redis.Redis, consumer: Consumer) -> None:
    pushers = [pusher(writer, user) for user in range(100)]
    for number, one in enumerate(pushers):
        one.push(number % 4 + 1)
    consumer.drain()
    assert sorted(consumer.emitted) == sorted(entry for one in pushers for entry in one.pushed)
    for one in pushers:
        assert [entry for entry in consumer.emitted if entry in one.pushed] == one.pushed
    assert (consumer.lost, consumer.gaps) == (0, 0)


def test_the_cursor_knows_neither_names_nor_texts(writer: redis.Redis, consumer: Consumer) -> None:
    pusher(writer, 5551001).push(3)
    consumer.drain()
    assert "5551001" not in consumer.stored
    assert "reflection" not in consumer.stored


def test_identical_neighbours_and_new_lists(writer: redis.Redis, consumer: Consumer) -> None:
    first, second = pusher(writer, "a"), pusher(writer, "b")
    consumer.drain()
    for payload in (b"x", b"x", b"y", b"y", b"y", b"x"):
        first.push(payload=payload)
        consumer.drain()
        second.push(payload=payload)
        second.push(payload=payload)
        consumer.drain()
    assert sorted(consumer.emitted) == sorted(first.pushed + second.pushed)
    assert (consumer.lost, consumer.gaps) == (0, 0)


def test_a_restart_finds_the_names_again(writer: redis.Redis, consumer: Consumer) -> None:
    pushers = [pusher(writer, user) for user in range(40)]
    for one in pushers:
        one.push(2)
    consumer.drain()
    for one in pushers:
        one.push(1)
    again = consumer.copy(reader=family())
    again.drain()
    assert sorted(again.emitted) == sorted(entry for one in pushers for entry in one.pushed)
    assert again.gaps == 0


def test_every_batch_boundary_is_a_place_to_crash(writer: redis.Redis, connection: redis.Redis) -> None:
    pushers = [pusher(writer, user) for user in range(9)]
    for number, one in enumerate(pushers):
        one.push(5 + number)
    options = {"max_batch_records": 6, "keys_per_read": 3}
    consumer = Consumer(family(**options), connection)
    places = [consumer.copy()]
    while True:
        consumer.read(commit=False)
        batch = consumer.read()
        places.append(consumer.copy())
        assert len(batch.records) <= 6
        if not batch.more:
            break
    for place in places:
        again = place.copy(reader=family(**options))
        again.drain()
        again.drain()
        assert sorted(again.emitted) == sorted(entry for one in pushers for entry in one.pushed)
        assert (again.lost, again.gaps) == (0, 0)


def test_a_deleted_list_is_one_gap(writer: redis.Redis, consumer: Consumer) -> None:
    one, other = pusher(writer, "a"), pusher(writer, "b")
    one.push(3)
    other.push(3)
    consumer.drain()
    writer.delete(one.key)
    for _ in range(4):
        consumer.drain()
    assert consumer.gaps == 1
    assert len(json.loads(consumer.stored)["keys"]) == 1
    one.push(2)
    other.push(1)
    for _ in range(2):
        consumer.drain()
    assert sorted(consumer.emitted) == sorted(one.pushed + other.pushed)
    assert consumer.gaps == 1


def test_flushall_is_flagged(writer: redis.Redis, consumer: Consumer) -> None:
    one = pusher(writer, "a")
    one.push(3)
    consumer.drain()
    writer.flushall()
    consumer.drain()
    one.push(2)
    consumer.drain()
    assert (consumer.emitted, consumer.lost, consumer.gaps) == (one.pushed, 0, 1)


def test_a_list_that_is_full_when_first_seen_later(writer: redis.Redis, consumer: Consumer) -> None:
    pusher(writer, "a").push(61)
    consumer.drain()
    assert consumer.gaps == 0, "history: nobody said it was complete"
    late = pusher(writer, "b")
    late.push(70)
    consumer.drain()
    assert consumer.gaps == 1
    assert len(consumer.emitted) == 61 + 61


def test_a_key_that_is_no_list_stays_alone(writer: redis.Redis, consumer: Consumer) -> None:
    writer.set("her:reflection:odd", "no list")
    one = pusher(writer, "a")
    one.push(2)
    consumer.drain()
    one.push(1)
    consumer.drain()
    assert (consumer.emitted, consumer.gaps) == (one.pushed, 1)
    writer.delete("her:reflection:odd")
    odd = pusher(writer, "odd")
    odd.push(2)
    consumer.drain()
    assert consumer.emitted == one.pushed + odd.pushed
    assert consumer.gaps == 1


def test_more_lists_than_are_read(writer: redis.Redis, connection: redis.Redis) -> None:
    pushers = [pusher(writer, user) for user in range(5)]
    for one in pushers:
        one.push(1)
    consumer = Consumer(family(max_keys=5), connection)
    consumer.drain()
    assert (len(consumer.emitted), consumer.gaps) == (5, 0)
    extra = [pusher(writer, f"later {number}") for number in range(3)]
    for one in extra + pushers:
        one.push(1)
    for _ in range(3):
        consumer.drain()
    assert sorted(consumer.emitted) == sorted(entry for one in pushers for entry in one.pushed)
    assert consumer.gaps == 1, "those beyond the bound, once"
    for one in pushers[:3]:
        writer.delete(one.key)
    for _ in range(3):
        consumer.drain()
    assert {entry for one in extra for entry in one.pushed} <= set(consumer.emitted)


def test_large_lists_are_bounded_too(writer: redis.Redis, connection: redis.Redis) -> None:
    one, other = pusher(writer, "a"), pusher(writer, "b")
    one.size = other.size = 1000
    one.push(10)
    other.push(10)
    consumer = Consumer(family(max_poll_bytes=3000), connection)
    for batch in consumer.drain():
        assert sum(map(len, batch.records)) <= 3000
    assert sorted(consumer.emitted) == sorted(one.pushed + other.pushed)


def test_a_cursor_of_another_version_is_refused(consumer: Consumer) -> None:
    consumer.stored = '{"v": 2}'
    with pytest.raises(StreamError, match="another version"):
        consumer.read()


def test_an_unchanged_family_keeps_its_cursor(writer: redis.Redis, consumer: Consumer) -> None:
    pusher(writer, "a").push(3)
    consumer.drain()
    before = json.loads(consumer.stored)
    consumer.drain()
    assert json.loads(consumer.stored) == before
