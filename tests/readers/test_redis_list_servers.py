"""Lists through real accidents of a server: files that lost their last writes, restarts, accounts that may do less."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import redis

from exporters.core.errors import SourceDown, StreamError
from exporters.demo.redis import Redis
from exporters.readers.redis_client import close, connect, exchange
from exporters.readers.redis_list import RedisList
from tests.readers.lists import COMPANION, HASH_KEY, KEY, TOKENS, Consumer, Pusher
from tests.readers.test_redis_client import GRANT
from tests.servers.fixtures import StartRedis

PASSWORD = "only-for-this-test"


def readers(client: redis.Redis, max_poll_bytes: int = 8 << 20) -> tuple[Consumer, Consumer]:
    """One with a companion, one without."""
    plain = RedisList(key=KEY, cap=50, hash_key=HASH_KEY, max_poll_bytes=max_poll_bytes)
    counted = replace(plain, companion=COMPANION, accumulators=(TOKENS,))
    return Consumer(counted, client), Consumer(plain, client)


@pytest.fixture
def owner(redis_server: Redis) -> Iterator[redis.Redis]:
    client = connect(host="127.0.0.1", port=redis_server.port, password=redis_server.password)
    yield client
    close(client)


def cut_short(folder: Path) -> None:
    """A power cut: the end of the newest file never reached the disk, the last write only half."""
    newest = max((folder / "appendonlydir").glob("*.incr.aof"), key=lambda path: path.stat().st_mtime)
    data = newest.read_bytes()
    last_writes = [at for at in range(len(data)) if data.startswith(b"*1\r\n$5\r\nMULTI", at)][-5:]
    newest.write_bytes(data[: last_writes[0] + 20])


@pytest.mark.parametrize("max_poll_bytes", [8 << 20, 700])
def test_a_power_cut_that_took_the_last_pushes(redis_server: Redis, owner: redis.Redis, max_poll_bytes: int) -> None:
    """Doubled nothing, counted what came after, flagged once. HER's counters fell with the list: one transaction."""
    pusher = Pusher(owner)
    pusher.push(70)
    both = readers(owner, max_poll_bytes=max_poll_bytes)
    for reader in both:
        reader.drain()
    redis_server.kill()
    cut_short(redis_server.folder)
    with pytest.raises(SourceDown):
        both[0].read()
    redis_server.start().wait_ready()
    assert owner.get(COMPANION) == b"65"
    pusher.push(2)
    for reader in both:
        batch = reader.read()
        assert list(batch.records) == pusher.pushed[-2:]
        assert (batch.lost, batch.gap) == (0, True)
        assert not reader.read().gap
    assert both[0].totals[-1] == {COMPANION: None, TOKENS: None}


@pytest.mark.parametrize("pushed_after", [0, 3, 49, 120])
def test_an_older_copy_of_the_files(redis_server: Redis, owner: redis.Redis, pushed_after: int) -> None:
    """Of 80 entries the last 30 are gone with the copy; some of those before are in the list again, and known."""
    pusher = Pusher(owner)
    pusher.push(50)
    both = readers(owner)
    for reader in both:
        reader.drain()
    redis_server.kill()
    copy = redis_server.folder.parent / "copy"
    shutil.copytree(redis_server.folder / "appendonlydir", copy)
    redis_server.start().wait_ready()
    for _ in range(30):
        pusher.push(1)
        for reader in both:
            reader.drain()
    redis_server.kill()
    shutil.rmtree(redis_server.folder / "appendonlydir")
    shutil.copytree(copy, redis_server.folder / "appendonlydir")
    redis_server.start().wait_ready()
    pusher.push(pushed_after)
    for reader in both:
        reader.drain()
    new = pusher.pushed[80:][-50:]
    assert both[0].emitted == both[1].emitted == pusher.pushed[:80] + new
    if pushed_after == 120:  # they hide that 30 were taken back: the counter has grown by 90, of which 40 are gone
        assert (both[0].lost, both[0].gaps, both[1].gaps) == (40, 0, 1)
    else:
        assert (both[0].lost, both[0].gaps, both[1].gaps) == (0, 1, 1)


def test_an_ordinary_restart_is_no_event(redis_server: Redis, owner: redis.Redis) -> None:
    pusher = Pusher(owner)
    both = readers(owner)
    pusher.push(60)
    for reader in both:
        reader.drain()
    redis_server.kill()
    with pytest.raises(SourceDown):
        both[0].read()
    redis_server.start().wait_ready()
    pusher.push(5)
    for reader in both:
        assert list(reader.read().records) == pusher.pushed[-5:]
        assert reader.gaps == 0


Account = Callable[[str], tuple[redis.Redis, redis.Redis]]


@pytest.fixture
def account(start_redis: StartRedis) -> Iterator[Account]:
    """(reader with this grant, owner)."""
    clients: list[redis.Redis] = []

    def open_both(grant: str) -> tuple[redis.Redis, redis.Redis]:
        server = start_redis(users=[f"reader on >{PASSWORD} {grant}"])
        reader = connect(host="127.0.0.1", port=server.port, username="reader", password=PASSWORD)
        clients.extend([reader, connect(host="127.0.0.1", port=server.port, password=server.password)])
        return clients[-2], clients[-1]

    yield open_both
    for client in clients:
        close(client)


def test_the_least_grant_reads_everything(account: Account) -> None:
    reader, owner = account(f"%R~her:* {GRANT}")
    pusher = Pusher(owner)
    both = readers(reader)
    for burst in (5, 60, 3):
        pusher.push(burst)
        for consumer in both:
            consumer.drain()
    assert both[0].accounted == len(pusher.pushed)
    assert exchange(owner, [("ACL", "LOG")]) == [[]]


def test_without_memory_usage_entries_are_read_one_by_one(account: Account) -> None:
    reader, owner = account(f"%R~her:* {GRANT} -memory|usage")
    pusher = Pusher(owner)
    both = readers(reader)
    for burst in (5, 60, 3, 1, 0):
        pusher.push(burst)
        for consumer in both:
            consumer.drain()
    assert both[0].accounted == len(pusher.pushed)
    assert both[1].emitted == both[0].emitted
    stats = owner.info("commandstats")
    assert "cmdstat_lrange" not in stats
    assert stats["cmdstat_memory|usage"]["rejected_calls"] == 2, "asked once per reader and connection"


@pytest.mark.parametrize("grant", [f"%R~her:* {GRANT} -lindex", f"%R~her:logs {GRANT}", f"%R~her:* {GRANT} -multi"])
def test_too_small_a_grant_fails_the_stream_and_says_why(account: Account, grant: str) -> None:
    reader, owner = account(grant)
    Pusher(owner).push(5)
    with pytest.raises(StreamError) as caught:
        readers(reader)[0].read()
    assert caught.value.reason == "no_permission"
    assert str(caught.value) in {
        "no_permission: needs +lindex",
        "no_permission: needs +multi",
        "no_permission: the account may not read this key",
    }
