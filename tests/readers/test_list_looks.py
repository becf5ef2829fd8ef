"""Entry by entry, while the list moves: every look is of the moment of its glance."""

from __future__ import annotations

import pytest
import redis

from exporters.core.errors import StreamError
from exporters.readers.list_cursor import RecordHash
from exporters.readers.list_looks import OneByOne, Target, glance
from exporters.readers.list_place import Rules
from tests.readers.lists import HASH_KEY, KEY, Pusher

HASHED = RecordHash(HASH_KEY)


@pytest.fixture
def pusher(writer: redis.Redis) -> Pusher:
    return Pusher(writer, cap=20, counted=False)


def start(connection: redis.Redis, *, keep_bytes: int = 0) -> OneByOne:
    target = Target(KEY, (), Rules(20), HASHED)
    return OneByOne(connection, target, glance(connection, target), keep_bytes)


def hashed(entries: list[bytes]) -> tuple[bytes, ...]:
    return tuple(HASHED(entry) for entry in entries)


def test_pushes_in_between_are_left_for_the_next_read(pusher: Pusher, connection: redis.Redis) -> None:
    pusher.push(10)
    looks = start(connection)
    newest_first = pusher.pushed[::-1]
    assert looks.look(3).hashes == hashed(newest_first[:3])
    pusher.push(4)
    assert looks.look(6).hashes == hashed(newest_first[:6])
    pusher.push(2)
    seen = looks.look(100)
    assert seen.hashes == hashed(newest_first)
    assert (seen.length, seen.complete) == (10, True)
    for index in (9, 0, 4):
        assert looks.entry(index, seen.hashes[index]) == newest_first[index]
        pusher.push(1)


def test_what_is_trimmed_in_between_ends_the_list(pusher: Pusher, connection: redis.Redis) -> None:
    pusher.push(20)
    looks = start(connection)
    looks.look(3)
    pusher.push(5)
    seen = looks.look(100)
    assert seen.hashes == hashed(pusher.pushed[:20][::-1][:15])
    assert (seen.length, seen.complete) == (20, True)
    pusher.push(3)
    assert looks.entry(14, seen.hashes[14]) is None
    assert looks.entry(11, seen.hashes[11]) == pusher.pushed[8]


@pytest.mark.parametrize("more", [20, 40])
def test_a_list_that_turns_over_is_busy(pusher: Pusher, connection: redis.Redis, more: int) -> None:
    pusher.push(20)
    looks = start(connection)
    looks.look(2)
    pusher.push(more)
    with pytest.raises(StreamError) as caught:
        looks.look(10)
    assert caught.value.reason == "busy"


def test_a_list_that_became_another_is_busy_not_mistaken(pusher: Pusher, connection: redis.Redis) -> None:
    pusher.push(5)
    looks = start(connection)
    seen = looks.look(5)
    pusher.client.delete(KEY)
    pusher.client.rpush(KEY, *[f"other {number}" for number in range(200)])
    with pytest.raises(StreamError, match="busy"):
        looks.entry(2, seen.hashes[2])


def test_texts_are_kept_within_the_bytes_allowed(pusher: Pusher, connection: redis.Redis) -> None:
    pusher.size = 100
    pusher.push(10)
    looks = start(connection, keep_bytes=350)
    seen = looks.look(10)
    pusher.client.config_resetstat()
    assert [looks.entry(index, seen.hashes[index]) for index in (9, 8, 7)] == pusher.pushed[:3]
    assert "cmdstat_lindex" not in pusher.client.info("commandstats")
    assert looks.entry(0, seen.hashes[0]) == pusher.pushed[-1]
    assert pusher.client.info("commandstats")["cmdstat_lindex"]["calls"] == 1


def test_an_empty_list(connection: redis.Redis) -> None:
    seen = start(connection).look(10)
    assert (seen.hashes, seen.length, seen.complete) == ((), 0, True)
